/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "resolver/host_port.h"

static const struct {
    const char *text;
    const char *joined;
    enum grebe__ip_family family;
} valid[] = {
    {"foo", "foo:443", GREBE__IP_NONE},
    {"foo:1234", "foo:1234", GREBE__IP_NONE},
    {"golang.org:http", "golang.org:http", GREBE__IP_NONE},
    {":80", "localhost:80", GREBE__IP_NONE},
    {"1.2.3.4", "1.2.3.4:443", GREBE__IP_V4},
    {"1.2.3.4:80", "1.2.3.4:80", GREBE__IP_V4},
    {"::1", "[::1]:443", GREBE__IP_V6},
    {"2001:db8::1:80", "[2001:db8::1:80]:443", GREBE__IP_V6},
    {"[::1]", "[::1]:443", GREBE__IP_V6},
    {"[::1]:80", "[::1]:80", GREBE__IP_V6},
    {"[fe80::1%lo0]:80", "[fe80::1%lo0]:80", GREBE__IP_V6},
    {"fe80::1%lo0", "[fe80::1%lo0]:443", GREBE__IP_V6},
    {"[foo]:80", "foo:80", GREBE__IP_NONE},
    {"[]:80", "localhost:80", GREBE__IP_NONE},
};

TEST(valid_text_has_host_and_port)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(valid); i++) {
        struct grebe__host_port parts;
        char joined[64];

        assert_null(
            grebe__host_port_split(valid[i].text, strlen(valid[i].text), "443", &parts));
        assert_int_equal(grebe__host_port_join(&parts, joined, sizeof joined),
                         strlen(valid[i].joined));
        assert_string_equal(joined, valid[i].joined);
        assert_int_equal(parts.family, valid[i].family);
    }
}

static const struct {
    const char *text;
    const char *flaw;
} invalid[] = {
    {"", "missing address"},
    {":", "missing port after port-separator colon"},
    {"x:", "missing port after port-separator colon"},
    {"[::1]:", "missing port after port-separator colon"},
    {"1.2.3.4:", "missing port after port-separator colon"},
    {"[2001::1", "invalid target address, brackets do not match"},
    {"2001::1]:80", "invalid target address, brackets do not match"},
    {"[::1]x", "invalid target address, brackets do not match"},
    {"[::1]80", "invalid target address, brackets do not match"},
    {"[[::1]]:80", "invalid target address, brackets do not match"},
    {"[::1]:[80", "invalid target address, brackets do not match"},
    {"a:b:c", "invalid target address, too many colons"},
    {"1.2.3.4:80:80", "invalid target address, too many colons"},
    {"[::1]:80:80", "invalid target address, too many colons"},
    {"::1:g", "invalid target address, too many colons"},
};

TEST(invalid_text_is_explained)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(invalid); i++) {
        struct grebe__host_port parts;
        const char *flaw = grebe__host_port_split(invalid[i].text,
                                                  strlen(invalid[i].text), "443", &parts);

        assert_non_null(flaw);
        assert_string_equal(flaw, invalid[i].flaw);
    }
}

TEST(joined_text_is_cut_to_its_room)
{
    struct grebe__host_port parts;
    char joined[8];

    assert_null(grebe__host_port_split("1.2.3.4:80", 10, "443", &parts));
    assert_int_equal(grebe__host_port_join(&parts, joined, sizeof joined), 10);
    assert_string_equal(joined, "1.2.3.4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_has_host_and_port),
        cmocka_unit_test(invalid_text_is_explained),
        cmocka_unit_test(joined_text_is_cut_to_its_room),
    };

    return cmocka_run_group_tests_name("host_port", tests, NULL, NULL);
}
