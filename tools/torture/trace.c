/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"

enum {
    N_KEPT = 40,
    LINE_BYTES = 240,
    /* At one moment: far more than any run needs that moves on. */
    MOMENT_LINES_MAX = 200000,
};

static struct {
    const struct grebe__env *env;
    bool is_shown;
    uint64_t start_ns, hash;
    uint64_t n_lines;
    uint64_t moment_ns, n_at_moment;
    char kept[N_KEPT][LINE_BYTES]; /* a ring */
} run;

void trace_show(bool is_shown)
{
    run.is_shown = is_shown;
}

void trace_start(const struct grebe__env *env)
{
    run.env = env;
    run.start_ns = run.moment_ns = env->now_ns;
    run.hash = run.n_lines = run.n_at_moment = 0;
}

uint64_t trace_hash(void)
{
    return run.hash;
}

static void count_moment(void)
{
    if (run.moment_ns != run.env->now_ns) {
        run.moment_ns = run.env->now_ns;
        run.n_at_moment = 0;
    }
    if (++run.n_at_moment > MOMENT_LINES_MAX) {
        run.n_at_moment = 0;
        fail("time goes on", "%d events, and it is still the same moment",
             MOMENT_LINES_MAX);
    }
}

void trace(const char *format, ...)
{
    char *line = run.kept[run.n_lines++ % N_KEPT];
    uint64_t now_ns = run.env->now_ns - run.start_ns;
    int used = snprintf(line, LINE_BYTES, "%7" PRIu64 ".%06" PRIu64 "  ",
                        now_ns / 1000000000, now_ns / 1000 % 1000000);
    va_list args;

    va_start(args, format);
    vsnprintf(line + used, LINE_BYTES - (size_t)used, format, args);
    va_end(args);
    run.hash = grebe__hash64(line, strlen(line), run.hash);
    if (run.is_shown)
        puts(line);
    count_moment();
}

/* Not exit(): nothing is in order any more, and a leak check would only distract. */
void fail(const char *rule, const char *format, ...)
{
    uint64_t first = run.n_lines > N_KEPT ? run.n_lines - N_KEPT : 0;
    va_list args;

    fflush(stdout);
    fprintf(stderr, "%s: ", rule);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\n", stderr);
    if (!run.is_shown)
        for (uint64_t i = first; i < run.n_lines; i++)
            fprintf(stderr, "  %s\n", run.kept[i % N_KEPT]);
    fflush(stderr);
    _exit(EXIT_FOUND);
}
