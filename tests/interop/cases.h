/* SPDX-License-Identifier: Apache-2.0 */
/* interop/cases.h -- groups of cases: each gives how many have failed. */
#ifndef INTEROP_CASES_H
#define INTEROP_CASES_H

#include "world.h"

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int run_calls(void);
int run_health(void);
int run_orca(void);

#endif
