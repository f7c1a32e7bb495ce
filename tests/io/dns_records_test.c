/* SPDX-License-Identifier: Apache-2.0 */
/* SRV and TXT records out of messages that are right, odd, and wrong. */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/error.h>

#include "base/assert.h"
#include "base/rng.h"
#include "base/text.h"
#include "io/dns_records.h"
#include "support/mem.h"

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_TXT = 16, TYPE_SRV = 33 };
enum { QUESTION = 12 }; /* where the name that was asked for stands */

/* ---- Messages in the making -------------------------------------------------------- */

struct message {
    unsigned char bytes[65536];
    size_t length;
};

static void put_u16(struct message *m, unsigned value)
{
    m->bytes[m->length++] = (unsigned char)(value >> 8);
    m->bytes[m->length++] = (unsigned char)value;
}

static void put_bytes(struct message *m, const void *bytes, size_t length)
{
    memcpy(m->bytes + m->length, bytes, length);
    m->length += length;
}

/* "a.example" with its lengths and the root at the end. */
static void put_name(struct message *m, const char *name)
{
    while (*name != '\0') {
        size_t length = strcspn(name, ".");

        m->bytes[m->length++] = (unsigned char)length;
        put_bytes(m, name, length);
        name += length + (name[length] == '.');
    }
    m->bytes[m->length++] = 0;
}

/* A message with one question and no answers yet. */
static void begin(struct message *m)
{
    m->length = 0;
    put_bytes(m, "\x12\x34\x81\x80\0\1\0\0\0\0\0\0", 12);
    put_name(m, "_grpc._tcp.test");
    put_u16(m, TYPE_SRV);
    put_u16(m, 1);
}

/* The head of a record of the name in the question; returns where its length stands. */
static size_t begin_record(struct message *m, unsigned type, uint32_t ttl_s)
{
    m->bytes[7]++;
    put_u16(m, 0xc000 | QUESTION);
    put_u16(m, type);
    put_u16(m, 1);
    put_u16(m, ttl_s >> 16);
    put_u16(m, ttl_s & 0xffff);
    put_u16(m, 0);
    return m->length - 2;
}

static void end_record(struct message *m, size_t at)
{
    size_t length = m->length - at - 2;

    m->bytes[at] = (unsigned char)(length >> 8);
    m->bytes[at + 1] = (unsigned char)length;
}

static void put_srv(struct message *m, uint32_t ttl_s, unsigned priority, unsigned weight,
                    unsigned port, const char *target)
{
    size_t at = begin_record(m, TYPE_SRV, ttl_s);

    put_u16(m, priority);
    put_u16(m, weight);
    put_u16(m, port);
    put_name(m, target);
    end_record(m, at);
}

/* An SRV record whose target is the bytes given. */
static void put_raw_srv(struct message *m, const void *target, size_t length)
{
    size_t at = begin_record(m, TYPE_SRV, 60);

    put_bytes(m, "\0\0\0\0\0\x50", 6);
    put_bytes(m, target, length);
    end_record(m, at);
}

static void put_string(struct message *m, const char *text, size_t length)
{
    m->bytes[m->length++] = (unsigned char)length;
    put_bytes(m, text, length);
}

/* ---- What they are read as ---------------------------------------------------------- */

/* "ok: 0 5 80 a. 60s, ... (1 left out)", or "invalid". */
static const char *read(const struct message *m, enum grebe__lookup_kind kind)
{
    static char buf[4096];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);
    struct grebe__dns_records records;
    unsigned char *copy = malloc(m->length); /* so that a sanitizer sees its end */
    int error;

    memcpy(copy, m->bytes, m->length);
    error = grebe__dns_records_parse(NULL, copy, m->length, kind, 4, &records);
    free(copy);
    if (error != GREBE_OK) {
        assert_int_equal(error, GREBE_ERR_INVALID);
        assert_null(records.answers);
        assert_int_equal(records.n + records.n_left_out, 0);
        return "invalid";
    }
    grebe__text_printf(&text, "ok:");
    for (size_t i = 0; i < records.n; i++) {
        const struct grebe__lookup_answer *answer = &records.answers[i];

        if (kind == GREBE__LOOKUP_SRV)
            grebe__text_printf(&text, " %u %u %u", answer->priority, answer->weight,
                               answer->port);
        grebe__text_printf(&text, " ");
        grebe__text_append_escaped(&text, answer->text, answer->length);
        assert_int_equal(answer->text[answer->length], '\0');
        if (answer->ttl_ns == 1)
            grebe__text_printf(&text, " unkept");
        else
            grebe__text_printf(&text, " %us", (unsigned)(answer->ttl_ns / SECOND));
    }
    if (records.n_left_out > 0)
        grebe__text_printf(&text, " (%zu left out)", records.n_left_out);
    grebe_mem_free(NULL, records.answers);
    return buf;
}

