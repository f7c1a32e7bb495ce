/* SPDX-License-Identifier: Apache-2.0 */
/* Text, UTF-8, base64, numbers: what reads and writes bytes from peers. */
#include "support/test.h"

#include <grebe/error.h>
#include <grebe/log.h>
#include <grebe/status.h>

#include "base/base64.h"
#include "base/rng.h"
#include "base/text.h"
#include "base/utf8.h"

TEST(text_is_cut_where_it_does_not_fit_and_counted_all_the_same)
{
    char buf[8];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    grebe__text_append(&text, "abc", 3);
    grebe__text_printf(&text, "%d", 12345);
    assert_string_equal(buf, "abc1234");
    assert_int_equal(text.length, 8);
    grebe__text_printf(&text, "more");
    grebe__text_append(&text, "more", 4);
    assert_string_equal(buf, "abc1234");
    assert_int_equal(text.length, 16);
}

TEST(bytes_from_a_peer_are_made_safe_to_print)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *text;
    } cases[] = {
        {"plain", 5, "plain"},
        {"\x1b[31m\n\0", 7, "\\x1b[31m\\x0a\\x00"},
        {"\"\\\x7f", 3, "\\x22\\x5c\\x7f"},
        {"\xc2\x9b", 2, "\\xc2\\x9b"},
        {"\xe7\xb3\xbb", 3, "\xe7\xb3\xbb"},
        {"\xff\xc3", 2, "\\xff\\xc3"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[64];
        struct grebe__text text = grebe__text_init(buf, sizeof buf);

        grebe__text_append_escaped(&text, cases[i].bytes, cases[i].length);
        assert_string_equal(buf, cases[i].text);
    }
}

TEST(durations_read_well)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0us"},
        {999999, "999us"},
        {UINT64_C(12345678), "12ms"},
        {UINT64_C(999999999), "999ms"},
        {UINT64_C(1234567890), "1.234s"},
        {UINT64_C(144000000000), "144.000s"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[32];
        struct grebe__text text = grebe__text_init(buf, sizeof buf);

        grebe__text_append_duration(&text, cases[i].ns);
        assert_string_equal(buf, cases[i].text);
    }
}

TEST(numbers_are_digits_and_fit)
{
    static const struct {
        const char *text;
        bool is_number;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"+1", false, 0},
        {"-1", false, 0},
        {" 1", false, 0},
        {"1x", false, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = 0;

        assert_int_equal(grebe__parse_u64(cases[i].text, strlen(cases[i].text), &value),
                         cases[i].is_number);
        assert_int_equal(value, cases[i].value);
    }
}

TEST(case_is_folded_in_ascii_only)
{
    assert_int_equal(grebe__ascii_casecmp("Round_Robin", "rOUND_rOBIN"), 0);
    assert_true(grebe__ascii_casecmp("a", "b") < 0);
    assert_true(grebe__ascii_casecmp("ab", "a") > 0);
    assert_true(grebe__ascii_equal_fold("GRPCx", 4, "grpc"));
    assert_false(grebe__ascii_equal_fold("grp", 3, "grpc"));
    assert_false(grebe__ascii_equal_fold("\xc3\x84", 2, "\xc3\xa4"));
}

/* ---- UTF-8 ------------------------------------------------------------------------------ */

static const struct {
    const char *bytes, *repaired;
} texts[] = {
    {"", ""},
    {"abc", "abc"},
    {"\xc3\xa9\xe2\x98\xba\xf0\x9f\x98\x88", "\xc3\xa9\xe2\x98\xba\xf0\x9f\x98\x88"},
    {"\xff", "\xef\xbf\xbd"},
    {"a\x80z", "a\xef\xbf\xbdz"},
    {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
    {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xe2\x98", "\xef\xbf\xbd"}, /* cut short */
    {"\xf0\x9f\x98x", "\xef\xbf\xbdx"},
};

TEST(ill_formed_utf8_is_repaired)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        unsigned char out[64];
        size_t n = grebe__utf8_repair((const unsigned char *)texts[i].bytes,
                                      strlen(texts[i].bytes), out);

        assert_int_equal(n, strlen(texts[i].repaired));
        assert_memory_equal(out, texts[i].repaired, n);
    }
}

TEST(repaired_text_is_well_formed)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 3);
    for (int round = 0; round < 2000; round++) {
        unsigned char bytes[24], out[72];
        size_t length = grebe__rng_below(&rng, sizeof bytes), n;

        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)(grebe__rng_next(&rng) | (round % 2 ? 0x80 : 0));
        n = grebe__utf8_repair(bytes, length, out);
        assert_true(n <= 3 * length);
        for (size_t i = 0; i < n;) {
            size_t step = grebe__utf8_length(out + i, n - i);

            assert_true(step > 0);
            i += step;
        }
    }
}

/* ---- Base64 ------------------------------------------------------------------------------ */

