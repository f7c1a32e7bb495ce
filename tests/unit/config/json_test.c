/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <locale.h>
#include <stdlib.h>

#include "base/assert.h"
#include "config/json.h"
#include "support/mem.h"

static const struct grebe_json *parse(const char *text)
{
    const struct grebe_json *document = NULL;
    struct grebe_diag diag = {""};
    int error = grebe__json_parse(text, strlen(text), &diag, &document);

    if (error != GREBE_OK)
        fail_msg("%s: %s", text, diag.text);
    return document;
}

static void assert_refused(const char *text, size_t length, const char *why)
{
    const struct grebe_json *document = NULL;
    struct grebe_diag diag = {""};

    assert_int_equal(grebe__json_parse(text, length, &diag, &document), GREBE_ERR_CONFIG);
    assert_null(document);
    if (strstr(diag.text, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", diag.text, why);
}

/* ---- Parsing ----------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *why;
} refused[] = {
    {"", "line 1 column 0: "},
    {"  ", "line 1 column 2: "},
    {"{", "line 1 column 1: "},
    {"{\"a\" 1}", "line 1 column 6: "},
    {"{\n \"a\": fall\n}", "line 2 column 10: invalid token"},
    {"{}x", "line 1 column 3: end of file expected"},
    {"{} {}", "line 1 column 4: end of file expected"},
    {"{\"a\":\"\xff\"}", "unable to decode byte 0xff"},
    {"{\"a\":\"\xc0\x80\"}", "unable to decode byte 0xc0"},
    {"{\"a\":\"\xed\xa0\x80\"}", "unable to decode byte 0xed"},
    {"{\"a\":01}", "line 1 column 6: invalid token"},
    {"{\"a\":1,}", "line 1 column 8: "},
    {"{'a':1}", "line 1 column "},
    {"{\"a\":NaN}", "line 1 column "},
    {"{\"a\":\"\\ud800\"}", "line 1 column "},
    {"{\"a\":1,\"a\":2}", "line 1 column 10: duplicate object key"},
    {"{\"ab\":1,\"Ab\":2}", "twice in an object, in different case: \"Ab\""},
    {"[{\"x\":[{\"b\":1,\"c\":0,\"B\":2}]}]", "in different case: \"B\""},
    {"{\"\x1b\":1}", "line 1 column "},
};

/* REG-9 */
TEST(what_is_refused_and_where)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++)
        assert_refused(refused[i].text, strlen(refused[i].text), refused[i].why);
}

TEST(explanations_show_no_input)
{
    const struct grebe_json *document;
    struct grebe_diag diag;
    const char *text = "{\"a\": \x01zzz}";

    assert_int_equal(grebe__json_parse(text, strlen(text), &diag, &document),
                     GREBE_ERR_CONFIG);
    assert_null(strstr(diag.text, "zzz"));
    assert_null(strchr(diag.text, '\x01'));
}

TEST(any_value_may_be_the_root)
{
    static const char *const texts[] = {"{}",   "[]",   "1",     "\"a\"",
                                        "null", "true", " {} \n"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(texts); i++)
        grebe_json_free(parse(texts[i]));
}

TEST(text_is_64_kib_at_most)
{
    char *text = malloc(GREBE__JSON_TEXT_MAX + 2);

    memset(text, ' ', GREBE__JSON_TEXT_MAX + 1);
    text[0] = '1';
    text[GREBE__JSON_TEXT_MAX] = '\0';
    grebe_json_free(parse(text));
    text[GREBE__JSON_TEXT_MAX] = ' ';
    assert_refused(text, GREBE__JSON_TEXT_MAX + 1, "the text has 65537 bytes");
    free(text);
}

/* `n` levels, lists and objects in turn. */
static char *nested(size_t n)
{
    char *text = calloc(n + 1, 12), *end = text;

    for (size_t i = 0; i < n; i++)
        end += sprintf(end, i % 2 == 0 ? "[" : "{\"a\":");
    end += sprintf(end, "1");
    for (size_t i = n; i-- > 0;)
        end += sprintf(end, i % 2 == 0 ? "]" : "}");
    return text;
}

TEST(levels_are_64_at_most)
{
    char *text = nested(64);

    grebe_json_free(parse(text));
    free(text);
    text = nested(65);
    assert_refused(text, strlen(text), "nested deeper than 64 levels");
    free(text);
    text = nested(5000);
    assert_refused(text, strlen(text), "");
    free(text);
}

/* Names that collide under a weak comparison must not slow the check for duplicates down:
 * this is what 64 KiB can hold. */