static const char *read_srv(const struct message *m)
{
    return read(m, GREBE__LOOKUP_SRV);
}

static const char *read_txt(const struct message *m)
{
    return read(m, GREBE__LOOKUP_TXT);
}

/* ---- SRV --------------------------------------------------------------------------- */

TEST(srv_records_come_with_all_their_numbers)
{
    struct message m;

    begin(&m);
    assert_string_equal(read_srv(&m), "ok:");
    put_srv(&m, 60, 1, 2, 8080, "a.test");
    put_srv(&m, 30, 65535, 65535, 65535, "b.test");
    assert_string_equal(read_srv(&m),
                        "ok: 1 2 8080 a.test. 60s 65535 65535 65535 b.test. 30s");
    assert_string_equal(read_txt(&m), "ok:");
}

TEST(targets_may_be_compressed)
{
    struct message m;

    begin(&m);
    put_raw_srv(&m, "\1a\xc0\x17", 4); /* "a" and what stands behind "_tcp" */
    assert_string_equal(read_srv(&m), "ok: 0 0 80 a.test. 60s");
}

TEST(the_root_as_target_says_that_there_is_no_service)
{
    struct message m;

    begin(&m);
    put_srv(&m, 60, 0, 0, 0, "");
    assert_string_equal(read_srv(&m), "ok: 0 0 0 . 60s");
}

TEST(records_of_no_use_are_left_out)
{
    struct message m;

    begin(&m);
    put_srv(&m, 60, 0, 0, 0, "no-port.test");
    put_srv(&m, 60, 0, 0, 80, "has blank.test");
    put_srv(&m, 60, 0, 0, 80, "has\nline.test");
    put_srv(&m, 60, 0, 0, 80, "back\\slash.test");
    put_srv(&m, 60, 0, 0, 80, "_under-score.test");
    assert_string_equal(read_srv(&m), "ok: 0 0 80 _under-score.test. 60s (4 left out)");
}

TEST(there_is_a_limit)
{
    struct message m;

    begin(&m);
    for (unsigned i = 0; i < 200; i++)
        put_srv(&m, 60, 0, i, 80, "a");
    assert_string_equal(read_srv(&m), "ok: 0 0 80 a. 60s 0 1 80 a. 60s 0 2 80 a. 60s "
                                      "0 3 80 a. 60s (196 left out)");
}

TEST(other_types_and_classes_are_passed_over)
{
    struct message m;
    size_t at;

    begin(&m);
    put_srv(&m, 60, 0, 0, 80, "chaos");
    m.bytes[QUESTION + 17 + 4 + 5] = 3; /* its class, CH */
    at = begin_record(&m, TYPE_A, 60);
    put_bytes(&m, "\x7f\0\0\1", 4);
    end_record(&m, at);
    put_srv(&m, 60, 0, 0, 80, "a");
    assert_string_equal(read_srv(&m), "ok: 0 0 80 a. 60s");
}

/* ---- TTLs -------------------------------------------------------------------------- */

TEST(ttl_of_an_alias_bounds_the_others)
{
    struct message m;
    size_t at;

    begin(&m);
    put_srv(&m, 60, 0, 0, 80, "a");
    put_srv(&m, 10, 0, 0, 81, "b");
    at = begin_record(&m, TYPE_CNAME, 20);
    put_name(&m, "alias.test");
    end_record(&m, at);
    assert_string_equal(read_srv(&m), "ok: 0 0 80 a. 20s 0 0 81 b. 10s");
}

TEST(ttl_of_nothing_is_known_and_over_at_once)
{
    struct message m;

    begin(&m);
    put_srv(&m, 0, 0, 0, 80, "a");
    put_srv(&m, 0x80000000, 0, 0, 81, "b");
    put_srv(&m, 0x7fffffff, 0, 0, 82, "c");
    assert_string_equal(read_srv(&m),
                        "ok: 0 0 80 a. unkept 0 0 81 b. unkept 0 0 82 c. 2147483647s");
}

/* ---- TXT --------------------------------------------------------------------------- */

