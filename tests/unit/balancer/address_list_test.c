/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which pick_first tries addresses: RFC 8305 section 4, gRFC A61. */
#include "support/test.h"

#include <stdlib.h>

#include "balancer/address_list.h"
#include "base/log2.h"
#include "base/rng.h"
#include "support/mem.h"

static const struct grebe_attributes *weighing(const char *text)
{
    const struct grebe_attributes *attributes = NULL;
    uintptr_t weight = strtoul(text, NULL, 10);

    assert_int_equal(grebe_attributes_with(NULL, NULL, &GREBE_ATTRIBUTE_WEIGHT,
                                           (void *)weight, &attributes),
                     GREBE_OK);
    return attributes;
}

/* "a b+c*3": endpoints, their addresses joined with '+', their weight after '*'. */
static size_t parse(const char *text, struct grebe_endpoint **out)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    char copy[1024], *outer = NULL;
    size_t n = 0;

    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &outer); word != NULL;
         word = strtok_r(NULL, " ", &outer)) {
        struct grebe_address *addresses[16];
        const struct grebe_attributes *attributes = NULL;
        char *inner = NULL, *weight = strchr(word, '*');
        size_t k = 0;

        if (weight != NULL) {
            *weight = '\0';
            attributes = weighing(weight + 1);
        }

        for (char *part = strtok_r(word, "+", &inner); part != NULL;
             part = strtok_r(NULL, "+", &inner))
            assert_int_equal(grebe_address_new(NULL, part, &options, &addresses[k++]),
                             GREBE_OK);
        assert_int_equal(grebe_endpoint_new(NULL, addresses, k, attributes, &out[n++]),
                         GREBE_OK);
        grebe_attributes_unref(attributes);
        while (k-- > 0)
            grebe_address_unref(addresses[k]);
    }
    return n;
}

static uint64_t random_bits(void *arg)
{
    return grebe__rng_next(arg);
}

static uint64_t one_half(void *arg)
{
    (void)arg;
    return UINT64_C(1) << 63;
}

/* The list as text.  `random` NULL: not shuffled.  False: out of memory. */
static bool order_by(const char *endpoints, grebe__random_fn random, void *arg,
                     const struct grebe_mem *mem, char *out, size_t size)
{
    struct grebe_endpoint *parsed[32];
    struct grebe_balancer_update update = {.endpoints = parsed};
    struct grebe__address_list list;
    int result;

    update.n_endpoints = parse(endpoints, parsed);
    result = grebe__address_list_init(&list, mem, &update, random, arg);
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

static bool order(const char *endpoints, struct grebe__rng *rng,
                  const struct grebe_mem *mem, char *out, size_t size)
{
    return order_by(endpoints, rng == NULL ? NULL : random_bits, rng, mem, out, size);
}

static const struct {
    const char *endpoints, *order;
} orders[] = {
    {"", ""},
    {"1.1.1.1:1", "1.1.1.1:1"},
    {"+ 1.1.1.1:1 +", "1.1.1.1:1"},
    {"+ +", ""},
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
    {"[1::1]:1 [2::2]:1 [1::1]:1 1.1.1.1:1 name:1 2.2.2.2:1 1.1.1.1:1 3.3.3.3:1",
     "[1::1]:1 1.1.1.1:1 name:1 [2::2]:1 2.2.2.2:1 3.3.3.3:1"},
    {"name:1 [1::1]:1 name:1 1.1.1.1:1 [2::2]:1 other:1 [1::1]:1",
     "name:1 [1::1]:1 1.1.1.1:1 other:1 [2::2]:1"},
    {"[1::1]:1 [2::2]:1 1.1.1.1:1 2.2.2.2:1", "[1::1]:1 1.1.1.1:1 [2::2]:1 2.2.2.2:1"},
    {"name:1 1.1.1.1:1 other:1 2.2.2.2:1", "name:1 1.1.1.1:1 other:1 2.2.2.2:1"},
    /* "::FFFF:" is mapped too; only brackets make IPv6, and nothing else. */
    {"[1::1]:1 [2::2]:1 [::FFFF:4.4.4.4]:1", "[1::1]:1 [::FFFF:4.4.4.4]:1 [2::2]:1"},
    {"1.1.1.1:1 2.2.2.2:1 [3.3.3.3]:1", "1.1.1.1:1 [3.3.3.3]:1 2.2.2.2:1"},
    {"[1::1]:1 [2::2]:1 3::3:1", "[1::1]:1 3::3:1 [2::2]:1"},
    /* No port, no family. */
    {"1.1.1.1 1::1 2.2.2.2:1", "1.1.1.1 2.2.2.2:1 1::1"},
};

/* PF-23, PF-28, PF-29 */
TEST(families_take_turns_and_duplicates_go)
{
    char text[512];

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        assert_true(order(orders[i].endpoints, NULL, NULL, text, sizeof text));
        assert_string_equal(text, orders[i].order);
    }
}

