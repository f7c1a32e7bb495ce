/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "h2/codes.h"
#include "h2/guard.h"

enum { DATA = 0, HEADERS = 1, PRIORITY = 2, RST = 3, SETTINGS = 4, PUSH = 5, PING = 6 };
enum { GOAWAY = 7, WINDOW_UPDATE = 8, CONTINUATION = 9, UNKNOWN = 0xee };

static const unsigned char payload[65536];

static bool admit(struct grebe__guard *guard, unsigned type, unsigned flags,
                  uint32_t length, uint64_t now_ns, struct grebe__guard_fault *fault)
{
    const unsigned char header[9] = {
        (unsigned char)(length >> 16), (unsigned char)(length >> 8),
        (unsigned char)length,         (unsigned char)type,
        (unsigned char)flags,
    };

    return grebe__guard_admits(guard, header, sizeof header, now_ns, fault) &&
           grebe__guard_admits(guard, payload, length, now_ns, fault);
}

static void begin(struct grebe__guard *guard)
{
    struct grebe__guard_fault fault;

    grebe__guard_init(guard, 0);
    assert_true(admit(guard, SETTINGS, 0, 0, 0, &fault));
}

/* How many of these frames are admitted at time 0, of `n`. */
static uint32_t count(struct grebe__guard *guard, unsigned type, uint32_t length,
                      uint32_t n, struct grebe__guard_fault *fault)
{
    for (uint32_t i = 0; i < n; i++)
        if (!admit(guard, type, 0, length, 0, fault))
            return i;
    return n;
}

/* ---- The first bytes --------------------------------------------------------------- */

#define TEXT(literal) literal, sizeof literal - 1

static const struct {
    const char *bytes;
    size_t length;
    const char *fault; /* NULL: admitted */
} beginnings[] = {
    {TEXT("\0\0\0\4\0\0\0\0\0"), NULL},
    {TEXT("\0\0\6\4\0\0\0\0\0\0\3\0\0\0\1"), NULL},
    {TEXT("\0\0\0\4\1\0\0\0\0"), "first frame is not SETTINGS"},
    {TEXT("\0\0\10\6\0\0\0\0\0"), "first frame is not SETTINGS"},
    {TEXT("HTTP/1.1 400 Bad Request"), "peer speaks HTTP/1.x"},
    {TEXT("HTTP/1.0 200 OK"), "peer speaks HTTP/1.x"},
    {TEXT("HTTP/2.0 "), "first frame is not SETTINGS"},
    {TEXT("SSH-2.0-OpenSSH"), "first frame is not SETTINGS"},
    {TEXT("\x15\3\3\0\2\2\106"), "peer speaks TLS, and this channel is plaintext"},
    {TEXT("\x15\3\1\0\2\2\26\0\0"), "peer speaks TLS, and this channel is plaintext"},
    {TEXT("\0\0\0\4"), NULL}, /* so far */
    {TEXT("HTTP/1.1"), NULL},
};

TEST(settings_come_first)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(beginnings); i++)
        for (size_t n_piece = 1; n_piece < 32; n_piece++) {
            struct grebe__guard_fault fault = {0};
            struct grebe__guard guard;
            bool is_admitted = true;

            grebe__guard_init(&guard, 0);
            for (size_t at = 0; at < beginnings[i].length && is_admitted; at += n_piece) {
                size_t left = beginnings[i].length - at;

                is_admitted =
                    grebe__guard_admits(&guard, beginnings[i].bytes + at,
                                        left < n_piece ? left : n_piece, 0, &fault);
            }
            assert_int_equal(is_admitted, beginnings[i].fault == NULL);
            if (!is_admitted) {
                assert_string_equal(fault.text, beginnings[i].fault);
                assert_int_equal(fault.error_code, GREBE__H2_PROTOCOL_ERROR);
            }
        }
}

/* ---- Floods ------------------------------------------------------------------------ */

TEST(header_blocks_have_eight_continuations)
{
    struct grebe__guard_fault fault;
    struct grebe__guard guard;

    begin(&guard);
    for (int i = 0; i < 3; i++) {
        assert_true(admit(&guard, HEADERS, 0, 100, 0, &fault));
        assert_int_equal(count(&guard, CONTINUATION, 0, 8, &fault), 8);
    }
    assert_false(admit(&guard, CONTINUATION, 0, 0, 0, &fault));
    assert_int_equal(fault.error_code, GREBE__H2_ENHANCE_YOUR_CALM);
}