TEST(base64_has_the_vectors_of_rfc_4648)
{
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",       "Zg",      "Zm8",     "Zm9v",
                                        "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};

    for (size_t i = 0; i < 7; i++) {
        unsigned char back[16];
        char out[16];
        size_t n = 99;

        grebe__base64_encode(plain[i], strlen(plain[i]), out);
        assert_int_equal(grebe__base64_encoded_length(strlen(plain[i])),
                         strlen(coded[i]));
        assert_memory_equal(out, coded[i], strlen(coded[i]));
        assert_true(grebe__base64_decode(coded[i], strlen(coded[i]), back, &n));
        assert_int_equal(n, strlen(plain[i]));
        assert_memory_equal(back, plain[i], n);
    }
}

TEST(base64_takes_padding_and_leftover_bits_but_no_junk)
{
    static const struct {
        const char *text;
        bool is_valid;
        size_t n;
    } cases[] = {
        {"Zg==", true, 1},  {"Zm8=", true, 2},  {"Zh", true, 1},     {"++//", true, 3},
        {"Z", false, 0},    {"Zg=", false, 0},  {"Z===", false, 0},  {"AA=A", false, 0},
        {"Zm 9", false, 0}, {"____", false, 0}, {"Zm9vZ", false, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char out[16];
        size_t n = 0;

        assert_int_equal(
            grebe__base64_decode(cases[i].text, strlen(cases[i].text), out, &n),
            cases[i].is_valid);
        assert_int_equal(n, cases[i].n);
    }
}

TEST(base64_gives_back_what_it_got)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (size_t length = 0; length < 200; length++) {
        unsigned char bytes[200], back[203];
        char text[300];
        size_t n;

        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)grebe__rng_next(&rng);
        grebe__base64_encode(bytes, length, text);
        assert_true(
            grebe__base64_decode(text, grebe__base64_encoded_length(length), back, &n));
        assert_int_equal(n, length);
        assert_memory_equal(back, bytes, length);
    }
}

/* ---- Names --------------------------------------------------------------------------------- */

TEST(names_and_numbers_agree)
{
    char buf[24];

    for (int code = 0; code <= 16; code++)
        assert_int_equal(grebe_status_code_parse(grebe_status_code_name(code, buf)),
                         code);
    assert_string_equal(grebe_status_code_name(1, buf), "CANCELLED");
    assert_string_equal(grebe_status_code_name(17, buf), "CODE(17)");
    assert_string_equal(grebe_status_code_name(2147483647, buf), "CODE(2147483647)");
    assert_int_equal(grebe_status_code_parse("unavailable"), 14);
    assert_int_equal(grebe_status_code_parse("CANCELED"), -1);
    assert_string_equal(grebe_connectivity_name(GREBE_TRANSIENT_FAILURE),
                        "TRANSIENT_FAILURE");
    assert_string_equal(grebe_connectivity_name((enum grebe_connectivity)9),
                        "INVALID_STATE");
    assert_string_equal(grebe_error_name(GREBE_ERR_NOMEM), "GREBE_ERR_NOMEM");
    assert_string_equal(grebe_error_name(-9999), "GREBE_ERR_UNKNOWN");
    assert_string_equal(grebe_strerror(GREBE_ERR_TIMEOUT), "timed out");
    assert_string_equal(grebe_log_level_name(GREBE_LOG_ERROR), "ERROR");
}

TEST(explanations_grow_a_path)
{
    struct grebe_diag diag;
    char wide[600];

    grebe_diag_set(&diag, "%d is less than %d", 1, 2);
    grebe_diag_set(NULL, "ignored");
    grebe_diag_prefix(&diag, "maxAttempts:");
    memset(wide, 'x', sizeof wide);
    wide[599] = '\0';
    grebe_diag_set(&diag, "1 is less than 2");
    grebe_diag_set(&diag, "maxAttempts: 1 is less than 2");
    grebe_diag_prefix(&diag, "retryPolicy");
    assert_string_equal(diag.text, "retryPolicy.maxAttempts: 1 is less than 2");
    grebe_diag_prefix(&diag, "methodConfig[%d]", 2);
    assert_string_equal(diag.text,
                        "methodConfig[2].retryPolicy.maxAttempts: 1 is less than 2");
    grebe_diag_set(&diag, "[3]: not a number");
    grebe_diag_prefix(&diag, "list");
    assert_string_equal(diag.text, "list[3]: not a number");
    grebe_diag_prefix(&diag, "%s", wide);
    assert_int_equal(strlen(diag.text), sizeof diag.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_where_it_does_not_fit_and_counted_all_the_same),
        cmocka_unit_test(bytes_from_a_peer_are_made_safe_to_print),
        cmocka_unit_test(durations_read_well),
        cmocka_unit_test(numbers_are_digits_and_fit),
        cmocka_unit_test(case_is_folded_in_ascii_only),
        cmocka_unit_test(ill_formed_utf8_is_repaired),
        cmocka_unit_test(repaired_text_is_well_formed),
        cmocka_unit_test(base64_has_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64_takes_padding_and_leftover_bits_but_no_junk),
        cmocka_unit_test(base64_gives_back_what_it_got),
        cmocka_unit_test(names_and_numbers_agree),
        cmocka_unit_test(explanations_grow_a_path),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
