/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz/play.c -- a target as a test: its corpus, and mutations of it that a seed decides.
 *
 *   fuzz_NAME CORPUS ROUNDS   each file of the folder, and ROUNDS mutations of each
 *   fuzz_NAME FILE            that one, as it is
 *
 * What is given to the target is in NAME.input before it gets it: there it is found after a
 * crash.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "fuzz/fuzz.h"

enum { LENGTH_MAX = 64 * 1024, FILES_MAX = 256, MUTATIONS_MAX = 6 };

struct input {
    char *name;
    size_t length;
    uint8_t bytes[LENGTH_MAX];
};

static struct input *files[FILES_MAX];
static size_t n_files;
static int kept = -1; /* NAME.input */

/* ---- Files ------------------------------------------------------------------------------ */

static struct input *load(const char *path)
{
    struct input *input = calloc(1, sizeof *input);
    FILE *file = fopen(path, "rb");

    if (input == NULL || file == NULL) {
        fprintf(stderr, "fuzz: %s cannot be read\n", path);
        exit(2);
    }
    input->length = fread(input->bytes, 1, LENGTH_MAX, file);
    input->name = strdup(path);
    fclose(file);
    return input;
}

static int by_name(const void *a, const void *b)
{
    const struct input *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static void load_all(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[4096];

    while (dir != NULL && (entry = readdir(dir)) != NULL && n_files < FILES_MAX) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        files[n_files++] = load(path);
    }
    if (dir != NULL)
        closedir(dir);
    qsort(files, n_files, sizeof files[0], by_name);
}

/* ---- Mutations -------------------------------------------------------------------------- */

static uint32_t below(struct grebe__rng *rng, size_t n)
{
    return n == 0 ? 0 : grebe__rng_below(rng, (uint32_t)n);
}

static void cut(struct input *input, size_t at, size_t n)
{
    memmove(input->bytes + at, input->bytes + at + n, input->length - at - n);
    input->length -= n;
}

/* `bytes` may be of `input` itself. */
static void insert(struct input *input, size_t at, const uint8_t *bytes, size_t n)
{
    static uint8_t copy[LENGTH_MAX];

    if (n > LENGTH_MAX - input->length)
        n = LENGTH_MAX - input->length;
    memcpy(copy, bytes, n);
    memmove(input->bytes + at + n, input->bytes + at, input->length - at);
    memcpy(input->bytes + at, copy, n);
    input->length += n;
}

static void mutate(struct input *input, struct grebe__rng *rng)
{
    static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, '"', '\\', '{', '[', '\n'};
    size_t at = below(rng, input->length), left = input->length - at;
    const struct input *other = files[below(rng, n_files)];
    size_t from = below(rng, other->length);
    uint8_t byte = telling[below(rng, sizeof telling)];

    switch (below(rng, 6)) {
    case 0:
        if (left > 0)
            input->bytes[at] ^= (uint8_t)(1u << below(rng, 8));
        break;
    case 1:
        if (left > 0)
            input->bytes[at] = byte;
        break;
    case 2:
        cut(input, at, below(rng, left < 16 ? left + 1 : 16));
        break;
    case 3:
        insert(input, at, &byte, 1);
        break;
    case 4: /* said twice */
        insert(input, at, input->bytes + at, below(rng, left < 64 ? left + 1 : 64));
        break;
    default: /* as another one has it */
        insert(input, at, other->bytes + from, below(rng, other->length - from + 1));
    }
}

/* ---- Playing ------------------------------------------------------------------------------ */

static void play(const struct input *input)
{
    uint8_t *exact = malloc(input->length); /* overruns are seen */

    if (kept >= 0 &&
        (ftruncate(kept, 0) != 0 || pwrite(kept, input->bytes, input->length, 0) < 0))
        exit(2);
    if (input->length > 0)
        memcpy(exact, input->bytes, input->length);
    (void)LLVMFuzzerTestOneInput(exact, input->length);
    free(exact);
}

static void play_all(uint32_t rounds)
{
    static struct input mutant;
    struct grebe__rng rng;

    for (size_t i = 0; i < n_files; i++) {
        grebe__rng_seed(&rng, i);
        play(files[i]);
        for (uint32_t round = 0; round < rounds; round++) {
            mutant = *files[i];
            for (uint32_t n = 1 + below(&rng, MUTATIONS_MAX); n > 0; n--)
                mutate(&mutant, &rng);
            play(&mutant);
        }
    }
}

int main(int argc, char **argv)
{
    char path[4096];

    if (argc == 2) {
        play(load(argv[1]));
        return 0;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: %s FILE | CORPUS ROUNDS\n", argv[0]);
        return 2;
    }
    load_all(argv[1]);
    if (n_files == 0) {
        fprintf(stderr, "fuzz: there is nothing in %s\n", argv[1]);
        return 2;
    }
    snprintf(path, sizeof path, "%s.input", argv[0]);
    kept = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    play_all((uint32_t)strtoul(argv[2], NULL, 10));
    unlink(path);
    printf("%zu files, %s mutations of each\n", n_files, argv[2]);
    for (size_t i = 0; i < n_files; i++) {
        free(files[i]->name);
        free(files[i]);
    }
    return 0;
}
