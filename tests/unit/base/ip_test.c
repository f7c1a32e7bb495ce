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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_told_from_names),
        cmocka_unit_test(length_decides_and_not_a_nul),
    };

    return cmocka_run_group_tests_name("ip", tests, NULL, NULL);
}
