/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "base/ip.h"

static const struct {
    const char *text;
    enum grebe__ip_family family;
} texts[] = {
    {"0.0.0.0", GREBE__IP_V4},
    {"255.255.255.255", GREBE__IP_V4},
    {"10.0.0.1", GREBE__IP_V4},
    {"", GREBE__IP_NONE},
    {"1", GREBE__IP_NONE},
    {"1.2.3", GREBE__IP_NONE},
    {"1.2.3.", GREBE__IP_NONE},
    {".1.2.3", GREBE__IP_NONE},
    {"1..2.3", GREBE__IP_NONE},
    {"1.2.3.4.", GREBE__IP_NONE},
    {"1.2.3.4.5", GREBE__IP_NONE},
    {"256.0.0.1", GREBE__IP_NONE},
    {"1.2.3.1000", GREBE__IP_NONE},
    {"01.2.3.4", GREBE__IP_NONE},
    {"1.2.3.00", GREBE__IP_NONE},
    {"1.2.3.4a", GREBE__IP_NONE},
    {" 1.2.3.4", GREBE__IP_NONE},
    {"0x7f.0.0.1", GREBE__IP_NONE},
    {"1.2.3.4%eth0", GREBE__IP_NONE},
    {"::", GREBE__IP_V6},
    {"::1", GREBE__IP_V6},
    {"1::", GREBE__IP_V6},
    {"2001:db8::1", GREBE__IP_V6},
    {"2001:DB8:0:0:8:800:200C:417A", GREBE__IP_V6},
    {"1:2:3:4:5:6:7::", GREBE__IP_V6},
    {"::2:3:4:5:6:7:8", GREBE__IP_V6},
    {"::ffff:1.2.3.4", GREBE__IP_V6},
    {"1:2:3:4:5:6:1.2.3.4", GREBE__IP_V6},
    {"fe80::1%lo0", GREBE__IP_V6},
    {"fe80::1%25lo0", GREBE__IP_V6},
    {":", GREBE__IP_NONE},
    {":::", GREBE__IP_NONE},
    {":1", GREBE__IP_NONE},
    {"1:", GREBE__IP_NONE},
    {"1:2", GREBE__IP_NONE},
    {"::1::", GREBE__IP_NONE},
    {"1:2:3:4:5:6:7:8:", GREBE__IP_NONE},
    {"1:2:3:4:5:6:7:8:9", GREBE__IP_NONE},
    {"1:2:3:4:5:6:7:8::", GREBE__IP_NONE},
    {"1::2:3:4:5:6:7:8", GREBE__IP_NONE},
    {"1:2:3:4:5:6:7:1.2.3.4", GREBE__IP_NONE},
    {"::1.2.3", GREBE__IP_NONE},
    {"::1.2.3.4:5", GREBE__IP_NONE},
    {"12345::", GREBE__IP_NONE},
    {"::g", GREBE__IP_NONE},
    {"fe80::1%", GREBE__IP_NONE},
    {"[::1]", GREBE__IP_NONE},
    {"localhost", GREBE__IP_NONE},
    {"dead", GREBE__IP_NONE},
};

TEST(addresses_are_told_from_names)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(texts); i++)
        if (grebe__ip_family_of(texts[i].text, strlen(texts[i].text)) != texts[i].family)
            fail_msg("%s", texts[i].text);
}

TEST(length_decides_and_not_a_nul)
{
    assert_int_equal(grebe__ip_family_of("1.2.3.45", 7), GREBE__IP_V4);
    assert_int_equal(grebe__ip_family_of("1.2.3.45", 6), GREBE__IP_NONE);
    assert_int_equal(grebe__ip_family_of("::1,::2", 3), GREBE__IP_V6);
    assert_int_equal(grebe__ip_family_of("fe80::1%x", 8), GREBE__IP_NONE);
}

