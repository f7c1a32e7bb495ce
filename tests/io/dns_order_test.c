/* SPDX-License-Identifier: Apache-2.0 */
/* Which family comes first, by the examples of RFC 6724 10.2 that are about two families,
 * and others of everyday life. */
#include "support/test.h"

#include <arpa/inet.h>

#include "base/assert.h"
#include "io/dns_order.h"

static struct grebe__dns_route route(const char *to, const char *from)
{
    struct grebe__dns_route made = {.is_reachable = from != NULL};

    assert_int_equal(inet_pton(AF_INET6, to, &made.to), 1);
    if (from != NULL)
        assert_int_equal(inet_pton(AF_INET6, from, &made.from), 1);
    return made;
}

static const struct {
    const char *better, *from;
    const char *worse, *worse_from;
} pairs[] = {
    /* rule 1: what cannot be reached comes last */
    {"::ffff:198.51.100.121", "::ffff:198.51.100.117", "2001:db8:1::1", NULL},
    {"2001:db8:1::1", "2001:db8:1::2", "::ffff:198.51.100.121", NULL},
    /* rule 2: matching scope */
    {"2001:db8:1::1", "2001:db8:1::2", "::ffff:198.51.100.121", "::ffff:169.254.13.78"},
    {"::ffff:198.51.100.121", "::ffff:198.51.100.117", "2001:db8:1::1", "fe80::1"},
    /* rule 5: matching label, as where only a private IPv6 network is there */
    {"::ffff:198.51.100.121", "::ffff:10.1.2.4", "2001:db8:1::1", "fd12:3456:789a:1::2"},
    {"::ffff:198.51.100.121", "::ffff:198.51.100.117", "2002:c633:6401::1",
     "2001:db8:1::2"},
    /* rule 6: precedence */
    {"2001:db8:1::1", "2001:db8:1::2", "::ffff:10.1.2.3", "::ffff:10.1.2.4"},
    {"fe80::1", "fe80::2", "::ffff:169.254.1.1", "::ffff:169.254.1.2"},
    {"::1", "::1", "::ffff:127.0.0.1", "::ffff:127.0.0.1"},
    {"::ffff:10.1.2.3", "::ffff:10.1.2.4", "fd00::1", "fd00::2"},
    {"::ffff:10.1.2.3", "::ffff:10.1.2.4", "2002:c633:6401::1", "2002:c633:6401::2"},
    {"::ffff:10.1.2.3", "::ffff:10.1.2.4", "2001:0:1::1", "2001:0:1::2"},
    {"::ffff:10.1.2.3", "::ffff:10.1.2.4", "3ffe::1", "3ffe::2"},
    {"::ffff:10.1.2.3", "::ffff:10.1.2.4", "fec0::1", "fec0::2"},
    {"::ffff:10.1.2.3", "::ffff:10.1.2.4", "::1.2.3.4", "::1.2.3.5"},
};

TEST(better_family_comes_first)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(pairs); i++) {
        struct grebe__dns_route better = route(pairs[i].better, pairs[i].from);
        struct grebe__dns_route worse = route(pairs[i].worse, pairs[i].worse_from);

        if (!grebe__dns_route_is_better(&better, &worse))
            fail_msg("%s is not better than %s", pairs[i].better, pairs[i].worse);
        assert_false(grebe__dns_route_is_better(&worse, &better));
    }
}

TEST(equals_are_no_better_than_each_other)
{
    struct grebe__dns_route a = route("::ffff:10.0.0.1", "::ffff:10.0.0.2");
    struct grebe__dns_route b = route("::ffff:10.0.0.3", "::ffff:10.0.0.2");

    assert_false(grebe__dns_route_is_better(&a, &b));
    assert_false(grebe__dns_route_is_better(&b, &a));
}

/* The loopback is there on every machine, and this address on none. */
TEST(system_knows_where_it_would_send_from)
{
    struct sockaddr_in here = {.sin_family = AF_INET}, nowhere = {.sin_family = AF_INET};
    struct grebe__dns_route found;
    char from[INET6_ADDRSTRLEN];

    inet_pton(AF_INET, "127.0.0.5", &here.sin_addr);
    found = grebe__dns_route_to((struct sockaddr *)&here);
    assert_true(found.is_reachable);
    inet_ntop(AF_INET6, &found.to, from, sizeof from);
    assert_string_equal(from, "::ffff:127.0.0.5");
    inet_ntop(AF_INET6, &found.from, from, sizeof from);
    assert_string_equal(from, "::ffff:127.0.0.1");

    inet_pton(AF_INET, "255.255.255.255", &nowhere.sin_addr);
    found = grebe__dns_route_to((struct sockaddr *)&nowhere);
    assert_false(found.is_reachable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(better_family_comes_first),
        cmocka_unit_test(equals_are_no_better_than_each_other),
        cmocka_unit_test(system_knows_where_it_would_send_from),
    };

    return cmocka_run_group_tests_name("dns_order", tests, NULL, NULL);
}