/* PF-15: a flat list of addresses is endpoints of one address each. */
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

/* PF-16, gRFC A113: with u = 1/2 for all, the keys u^(1/w) grow with the weight. */
TEST(equal_draws_are_ordered_by_weight)
{
    static const struct {
        const char *endpoints, *order;
    } cases[] = {
        {"a:1*1 b:1*2 c:1*3 d:1*10", "d:1 c:1 b:1 a:1"},
        {"a:1 b:1*2", "b:1 a:1"},
        /* 0 and absent are 1, and equal keys keep their order. */
        {"a:1*0 b:1 c:1*1", "a:1 b:1 c:1"},
        {"a:1*4294967295 b:1*4294967294 c:1*4294967295", "a:1 c:1 b:1"},
    };
    char text[512];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(
            order_by(cases[i].endpoints, one_half, NULL, NULL, text, sizeof text));
        assert_string_equal(text, cases[i].order);
    }
}

/* PF-16: 0.5^(1/w) is 0.5, 0.70711, 0.79370 and 0.93303 for the weights 1, 2, 3 and 10, so
 * a draw of that size with weight 1 stands between two draws of 1/2 whose weights are just
 * below and just above. */
TEST(keys_are_those_of_grfc_a113)
{
    static const struct {
        double key;
        uint32_t weight;
    } cases[] = {{0.5, 1}, {0.70711, 2}, {0.79370, 3}, {0.93303, 10}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double log = (double)grebe__neg_log2((uint64_t)(cases[i].key * 0x1p64)) * 0x1p-53;

        /* Five digits of the key are 5e-6, less than 1.1e-5 of the logarithm. */
        assert_true(log * cases[i].weight > 1 - 1.1e-5 * cases[i].weight);
        assert_true(log * cases[i].weight < 1 + 1.1e-5 * cases[i].weight);
    }
}

/* PF-16: P(first = i) is w_i / sum. */
TEST(endpoints_come_first_as_often_as_they_weigh)
{
    /* Sixteenths of 16000 draws; sigma = sqrt(n p (1 - p)), and five of them, rounded
     * down: 30.6, 41.8, 49.3, 61.2. */
    static const unsigned expected[] = {1000, 2000, 3000, 10000};
    static const unsigned tolerance[] = {153, 209, 246, 306};
    struct grebe__rng rng;
    unsigned first[4] = {0};
    char text[512];

    grebe__rng_seed(&rng, 11);
    for (int i = 0; i < 16000; i++) {
        assert_true(order("a:1 b:1*2 c:1*3 d:1*10", &rng, NULL, text, sizeof text));
        first[text[0] - 'a']++;
    }
    for (size_t i = 0; i < 4; i++)
        assert_in_range(first[i], expected[i] - tolerance[i], expected[i] + tolerance[i]);
}

/* The rest of the order follows the same rule: of the others, once the first is gone. */
TEST(endpoints_come_second_as_often_as_they_weigh_among_the_rest)
{
    struct grebe__rng rng;
    unsigned n_a_first = 0, n_b_second = 0;
    char text[512];

    grebe__rng_seed(&rng, 12);
    for (int i = 0; i < 12000; i++) {
        assert_true(order("a:1*2 b:1*3 c:1", &rng, NULL, text, sizeof text));
        n_a_first += text[0] == 'a';
        n_b_second += text[0] == 'a' && text[4] == 'b';
    }
    /* 12000 draws of 1/3: sigma is 51.6.  Of about 4000, 3/4: sigma is 27.4.  Five each. */
    assert_in_range(n_a_first, 4000 - 258, 4000 + 258);
    assert_in_range(4 * n_b_second, 3 * n_a_first - 4 * 137, 3 * n_a_first + 4 * 137);
}

