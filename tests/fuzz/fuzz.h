/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz/fuzz.h -- what reads bytes of other people, each without a socket.
 *
 * A target takes any bytes, gives them to one reader, and checks what must hold whatever they
 * are: nothing is left in memory, and an answer keeps its promises.  The same program is
 *
 *   a test    ctest runs it over corpus/NAME and some thousand mutations of that, which are the
 *             same each time: fuzz/play.c is its main
 *   a fuzzer  in the preset `fuzz`: libFuzzer is, with coverage, for as long as one likes
 *
 * A finding becomes a file of the corpus.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/mem.h>

/* The target.  0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what does not hold, and aborts. */
void fuzz_check(bool holds, const char *what);

/* A copy that ends with NUL where the bytes end, and is as long as that: the caller's to
 * free(). */
char *fuzz_text(const uint8_t *data, size_t size);

/* support/mem.h: counts blocks, and fuzz_none_left() checks that all are back. */
const struct grebe_mem *fuzz_mem(void);
void fuzz_none_left(void);

#endif
