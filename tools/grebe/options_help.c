/* SPDX-License-Identifier: Apache-2.0 */
/* options_help.c -- the tables of options.h as --help and as a manual page. */
#include <string.h>

#include <grebe/version.h>

#include "options.h"

enum { HELP_WIDTH = 80, HELP_COLUMN = 28 };

/* ---- Help -------------------------------------------------------------------------- */

/* Fills lines from `column` on; the cursor stands at `at`. */
static void print_wrapped(FILE *out, const char *text, int column, int at)
{
    while (*text != '\0') {
        int word = (int)strcspn(text, " \n");

        if (at > column && at + 1 + word > HELP_WIDTH) {
            fprintf(out, "\n%*s", column, "");
            at = column;
        }
        if (at > column) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", word, text);
        at += word;
        text += word;
        if (*text == '\n') {
            fprintf(out, "\n%*s", column, "");
            at = column;
        }
        if (*text != '\0')
            text++;
    }
    fputc('\n', out);
}

/* "  -n, --number N" */
static int format_names(const struct option_spec *option, char *buf, size_t size)
{
    char letter[8] = "    ";

    if (option->letter != '\0')
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    return snprintf(buf, size, "  %s--%s%s%s", letter, option->name,
                    option->value == NULL ? "" : " ",
                    option->value == NULL ? "" : option->value);
}

/* The option's help, and the value it has without being given. */
static const char *describe(const struct option_spec *option, char *buf, size_t size)
{
    bool has_initial = option->initial != NULL && *option->initial != '\0';

    snprintf(buf, size, has_initial ? "%s (%s)" : "%s", option->help, option->initial);
    return buf;
}

static void print_option(const struct option_spec *option, FILE *out)
{
    char names[80], help[512];
    int width = format_names(option, names, sizeof names);

    fputs(names, out);
    if (width > HELP_COLUMN - 2) {
        fputc('\n', out);
        width = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - width, "");
    print_wrapped(out, describe(option, help, sizeof help), HELP_COLUMN, HELP_COLUMN);
}

void options_print_help(const struct verb *verb, FILE *out)
{
    fprintf(out, "grebe %s -- %s\n\nUsage: grebe %s%s%s [OPTION]...\n\n", verb->name,
            verb->summary, verb->name, *verb->operands == '\0' ? "" : " ",
            verb->operands);
    print_wrapped(out, verb->text, 0, 0);
    for (const struct option_group *group = verb->groups; group->options != NULL;
         group++) {
        fprintf(out, "\n%s\n", group->title);
        for (const struct option_spec *option = group->options;
             option->kind != OPTION_END; option++)
            print_option(option, out);
    }
    fputs("\nExamples\n", out);
    for (const struct option_example *example = verb->examples; example->command != NULL;
         example++)
        fprintf(out, "  %s\n      %s\n", example->command, example->meaning);
}

void options_print_verbs(const struct verb *const *verbs, FILE *out)
{
    fputs("grebe -- balance, measure and explain gRPC calls\n\n"
          "Usage: grebe VERB [ARGUMENT]... [OPTION]...\n\nVerbs\n",
          out);
    for (; *verbs != NULL; verbs++)
        fprintf(out, "  %-10s %s\n", (*verbs)->name, (*verbs)->summary);
    fputs("\n'grebe VERB --help' tells everything about a verb, with examples;\n"
          "'grebe --version' which grebe this is.\n\n"
          "Exit codes: 0 fine, 1 the RPC or a check failed, 2 wrong usage,\n"
          "3 a threshold was missed.\n",
          out);
}

/* ---- Manual ------------------------------------------------------------------------ */

/* Text as roff takes it: '-' and '\' escaped, no line that starts like a request. */
static void print_roff(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((c == text || c[-1] == '\n') && (*c == '.' || *c == '\''))
            fputs("\\&", out);
        if (*c == '-' || *c == '\\')
            fputs(*c == '-' ? "\\-" : "\\e", out);
        else if (*c == '\n')
            fputs("\n.br\n", out);
        else
            fputc(*c, out);
    }
}

static void print_roff_option(const struct option_spec *option, FILE *out)
{
    char help[512];

    fputs(".TP\n\\fB", out);
    if (option->letter != '\0')
        fprintf(out, "\\-%c\\fR, \\fB", option->letter);
    print_roff(out, "--");
    print_roff(out, option->name);
    fputs("\\fR", out);
    if (option->value != NULL)
        fprintf(out, " \\fI%s\\fR", option->value);
    fputc('\n', out);
    print_roff(out, describe(option, help, sizeof help));
    fputc('\n', out);
}

static void print_roff_verb(const struct verb *verb, FILE *out)
{
    fprintf(out, ".SH GREBE %s\n\\fBgrebe %s\\fR %s [\\fIOPTION\\fR]...\n.PP\n",
            verb->name, verb->name, verb->operands);
    print_roff(out, verb->text);
    fputc('\n', out);
    for (const struct option_group *group = verb->groups; group->options != NULL;
         group++) {
        fprintf(out, ".SS %s\n", group->title);
        for (const struct option_spec *option = group->options;
             option->kind != OPTION_END; option++)
            print_roff_option(option, out);
    }
    fputs(".SS Examples\n", out);
    for (const struct option_example *example = verb->examples; example->command != NULL;
         example++) {
        fputs(".PP\n", out);
        print_roff(out, example->meaning);
        fputs("\n.PP\n.RS 4\n.nf\n", out);
        print_roff(out, example->command);
        fputs("\n.fi\n.RE\n", out);
    }
}

void options_print_manual(const struct verb *const *verbs, FILE *out)
{
    fprintf(out,
            ".\\\" SPDX-License-Identifier: Apache-2.0\n"
            ".\\\" Written by 'grebe --manual'; change the option tables instead.\n"
            ".TH GREBE 1 \"\" \"grebe %s\" \"User Commands\"\n"
            ".SH NAME\ngrebe \\- balance, measure and explain gRPC calls\n"
            ".SH SYNOPSIS\n\\fBgrebe\\fR \\fIVERB\\fR [\\fIARGUMENT\\fR]... "
            "[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n",
            GREBE_VERSION);
    for (const struct verb *const *verb = verbs; *verb != NULL; verb++)
        fprintf(out, ".TP\n\\fBgrebe %s\\fR\n%s\n", (*verb)->name, (*verb)->summary);
    for (; *verbs != NULL; verbs++)
        print_roff_verb(*verbs, out);
    fputs(".SH EXIT STATUS\n.TP\n0\nfine\n.TP\n1\nthe RPC or a check failed\n"
          ".TP\n2\nwrong usage; one line on stderr says what and how to mend it\n"
          ".TP\n3\na threshold was missed\n",
          out);
}