TEST(object_with_thousands_of_names_is_read)
{
    char *text = malloc(GREBE__JSON_TEXT_MAX), *end = text;
    const struct grebe_json *document;

    end += sprintf(end, "{");
    for (int i = 0; i < 5000; i++)
        end += sprintf(end, "%s\"n%d\":%d", i == 0 ? "" : ",", i, i);
    sprintf(end, "}");
    document = parse(text);
    assert_int_equal(grebe__json_n_members(document), 5000);
    grebe_json_free(document);
    free(text);
}

/* ---- Writing ----------------------------------------------------------------------- */

TEST(values_are_written_as_they_were_read)
{
    static const char *const texts[] = {
        "{\"b\":1,\"a\":[true,null,\"x\\\"\\\\\\n\\u0000\"],\"c\":{}}",
        "[]",
        "\"\"",
        "-9223372036854775808",
        "0.10000000000000001",
        "\"\xe2\x82\xac\"",
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(texts); i++) {
        const struct grebe_json *document = parse(texts[i]);
        char *text = grebe_json_dump(NULL, document);

        assert_string_equal(text, texts[i]);
        grebe_mem_free(NULL, text);
        grebe_json_free(document);
    }
}

TEST(writing_takes_one_block_or_none)
{
    const struct grebe_json *document = parse(" { \"a\" : [ 1, 2 ] } ");
    struct test_mem mem;
    char *text;

    test_mem_init(&mem);
    text = grebe_json_dump(&mem.interface, document);
    assert_string_equal(text, "{\"a\":[1,2]}");
    grebe_mem_free(&mem.interface, text);
    assert_int_equal(mem.n_allocs, 1);
    mem.fail_at = 2;
    assert_null(grebe_json_dump(&mem.interface, document));
    assert_int_equal(mem.n_live, 0);
    grebe_json_free(document);
}

/* ---- Members ----------------------------------------------------------------------- */

static const struct {
    const char *object;
    const char *name;
    const char *found; /* NULL: nothing */
} lookups[] = {
    {"{\"maxAttempts\":\"x\"}", "maxAttempts", "x"},
    {"{\"max_attempts\":\"x\"}", "maxAttempts", "x"},
    {"{\"MAXATTEMPTS\":\"x\"}", "maxAttempts", "x"},
    {"{\"MaxAttempts\":\"x\"}", "maxAttempts", "x"},
    {"{\"max-attempts\":\"x\"}", "maxAttempts", NULL},
    {"{\"Max_Attempts\":\"x\"}", "maxAttempts", NULL},
    {"{\"max_attempts_\":\"x\"}", "maxAttempts", NULL},
    {"{\"maxattempts2\":\"x\"}", "maxAttempts", NULL},
    {"{\"maxAttempts\":null}", "maxAttempts", NULL},
    {"{}", "maxAttempts", NULL},
    {"[\"maxAttempts\"]", "maxAttempts", NULL},
    {"7", "maxAttempts", NULL},
    {"null", "maxAttempts", NULL},
};

TEST(member_is_found_by_its_names)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(lookups); i++) {
        const struct grebe_json *object = parse(lookups[i].object);
        const struct grebe_json *member = grebe_json_member(object, lookups[i].name);

        if (lookups[i].found == NULL)
            assert_null(member);
        else
            assert_string_equal(grebe_json_string(member), lookups[i].found);
        grebe_json_free(object);
    }
}

TEST(two_names_of_one_member_are_one_too_many)
{
    const struct grebe_json *object =
        parse("{\"max_attempts\":3,\"other_field\":1,\"maxAttempts\":4}");
    struct grebe_diag diag;
    uint32_t value = 9;

    assert_int_equal(grebe_json_get_uint32(object, "maxAttempts", &value, &diag),
                     GREBE_ERR_CONFIG);
    assert_string_equal(diag.text, "maxAttempts: comes twice, under two names");
    assert_int_equal(value, 9);
    grebe_json_free(object);
}

TEST(members_are_in_order)
{
    const struct grebe_json *object = parse("{\"b\":1,\"a\":null,\"c\":{\"d\":2}}");
    static const char *const names[] = {"b", "a", "c"};
    const struct grebe_json *value;
    const char *name = NULL;
    size_t n = 0;

    while ((value = grebe_json_next_member(object, name, &name)) != NULL)
        assert_string_equal(name, names[n++]);
    assert_int_equal(n, 3);
    assert_null(grebe_json_next_member(NULL, NULL, &name));
    assert_null(grebe_json_next_member(grebe_json_element(object, 0), NULL, &name));
    grebe_json_free(object);
}