static const struct {
    const char *text, *bytes; /* in hex */
} numbers[] = {
    {"0.0.0.0", "00000000000000000000000000000000"},
    {"255.1.20.3", "ff011403000000000000000000000000"},
    {"::", "00000000000000000000000000000000"},
    {"::1", "00000000000000000000000000000001"},
    {"1::", "00010000000000000000000000000000"},
    {"2001:db8::1", "20010db8000000000000000000000001"},
    {"2001:DB8:0:0:8:800:200C:417A", "20010db80000000000080800200c417a"},
    {"1:2:3:4:5:6:7::", "00010002000300040005000600070000"},
    {"::2:3:4:5:6:7:8", "00000002000300040005000600070008"},
    {"1:2::7:8", "00010002000000000000000000070008"},
    {"::ffff:1.2.3.4", "00000000000000000000ffff01020304"},
    {"1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304"},
    {"64:ff9b::1.2.3.4", "0064ff9b000000000000000001020304"},
    {"fe80::abcd%lo0", "fe80000000000000000000000000abcd"},
};

TEST(addresses_are_numbers)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(numbers); i++) {
        struct grebe__ip ip = grebe__ip_parse(numbers[i].text, strlen(numbers[i].text));
        char hex[33];

        for (size_t k = 0; k < 16; k++)
            sprintf(hex + 2 * k, "%02x", ip.bytes[k]);
        if (strcmp(hex, numbers[i].bytes) != 0)
            fail_msg("%s is %s", numbers[i].text, hex);
    }
}

static const struct {
    const char *address, *block;
    unsigned n_bits;
    bool is_in;
} blocks[] = {
    {"10.1.2.3", "10.0.0.0", 8, true},
    {"11.1.2.3", "10.0.0.0", 8, false},
    {"11.1.2.3", "10.0.0.0", 7, true},
    {"12.1.2.3", "10.0.0.0", 7, false},
    {"10.1.2.3", "10.1.2.3", 32, true},
    {"10.1.2.2", "10.1.2.3", 32, false},
    {"10.1.2.2", "10.1.2.3", 31, true},
    {"200.1.2.2", "10.1.2.3", 0, true},
    {"::1", "10.0.0.0", 0, false},
    {"::ffff:10.0.0.1", "10.0.0.0", 8, false},
    {"2001:db8:1::", "2001:db8::", 32, true},
    {"2001:db9::", "2001:db8::", 32, false},
    {"2001:db9::", "2001:db8::", 31, true},
    {"::1", "::1", 128, true},
    {"::2", "::1", 128, false},
    {"nonsense", "10.0.0.0", 0, false},
};

TEST(blocks_are_told_by_their_first_bits)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(blocks); i++) {
        struct grebe__ip address =
            grebe__ip_parse(blocks[i].address, strlen(blocks[i].address));
        struct grebe__ip block =
            grebe__ip_parse(blocks[i].block, strlen(blocks[i].block));

        if (grebe__ip_is_in(&address, &block, blocks[i].n_bits) != blocks[i].is_in)
            fail_msg("%s in %s/%u", blocks[i].address, blocks[i].block, blocks[i].n_bits);
    }
}

TEST(loopback_is_told)
{
    static const char *const own[] = {"127.0.0.1", "127.255.0.9", "::1",
                                      "::ffff:127.0.0.1", "::1%lo"};
    static const char *const others[] = {"128.0.0.1", "10.0.0.1",  "::2",
                                         "::",        "localhost", "::ffff:10.0.0.1"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(own); i++) {
        struct grebe__ip ip = grebe__ip_parse(own[i], strlen(own[i]));

        assert_true(grebe__ip_is_loopback(&ip));
    }
    for (size_t i = 0; i < GREBE_ARRAY_LEN(others); i++) {
        struct grebe__ip ip = grebe__ip_parse(others[i], strlen(others[i]));

        assert_false(grebe__ip_is_loopback(&ip));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_told_from_names),
        cmocka_unit_test(length_decides_and_not_a_nul),
        cmocka_unit_test(addresses_are_numbers),
        cmocka_unit_test(blocks_are_told_by_their_first_bits),
        cmocka_unit_test(loopback_is_told),
    };

    return cmocka_run_group_tests_name("ip", tests, NULL, NULL);
}
