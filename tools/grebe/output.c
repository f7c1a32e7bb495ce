/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term.h"

#define NO_COLOR_OPTION                                                                  \
    {                                                                                    \
        .kind = OPTION_FLAG, .name = "no-color",                                         \
        .offset = offsetof(struct output_args, is_colourless),                           \
        .help = "no colours; NO_COLOR in the environment does the same",                 \
    }
#define FORMAT_OPTION(choices)                                                           \
    {                                                                                    \
        .kind = OPTION_CHOICE, .name = "output", .letter = 'o',                          \
        .offset = offsetof(struct output_args, format), .value = choices,                \
        .initial = "table", .help = "for people, or for programs",                       \
    }

const struct option_spec output_options[] = {
    FORMAT_OPTION("table|json"),
    NO_COLOR_OPTION,
    {.kind = OPTION_END},
};

const struct option_spec output_options_csv[] = {
    FORMAT_OPTION("table|json|csv"),
    NO_COLOR_OPTION,
    {.kind = OPTION_END},
};

bool output_is(const struct output_args *args, const char *format)
{
    return strcmp(args->format, format) == 0;
}

json_t *output_text(const char *text, size_t length)
{
    json_t *value = json_stringn(text, length);
    char *escaped = value != NULL ? NULL : malloc(4 * length + 1);

    if (escaped == NULL)
        return value;
    value = json_stringn(escaped, term_escape(text, length, escaped));
    free(escaped);
    return value;
}

json_t *output_string(const char *text)
{
    return text == NULL ? NULL : output_text(text, strlen(text));
}

int output_json(json_t *value)
{
    int error;

    if (value == NULL) {
        fputs("grebe: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    error = json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(value);
    if (error == 0)
        putchar('\n');
    return error == 0 && output_flush() ? EXIT_FINE : EXIT_FAILED;
}

/* Of a pipe. */
static bool is_reader_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};

    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

bool output_flush(void)
{
    static int cause; /* of the last failure; none of a write that nobody asked about */

    if (fflush(stdout) != 0)
        cause = errno;
    else if (!ferror(stdout))
        return true;
    errno = is_reader_gone() ? EPIPE : cause;
    return false;
}

int output_check_file(const char *verb, const char *option, const char *path)
{
    FILE *file = path == NULL ? NULL : fopen(path, "a");

    if (path == NULL)
        return EXIT_FINE;
    if (file == NULL)
        return options_complain(verb, "%s: %s: %s", option, path, strerror(errno));
    fclose(file);
    return EXIT_FINE;
}