TEST(strings_of_one_record_are_joined)
{
    static char long_one[255];
    struct message m;
    size_t at;

    memset(long_one, 'x', sizeof long_one);
    begin(&m);
    at = begin_record(&m, TYPE_TXT, 60);
    put_string(&m, "grpc_", 5);
    put_string(&m, "", 0);
    put_string(&m, "config\0=", 8);
    end_record(&m, at);
    at = begin_record(&m, TYPE_TXT, 30);
    put_string(&m, long_one, sizeof long_one);
    put_string(&m, "y", 1);
    end_record(&m, at);
    at = begin_record(&m, TYPE_TXT, 30);
    end_record(&m, at);
    assert_non_null(strstr(read_txt(&m), "ok: grpc_config\\x00= 60s xxx"));
    assert_non_null(strstr(read_txt(&m), "xy 30s  30s"));
}

TEST(string_that_reaches_beyond_its_record_is_an_error)
{
    struct message m;
    size_t at;

    begin(&m);
    at = begin_record(&m, TYPE_TXT, 60);
    put_string(&m, "abc", 3);
    m.bytes[m.length - 4] = 4;
    end_record(&m, at);
    assert_string_equal(read_txt(&m), "invalid");
    put_u16(&m, 0); /* now the byte is there, though not in the record */
    assert_string_equal(read_txt(&m), "invalid");
}

/* ---- Names that lead nowhere --------------------------------------------------------- */

TEST(pointers_in_circles_are_an_error)
{
    struct message m;
    size_t at;

    begin(&m);
    at = m.length + 12 + 6; /* where the target will be */
    put_raw_srv(&m, (char[]){(char)(0xc0 | at >> 8), (char)at}, 2);
    assert_string_equal(read_srv(&m), "invalid");

    begin(&m);
    put_raw_srv(&m, (char[]){1, 'a', (char)(0xc0 | at >> 8), (char)at}, 4);
    assert_string_equal(read_srv(&m), "invalid");

    begin(&m); /* each points to the other */
    put_raw_srv(&m,
                (char[]){(char)(0xc0 | (at + 2) >> 8), (char)(at + 2),
                         (char)(0xc0 | at >> 8), (char)at},
                4);
    assert_string_equal(read_srv(&m), "invalid");
}

TEST(pointers_beyond_the_end_are_an_error)
{
    struct message m;

    begin(&m);
    put_raw_srv(&m, "\xff\xff", 2);
    assert_string_equal(read_srv(&m), "invalid");
    begin(&m);
    put_raw_srv(&m, "\xc0", 1); /* and its second byte is missing */
    assert_string_equal(read_srv(&m), "invalid");
}

/* As deep as names are: of 127 labels, each behind a pointer to the one before. */
TEST(many_pointers_are_as_good_as_one)
{
    struct message m;
    size_t last = 0, at;

    begin(&m);
    at = begin_record(&m, TYPE_TXT, 60);
    for (unsigned i = 0; i < 140; i++) {
        size_t here = m.length;

        put_bytes(&m, "\1a", 2);
        if (last == 0)
            put_bytes(&m, "", 1);
        else
            put_u16(&m, (unsigned)(0xc000 | last));
        last = here;
        if (i == 125 || i == 127)
            m.bytes[m.length++] = 0xff; /* a mark between them changes nothing */
    }
    end_record(&m, at);
    put_raw_srv(&m, (char[]){(char)(0xc0 | last >> 8), (char)last}, 2);
    assert_string_equal(read_srv(&m), "invalid"); /* 280 bytes of name */

    m.length -= 20;
    m.bytes[7]--;
    last -= 14 * 4 + 2; /* the one before the first mark */
    put_raw_srv(&m, (char[]){(char)(0xc0 | last >> 8), (char)last}, 2);
    assert_non_null(strstr(read_srv(&m), "ok: 0 0 80 a.a.a.a."));
}

TEST(labels_of_unknown_kinds_are_an_error)
{
    struct message m;

    begin(&m);
    put_raw_srv(&m,
                "\x41"
                "a\0",
                3);
    assert_string_equal(read_srv(&m), "invalid");
    begin(&m);
    put_srv(&m, 60, 0, 0, 80, "a");
    m.bytes[QUESTION] = 0x80;
    assert_string_equal(read_srv(&m), "invalid");
}

TEST(names_are_no_longer_than_255_bytes)
{
    static char label[64];
    struct message m;
    char name[300];

    memset(label, 'a', 63);
    snprintf(name, sizeof name, "%s.%s.%s.%.61s", label, label, label, label);
    begin(&m);
    put_srv(&m, 60, 0, 0, 80, name); /* 255 with the root's zero */
    assert_non_null(strstr(read_srv(&m), "ok: 0 0 80 aaa"));
    snprintf(name, sizeof name, "%s.%s.%s.%s", label, label, label, label);
    begin(&m);
    put_srv(&m, 60, 0, 0, 80, name);
    assert_string_equal(read_srv(&m), "invalid");
}