TEST(header_blocks_have_a_size)
{
    struct grebe__guard_fault fault;
    struct grebe__guard guard;

    begin(&guard);
    assert_true(admit(&guard, HEADERS, 0, 60000, 0, &fault));
    assert_true(admit(&guard, CONTINUATION, 0, 65536, 0, &fault));
    assert_true(admit(&guard, CONTINUATION, 0, 65536, 0, &fault));
    assert_true(admit(&guard, CONTINUATION, 0, 65536, 0, &fault));
    assert_true(admit(&guard, CONTINUATION, 0, 5536, 0, &fault));
    assert_false(admit(&guard, CONTINUATION, 0, 1, 0, &fault));
}

TEST(pings_need_company)
{
    struct grebe__guard_fault fault;
    struct grebe__guard guard;

    begin(&guard); /* SETTINGS is one of them */
    assert_int_equal(count(&guard, PING, 8, 3000, &fault), 1999);
    assert_int_equal(fault.error_code, GREBE__H2_ENHANCE_YOUR_CALM);

    begin(&guard);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(count(&guard, i % 2 == 0 ? PING : SETTINGS, 0, 1999, &fault),
                         1999);
        assert_true(admit(&guard, i % 3 == 0 ? HEADERS : DATA, 0, 1, 0, &fault));
    }
    assert_int_equal(count(&guard, PING, 8, 2000, &fault), 2000);
    assert_true(admit(&guard, DATA, 0, 0, 0, &fault)); /* empty is no company */
    assert_false(admit(&guard, PING, 0, 8, 0, &fault));
}

TEST(ten_seconds_are_forgiven)
{
    struct grebe__guard_fault fault;
    struct grebe__guard guard;

    begin(&guard);
    assert_int_equal(count(&guard, PING, 8, 1999, &fault), 1999);
    assert_true(admit(&guard, PING, 0, 8, 10 * SECOND, &fault));
    begin(&guard);
    assert_int_equal(count(&guard, PING, 8, 1999, &fault), 1999);
    assert_false(admit(&guard, PING, 0, 8, 10 * SECOND - 1, &fault));
}

TEST(frames_without_meaning_are_counted)
{
    static const unsigned types[] = {UNKNOWN, PRIORITY, 0x0a, 0x0c, 0x10};
    struct grebe__guard_fault fault;
    struct grebe__guard guard;

    for (size_t i = 0; i < GREBE_ARRAY_LEN(types); i++) {
        begin(&guard);
        assert_int_equal(count(&guard, types[i], 3, 20000, &fault), 10000);
    }
    begin(&guard);
    assert_int_equal(count(&guard, UNKNOWN, 0, 10000, &fault), 10000);
    assert_true(admit(&guard, UNKNOWN, 0, 0, 11 * SECOND, &fault));
}

TEST(empty_data_is_counted_for_the_connection)
{
    struct grebe__guard_fault fault;
    struct grebe__guard guard;

    begin(&guard);
    assert_int_equal(count(&guard, DATA, 0, 9000, &fault), 9000);
    assert_true(admit(&guard, DATA, 0, 10, 0, &fault));
    assert_int_equal(count(&guard, DATA, 0, 9000, &fault), 1000);
}

TEST(honest_frames_are_not_counted)
{
    static const unsigned types[] = {DATA, HEADERS, RST, GOAWAY, WINDOW_UPDATE};
    struct grebe__guard_fault fault;
    struct grebe__guard guard;

    begin(&guard);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(types); i++)
        assert_int_equal(count(&guard, types[i], 4, 100000, &fault), 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_come_first),
        cmocka_unit_test(header_blocks_have_eight_continuations),
        cmocka_unit_test(header_blocks_have_a_size),
        cmocka_unit_test(pings_need_company),
        cmocka_unit_test(ten_seconds_are_forgiven),
        cmocka_unit_test(frames_without_meaning_are_counted),
        cmocka_unit_test(empty_data_is_counted_for_the_connection),
        cmocka_unit_test(honest_frames_are_not_counted),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
