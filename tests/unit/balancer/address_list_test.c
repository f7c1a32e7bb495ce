/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which pick_first tries addresses: RFC 8305 section 4, gRFC A61. */
#include "support/test.h"

#include "balancer/address_list.h"
#include "base/rng.h"
#include "support/mem.h"

/* "a b+c": endpoints, their addresses joined with '+'. */
static size_t parse(const char *text, struct grebe_endpoint **out)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    char copy[512], *outer = NULL;
    size_t n = 0;

    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &outer); word != NULL;
         word = strtok_r(NULL, " ", &outer)) {
        struct grebe_address *addresses[16];
        char *inner = NULL;
        size_t k = 0;

        for (char *part = strtok_r(word, "+", &inner); part != NULL;
             part = strtok_r(NULL, "+", &inner))
            assert_int_equal(grebe_address_new(NULL, part, &options, &addresses[k++]),
                             GREBE_OK);
        assert_int_equal(grebe_endpoint_new(NULL, addresses, k, NULL, &out[n++]),
                         GREBE_OK);
        while (k-- > 0)
            grebe_address_unref(addresses[k]);
    }
    return n;
}

static uint32_t random_below(void *arg, uint32_t n)
{
    return grebe__rng_below(arg, n);
}

/* The list as text.  `rng` NULL: not shuffled.  False: out of memory. */
static bool order(const char *endpoints, struct grebe__rng *rng,
                  const struct grebe_mem *mem, char *out, size_t size)
{
    struct grebe_endpoint *parsed[32];
    struct grebe_balancer_update update = {.endpoints = parsed};
    struct grebe__address_list list;
    int result;

    update.n_endpoints = parse(endpoints, parsed);
    result = grebe__address_list_init(&list, mem, &update,
                                      rng == NULL ? NULL : random_below, rng);
    out[0] = '\0';
    for (uint32_t i = 0; result == GREBE_OK && i < list.n; i++) {
        size_t used = strlen(out);

        snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "",
                 grebe_address_text(list.addresses[i]));
        assert_int_equal(grebe__address_list_find(&list, list.addresses[i]), i);
    }
    if (result == GREBE_OK)
        grebe__address_list_fini(&list, mem);
    for (size_t i = 0; i < update.n_endpoints; i++)
        grebe_endpoint_unref(parsed[i]);
    return result == GREBE_OK;
}

static const struct {
    const char *endpoints, *order;
} orders[] = {
    {"", ""},
    {"1.1.1.1:1", "1.1.1.1:1"},
    {"1.1.1.1:1 2.2.2.2:2", "1.1.1.1:1 2.2.2.2:2"},
    /* One endpoint's addresses stay in their order. */
    {"1.1.1.1:1+2.2.2.2:1 3.3.3.3:1", "1.1.1.1:1 2.2.2.2:1 3.3.3.3:1"},
    /* The first of two equal ones stays. */
    {"1.1.1.1:1 2.2.2.2:1 1.1.1.1:1", "1.1.1.1:1 2.2.2.2:1"},
    /* Families take turns, IPv4-mapped among IPv4, names and sockets as a third. */
    {"1.1.1.1:1 2.2.2.2:1 3.3.3.3:1 [::ffff:4.4.4.4]:1 [1::1]:1 [2::2]:1 [fe80::1%eth0]:1 "
     "name:1",
     "1.1.1.1:1 [1::1]:1 name:1 2.2.2.2:1 [2::2]:1 3.3.3.3:1 [fe80::1%eth0]:1 "
     "[::ffff:4.4.4.4]:1"},
    {"[1::1]:1 [2::2]:1 1.1.1.1:1 2.2.2.2:1", "[1::1]:1 1.1.1.1:1 [2::2]:1 2.2.2.2:1"},
    {"name:1 1.1.1.1:1 other:1 2.2.2.2:1", "name:1 1.1.1.1:1 other:1 2.2.2.2:1"},
    /* No port, no family. */
    {"1.1.1.1 1::1 2.2.2.2:1", "1.1.1.1 2.2.2.2:1 1::1"},
};

TEST(families_take_turns_and_duplicates_go)
{
    char text[512];

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        assert_true(order(orders[i].endpoints, NULL, NULL, text, sizeof text));
        assert_string_equal(text, orders[i].order);
    }
}

TEST(shuffling_is_fair_among_endpoints)
{
    struct grebe__rng rng;
    unsigned first[3] = {0};
    char text[512];

    grebe__rng_seed(&rng, 7);
    for (int i = 0; i < 3000; i++) {
        assert_true(order("a:1 b:1 c:1", &rng, NULL, text, sizeof text));
        first[text[0] - 'a']++;
    }
    /* 3000 draws of 1/3: sigma is 25.8; five of them. */
    for (size_t i = 0; i < 3; i++)
        assert_in_range(first[i], 1000 - 129, 1000 + 129);
}

TEST(out_of_memory_leaves_nothing_behind)
{
    struct test_mem mem;
    uint32_t fail_at = 0;
    char text[512];

    do {
        const struct grebe_mem *interface = test_mem_init(&mem);

        mem.fail_at = ++fail_at;
        order("1.1.1.1:1+[1::1]:1 2.2.2.2:1", NULL, interface, text, sizeof text);
        assert_int_equal(mem.n_live, 0);
    } while (mem.has_failed);
    assert_true(fail_at > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_take_turns_and_duplicates_go),
        cmocka_unit_test(shuffling_is_fair_among_endpoints),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests_name("address_list", tests, NULL, NULL);
}