/* ---- Lies about lengths ---------------------------------------------------------------- */

TEST(every_cut_is_noticed)
{
    struct message whole, m;
    size_t at;

    begin(&whole);
    put_srv(&whole, 60, 1, 2, 3, "a.test");
    at = begin_record(&whole, TYPE_TXT, 60);
    put_string(&whole, "text", 4);
    end_record(&whole, at);
    put_srv(&whole, 60, 1, 2, 3, "b.test");
    for (size_t length = 0; length < whole.length; length++) {
        m = whole;
        m.length = length;
        assert_string_equal(read_srv(&m), "invalid");
        assert_string_equal(read_txt(&m), "invalid");
    }
}

TEST(promises_that_are_not_kept_are_noticed)
{
    struct message m;

    begin(&m);
    put_srv(&m, 60, 1, 2, 3, "a.test");
    m.bytes[6] = m.bytes[7] = 0xff; /* 65535 answers */
    assert_string_equal(read_srv(&m), "invalid");

    begin(&m);
    put_srv(&m, 60, 1, 2, 3, "a.test");
    m.bytes[4] = m.bytes[5] = 0xff; /* 65535 questions */
    assert_string_equal(read_srv(&m), "invalid");

    begin(&m);
    put_raw_srv(&m, "", 0); /* numbers and no target */
    assert_string_equal(read_srv(&m), "invalid");
}

/* Whatever one byte, or a dozen, are changed to: no read beyond the end, no endless loop.
 * That is for the sanitizers to see; the texts stay bounded. */
TEST(random_damage_does_no_harm)
{
    struct grebe__rng rng;
    struct message whole, m;
    size_t at;

    begin(&whole);
    put_srv(&whole, 60, 1, 2, 3, "a.test");
    put_raw_srv(&whole, "\1b\xc0\x17", 4);
    at = begin_record(&whole, TYPE_CNAME, 20);
    put_name(&whole, "alias.test");
    end_record(&whole, at);
    at = begin_record(&whole, TYPE_TXT, 60);
    put_string(&whole, "grpc_config=[]", 14);
    end_record(&whole, at);
    grebe__rng_seed(&rng, 1);
    for (unsigned round = 0; round < 100000; round++) {
        uint32_t n = 1 + grebe__rng_below(&rng, 12);

        m.length = whole.length - grebe__rng_below(&rng, 8);
        memcpy(m.bytes, whole.bytes, m.length);
        while (n-- > 0)
            m.bytes[4 + grebe__rng_below(&rng, (uint32_t)m.length - 4)] =
                (unsigned char)grebe__rng_next(&rng);
        assert_true(strlen(read_srv(&m)) < 1200);
        assert_true(strlen(read_txt(&m)) < 1200);
    }
}

TEST(out_of_memory_is_told)
{
    struct grebe__dns_records records;
    struct test_mem mem;
    struct message m;

    begin(&m);
    put_srv(&m, 60, 1, 2, 3, "a.test");
    test_mem_init(&mem);
    mem.fail_at = 1;
    assert_int_equal(grebe__dns_records_parse(&mem.interface, m.bytes, m.length,
                                              GREBE__LOOKUP_SRV, 4, &records),
                     GREBE_ERR_NOMEM);
    assert_null(records.answers);
    assert_int_equal(records.n, 0);
    assert_int_equal(mem.n_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(srv_records_come_with_all_their_numbers),
        cmocka_unit_test(targets_may_be_compressed),
        cmocka_unit_test(the_root_as_target_says_that_there_is_no_service),
        cmocka_unit_test(records_of_no_use_are_left_out),
        cmocka_unit_test(there_is_a_limit),
        cmocka_unit_test(other_types_and_classes_are_passed_over),
        cmocka_unit_test(ttl_of_an_alias_bounds_the_others),
        cmocka_unit_test(ttl_of_nothing_is_known_and_over_at_once),
        cmocka_unit_test(strings_of_one_record_are_joined),
        cmocka_unit_test(string_that_reaches_beyond_its_record_is_an_error),
        cmocka_unit_test(pointers_in_circles_are_an_error),
        cmocka_unit_test(pointers_beyond_the_end_are_an_error),
        cmocka_unit_test(many_pointers_are_as_good_as_one),
        cmocka_unit_test(labels_of_unknown_kinds_are_an_error),
        cmocka_unit_test(names_are_no_longer_than_255_bytes),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(promises_that_are_not_kept_are_noticed),
        cmocka_unit_test(random_damage_does_no_harm),
        cmocka_unit_test(out_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("dns_records", tests, NULL, NULL);
}