TEST(name_is_another_spelling_where_member_would_find_it)
{
    assert_true(grebe_json_is_name("maxAttempts", "maxAttempts"));
    assert_true(grebe_json_is_name("max_attempts", "maxAttempts"));
    assert_true(grebe_json_is_name("MAXattempts", "maxAttempts"));
    assert_false(grebe_json_is_name("max_Attempts", "maxAttempts"));
    assert_false(grebe_json_is_name("maxAttempt", "maxAttempts"));
}

TEST(elements_are_in_order)
{
    const struct grebe_json *list = parse("[\"a\",\"b\",\"c\"]");

    assert_int_equal(grebe_json_length(list), 3);
    assert_string_equal(grebe_json_string(grebe_json_element(list, 2)), "c");
    assert_null(grebe_json_element(list, 3));
    assert_int_equal(grebe_json_length(grebe_json_element(list, 0)), 0);
    assert_int_equal(grebe_json_length(NULL), 0);
    assert_null(grebe_json_string(NULL));
    grebe_json_free(list);
}

TEST(every_type_has_its_number)
{
    const struct grebe_json *list = parse("[null,true,1,1.5,\"\",[],{}]");
    static const enum grebe_json_type types[] = {
        GREBE_JSON_NULL,   GREBE_JSON_BOOL,  GREBE_JSON_NUMBER, GREBE_JSON_NUMBER,
        GREBE_JSON_STRING, GREBE_JSON_ARRAY, GREBE_JSON_OBJECT,
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(types); i++)
        assert_int_equal(grebe_json_type(grebe_json_element(list, i)), types[i]);
    grebe_json_free(list);
}

/* ---- Getters ----------------------------------------------------------------------- */

enum getter { BOOL, STRING, UINT32, INT64, DOUBLE, DURATION, OBJECT, ARRAY };

/* Runs a getter on member "x" and drops what it gets. */
static int get(enum getter getter, const struct grebe_json *object,
               struct grebe_diag *diag)
{
    const struct grebe_json *json = NULL;
    const char *text = NULL;
    uint32_t small = 0;
    int64_t large = 0;
    double real = 0;
    bool truth = false;

    switch (getter) {
    case BOOL:
        return grebe_json_get_bool(object, "x", &truth, diag);
    case STRING:
        return grebe_json_get_string(object, "x", &text, diag);
    case UINT32:
        return grebe_json_get_uint32(object, "x", &small, diag);
    case INT64:
        return grebe_json_get_int64(object, "x", &large, diag);
    case DOUBLE:
        return grebe_json_get_double(object, "x", &real, diag);
    case DURATION:
        return grebe_json_get_duration(object, "x", &large, diag);
    case OBJECT:
        return grebe_json_get_object(object, "x", &json, diag);
    case ARRAY:
        return grebe_json_get_array(object, "x", &json, diag);
    }
    return GREBE_ERR_INVALID;
}

static const struct {
    enum getter getter;
    const char *object;
    const char *why; /* NULL: accepted */
} readings[] = {
    {BOOL, "{\"x\":true}", NULL},
    {BOOL, "{\"x\":\"true\"}", "x: expected a boolean, found a string"},
    {BOOL, "{\"x\":1}", "x: expected a boolean, found a number"},
    {STRING, "{\"x\":\"\"}", NULL},
    {STRING, "{\"x\":[]}", "x: expected a string, found a list"},
    {STRING, "{\"x\":\"a\\u0000b\"}", "x: has a NUL inside"},
    {UINT32, "{\"x\":4294967295}", NULL},
    {UINT32, "{\"x\":4294967296}", "x: 4294967296 is not between 0 and 4294967295"},
    {UINT32, "{\"x\":-1}", "x: -1 is not between 0 and 4294967295"},
    {UINT32, "{\"x\":\"1024\"}", "x: expected an integer, found a string"},
    {INT64, "{\"x\":-9223372036854775808}", NULL},
    {INT64, "{\"x\":2.0}", "x: expected an integer, without fraction or exponent"},
    {INT64, "{\"x\":2e0}", "x: expected an integer, without fraction or exponent"},
    {INT64, "{\"x\":{}}", "x: expected an integer, found an object"},
    {DOUBLE, "{\"x\":1}", NULL},
    {DOUBLE, "{\"x\":1.5e-3}", NULL},
    {DOUBLE, "{\"x\":\"1\"}", "x: expected a number, found a string"},
    {DURATION, "{\"x\":\"1.5s\"}", NULL},
    {DURATION, "{\"x\":\"5m\"}", "x: not a duration such as \"1.5s\": \"5m\""},
    {DURATION, "{\"x\":123}", "x: expected a string, found a number"},
    {OBJECT, "{\"x\":{}}", NULL},
    {OBJECT, "{\"x\":[]}", "x: expected an object, found a list"},
    {ARRAY, "{\"x\":[]}", NULL},
    {ARRAY, "{\"x\":false}", "x: expected a list, found a boolean"},
    {ARRAY, "[1]", "x: expected inside an object, not a list"},
};

