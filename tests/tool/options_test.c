/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser: every way to write an option, and what it says of wrong ones. */
#include "support/test.h"

#include "options.h"

struct inner {
    bool is_plain;
    const char *format;
};

struct args {
    struct operands operands;
    struct inner inner;
    uint64_t n, time_ns, bytes;
    double rate;
    const char *text, *tuned;
    struct text_list headers;
    bool is_loud;
};

static const struct option_spec inner_options[] = {
    {OPTION_FLAG, 'p', "plain", offsetof(struct inner, is_plain), NULL, NULL, 0, "-"},
    {OPTION_CHOICE, 'o', "format", offsetof(struct inner, format), "table|json", "table",
     0, "-"},
    {.kind = OPTION_END},
};

static const struct option_spec own_options[] = {
    {OPTION_COUNT, 'n', "number", offsetof(struct args, n), "N", "7", 1, "-"},
    {OPTION_DURATION, 'z', "time", offsetof(struct args, time_ns), "TIME", NULL, 0, "-"},
    {OPTION_SIZE, '\0', "size", offsetof(struct args, bytes), "BYTES", NULL, 0, "-"},
    {OPTION_NUMBER, 'r', "rate", offsetof(struct args, rate), "N", NULL, 0, "-"},
    {OPTION_TEXT, 'd', "data", offsetof(struct args, text), "DATA", NULL, 0, "-"},
    {OPTION_TEXT, 't', "tune", offsetof(struct args, tuned), "[HOW]", NULL, 0, "-"},
    {OPTION_LIST, 'H', "header", offsetof(struct args, headers), "H", NULL, 0, "-"},
    {OPTION_FLAG, 'v', "loud", offsetof(struct args, is_loud), NULL, NULL, 0, "-"},
    {.kind = OPTION_END},
};

static const struct option_group groups[] = {
    {"Own", own_options, 0},
    {"Inner", inner_options, offsetof(struct args, inner)},
    {NULL, NULL, 0},
};

static const struct verb verb = {.name = "try",
                                 .operands = "TARGET [WORD]",
                                 .groups = groups,
                                 .args_size = sizeof(struct args)};

enum { WORDS = 16 };

/* Parses words separated by blanks. */
static enum options_result parse(const char *line, struct args *args, char error[256])
{
    static char copy[512];
    char *words[WORDS];
    int n = 0;

    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        words[n++] = word;
    *args = (struct args){0};
    error[0] = '\0';
    return options_parse(&verb, n, words, args, error, 256);
}

TEST(every_spelling_gives_the_same)
{
    static const char *const lines[] = {
        "t --number 3 --data x --plain --loud",
        "--number=3 --data=x --plain --loud t",
        "-n 3 -d x -p -v t",
        "-n3 -dx t -pv",
        "-vpn3 t -d=x",
        "t -vpn 3 --data x",
        "--number 9 --number 3 t -d y -d x -p -v",
        "-p -v -n=3 -dx -- t",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct args args;
        char error[256];

        assert_int_equal(parse(lines[i], &args, error), OPTIONS_OK);
        assert_int_equal(args.n, 3);
        assert_string_equal(args.text, "x");
        assert_true(args.inner.is_plain && args.is_loud);
        assert_int_equal(args.operands.n, 1);
        assert_string_equal(args.operands.items[0], "t");
        assert_null(args.operands.items[1]);
    }
}

TEST(a_value_may_be_left_out_where_it_says_so)
{
    static const struct {
        const char *line, *tuned;
    } cases[] = {
        {"x --tune", ""},        {"x --tune -v", ""},     {"--tune -- x", ""},
        {"x --tune low", "low"}, {"--tune=low x", "low"}, {"--tune= x", ""},
        {"-tlow x", "low"},      {"x -vt low", "low"},    {"x -vt -p", ""},
        {"x --tune low -t", ""},
    };
    struct args args;
    char error[256];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].line, &args, error), OPTIONS_OK);
        assert_string_equal(args.tuned, cases[i].tuned);
        assert_int_equal(args.operands.n, 1);
    }
    assert_int_equal(parse("x", &args, error), OPTIONS_OK);
    assert_null(args.tuned);
}