/* PF-17 */
TEST(shuffling_keeps_addresses_of_an_endpoint_in_order_and_the_update_as_it_was)
{
    struct grebe_endpoint *parsed[3], *before[3];
    struct grebe_balancer_update update = {.endpoints = parsed};
    struct grebe__rng rng;
    bool is_seen[3] = {false};

    grebe__rng_seed(&rng, 5);
    update.n_endpoints = parse("a1:1+a2:1+a3:1 b1:1+b2:1+b3:1 c1:1+c2:1+c3:1", parsed);
    memcpy(before, parsed, sizeof parsed);
    for (int i = 0; i < 100; i++) {
        struct grebe__address_list list;

        assert_int_equal(
            grebe__address_list_init(&list, NULL, &update, random_bits, &rng), GREBE_OK);
        assert_int_equal(list.n, 9);
        for (uint32_t k = 0; k < list.n; k++) {
            const char *text = grebe_address_text(list.addresses[k]);

            assert_int_equal(text[0], grebe_address_text(list.addresses[k / 3 * 3])[0]);
            assert_int_equal(text[1], '1' + k % 3);
        }
        is_seen[grebe_address_text(list.addresses[0])[0] - 'a'] = true;
        grebe__address_list_fini(&list, NULL);
    }
    assert_memory_equal(before, parsed, sizeof parsed);
    for (size_t i = 0; i < 3; i++) {
        assert_true(is_seen[i]);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(grebe_address_text(grebe_endpoint_address(parsed[i], k))[1],
                             '1' + k);
        grebe_endpoint_unref(parsed[i]);
    }
}

static void be_sorted(unsigned n)
{
    char text[4096], expected[4096];
    size_t used = 0, used_expected = 0;

    for (unsigned i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "h%u:1*%u ", i,
                                 1 + i * 7 % n);
    for (unsigned weight = n; weight > 0; weight--)
        for (unsigned i = 0; i < n; i++)
            if (1 + i * 7 % n == weight)
                used_expected += (size_t)snprintf(
                    expected + used_expected, sizeof expected - used_expected, "%sh%u:1",
                    used_expected > 0 ? " " : "", i);
    assert_true(order_by(text, one_half, NULL, NULL, text, sizeof text));
    assert_string_equal(text, expected);
}

/* 7 and n share no factor, so the weights are a permutation. */
TEST(lists_of_every_length_are_sorted)
{
    for (unsigned n = 1; n <= 32; n++)
        if (n % 7 != 0)
            be_sorted(n);
}

static struct grebe_address *for_policies(const char *text)
{
    static const struct grebe_attribute_key fact = {.name = "fact"};
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address;

    assert_int_equal(
        grebe_attributes_with(NULL, NULL, &fact, (void *)1, &options.balancer_attributes),
        GREBE_OK);
    assert_int_equal(grebe_address_new(NULL, text, &options, &address), GREBE_OK);
    grebe_attributes_unref(options.balancer_attributes);
    return address;
}

/* PF-42: the cursor is an index, so past the end is n, and what is not found moves nothing. */
TEST(address_is_found_whatever_policies_know_of_it)
{
    struct grebe_endpoint *parsed[2];
    struct grebe_balancer_update update = {.endpoints = parsed};
    struct grebe_address *listed = for_policies("b:1"), *other = for_policies("c:1");
    struct grebe__address_list list;

    update.n_endpoints = parse("a:1 b:1", parsed);
    assert_int_equal(grebe__address_list_init(&list, NULL, &update, NULL, NULL),
                     GREBE_OK);
    assert_int_equal(grebe__address_list_find(&list, listed), 1);
    assert_int_equal(grebe__address_list_find(&list, other), list.n);
    grebe__address_list_fini(&list, NULL);
    grebe_address_unref(listed);
    grebe_address_unref(other);
    grebe_endpoint_unref(parsed[0]);
    grebe_endpoint_unref(parsed[1]);
}

TEST(out_of_memory_leaves_nothing_behind)
{
    struct test_mem mem;
    uint32_t fail_at = 0;
    char text[512];

    do {
        const struct grebe_mem *interface = test_mem_init(&mem);

        mem.fail_at = ++fail_at;
        order_by("1.1.1.1:1+[1::1]:1 2.2.2.2:1", one_half, NULL, interface, text,
                 sizeof text);
        assert_int_equal(mem.n_live, 0);
    } while (mem.has_failed);
    assert_true(fail_at > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_take_turns_and_duplicates_go),
        cmocka_unit_test(shuffling_is_fair_among_endpoints),
        cmocka_unit_test(equal_draws_are_ordered_by_weight),
        cmocka_unit_test(keys_are_those_of_grfc_a113),
        cmocka_unit_test(endpoints_come_first_as_often_as_they_weigh),
        cmocka_unit_test(endpoints_come_second_as_often_as_they_weigh_among_the_rest),
        cmocka_unit_test(
            shuffling_keeps_addresses_of_an_endpoint_in_order_and_the_update_as_it_was),
        cmocka_unit_test(lists_of_every_length_are_sorted),
        cmocka_unit_test(address_is_found_whatever_policies_know_of_it),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests_name("address_list", tests, NULL, NULL);
}
