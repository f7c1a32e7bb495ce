/* SPDX-License-Identifier: Apache-2.0 */
/* support/test.h -- what every cmocka test includes first. */
#ifndef SUPPORT_TEST_H
#define SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* A test, its name a sentence about behaviour. */
#define TEST(name) static void name(void **state __attribute__((unused)))

#endif