TEST(initial_values_hold_until_given)
{
    struct args args;
    char error[256];

    assert_int_equal(parse("t", &args, error), OPTIONS_OK);
    assert_int_equal(args.n, 7);
    assert_string_equal(args.inner.format, "table");
    assert_null(args.text);
    assert_int_equal(parse("t -o json", &args, error), OPTIONS_OK);
    assert_string_equal(args.inner.format, "json");
}

TEST(lists_keep_their_order)
{
    struct args args;
    char error[256];

    assert_int_equal(parse("t -H a:1 --header b:2 -H=c", &args, error), OPTIONS_OK);
    assert_int_equal(args.headers.n, 3);
    assert_string_equal(args.headers.items[0], "a:1");
    assert_string_equal(args.headers.items[1], "b:2");
    assert_string_equal(args.headers.items[2], "c");
    options_free(&verb, &args);
    assert_int_equal(args.headers.n, 0);
}

TEST(values_have_their_units)
{
    struct args args;
    char error[256];

    assert_int_equal(parse("t -z 5ms --size 4k -r 0.5", &args, error), OPTIONS_OK);
    assert_int_equal(args.time_ns, 5 * MS);
    assert_int_equal(args.bytes, 4096);
    assert_true(args.rate == 0.5);
}

TEST(words_behind_two_dashes_and_a_lone_dash_are_operands)
{
    struct args args;
    char error[256];

    assert_int_equal(parse("- -- -n", &args, error), OPTIONS_OK);
    assert_string_equal(args.operands.items[0], "-");
    assert_string_equal(args.operands.items[1], "-n");
}

TEST(help_is_asked_for_anywhere)
{
    struct args args;
    char error[256];

    assert_int_equal(parse("--help", &args, error), OPTIONS_HELP);
    assert_int_equal(parse("t -h --nonsense", &args, error), OPTIONS_HELP);
}

TEST(one_line_says_what_is_wrong_and_how_to_mend_it)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"", "TARGET is missing: grebe try TARGET [WORD]"},
        {"a b c", "'c' is one word too many: grebe try TARGET [WORD]"},
        {"t --nonsense", "unknown option --nonsense"},
        {"t --numbr 3", "unknown option --numbr, did you mean --number?"},
        {"t --headers=3", "unknown option --headers, did you mean --header?"},
        {"t -x", "unknown option -x"},
        {"t -vx", "unknown option -x"},
        {"t -n", "--number needs a value: --number N"},
        {"t --number", "--number needs a value: --number N"},
        {"t -n 0", "--number: '0' is not a number from 1 on"},
        {"t -n 1x", "--number: '1x' is not a number from 1 on"},
        {"t -z soon", "--time: 'soon' is not a duration like 10s, 5ms or 250us"},
        {"t --size big", "--size: 'big' is not a size like 128, 16k or 4M"},
        {"t -r -1", "--rate: '-1' is not a number"},
        {"t -o xml", "--format: 'xml' is not one of table|json"},
        {"t -o jso", "--format: 'jso' is not one of table|json"},
        {"t --plain=yes", "--plain takes no value"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct args args;
        char error[256], want[300];

        assert_int_equal(parse(cases[i].line, &args, error), OPTIONS_WRONG);
        snprintf(want, sizeof want, "grebe try: %s (try 'grebe try --help')",
                 cases[i].error);
        assert_string_equal(error, want);
        options_free(&verb, &args);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_gives_the_same),
        cmocka_unit_test(a_value_may_be_left_out_where_it_says_so),
        cmocka_unit_test(initial_values_hold_until_given),
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(values_have_their_units),
        cmocka_unit_test(words_behind_two_dashes_and_a_lone_dash_are_operands),
        cmocka_unit_test(help_is_asked_for_anywhere),
        cmocka_unit_test(one_line_says_what_is_wrong_and_how_to_mend_it),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