TEST(getters_take_their_type_only)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(readings); i++) {
        const struct grebe_json *object = parse(readings[i].object);
        struct grebe_diag diag = {""};
        int error = get(readings[i].getter, object, &diag);

        assert_int_equal(error, readings[i].why == NULL ? GREBE_OK : GREBE_ERR_CONFIG);
        assert_string_equal(diag.text, readings[i].why == NULL ? "" : readings[i].why);
        assert_int_equal(get(readings[i].getter, object, NULL), error);
        grebe_json_free(object);
    }
}

TEST(absent_and_null_leave_the_default)
{
    static const char *const texts[] = {"{}", "{\"x\":null}", "{\"y\":1}", "null"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(texts); i++) {
        const struct grebe_json *object = parse(texts[i]);
        const char *text = "default";
        uint32_t number = 7;

        for (int getter = BOOL; getter <= ARRAY; getter++)
            assert_int_equal(get((enum getter)getter, object, NULL), GREBE_OK);
        assert_int_equal(grebe_json_get_string(object, "x", &text, NULL), GREBE_OK);
        assert_string_equal(text, "default");
        assert_int_equal(grebe_json_get_uint32(object, "x", &number, NULL), GREBE_OK);
        assert_int_equal(number, 7);
        grebe_json_free(object);
    }
    assert_int_equal(get(BOOL, NULL, NULL), GREBE_OK);
}

TEST(values_arrive_whole)
{
    const struct grebe_json *object = parse(
        "{\"b\":true,\"s\":\"\xc3\xa4\\u00e4\",\"i\":-5,\"d\":0.25,\"t\":\"-1.5s\"}");
    const char *text = NULL;
    int64_t number = 0, duration = 0;
    double real = 0;
    bool truth = false;

    assert_int_equal(grebe_json_get_bool(object, "b", &truth, NULL), GREBE_OK);
    assert_int_equal(grebe_json_get_string(object, "s", &text, NULL), GREBE_OK);
    assert_int_equal(grebe_json_get_int64(object, "i", &number, NULL), GREBE_OK);
    assert_int_equal(grebe_json_get_double(object, "d", &real, NULL), GREBE_OK);
    assert_int_equal(grebe_json_get_duration(object, "t", &duration, NULL), GREBE_OK);
    assert_true(truth);
    assert_string_equal(text, "\xc3\xa4\xc3\xa4");
    assert_int_equal(number, -5);
    assert_true(real == 0.25);
    assert_int_equal(duration, -1500000000);
    grebe_json_free(object);
}

TEST(decimal_comma_of_a_locale_does_not_matter)
{
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    const struct grebe_json *object;
    double real = 0;

    for (size_t i = 0; i < GREBE_ARRAY_LEN(locales); i++)
        if (setlocale(LC_ALL, locales[i]) != NULL)
            break;
    object = parse("{\"x\":1.5}");
    assert_int_equal(grebe_json_get_double(object, "x", &real, NULL), GREBE_OK);
    assert_true(real == 1.5);
    grebe_json_free(object);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_and_where),
        cmocka_unit_test(explanations_show_no_input),
        cmocka_unit_test(any_value_may_be_the_root),
        cmocka_unit_test(text_is_64_kib_at_most),
        cmocka_unit_test(levels_are_64_at_most),
        cmocka_unit_test(object_with_thousands_of_names_is_read),
        cmocka_unit_test(values_are_written_as_they_were_read),
        cmocka_unit_test(writing_takes_one_block_or_none),
        cmocka_unit_test(member_is_found_by_its_names),
        cmocka_unit_test(two_names_of_one_member_are_one_too_many),
        cmocka_unit_test(members_are_in_order),
        cmocka_unit_test(name_is_another_spelling_where_member_would_find_it),
        cmocka_unit_test(elements_are_in_order),
        cmocka_unit_test(every_type_has_its_number),
        cmocka_unit_test(getters_take_their_type_only),
        cmocka_unit_test(absent_and_null_leave_the_default),
        cmocka_unit_test(values_arrive_whole),
        cmocka_unit_test(decimal_comma_of_a_locale_does_not_matter),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
