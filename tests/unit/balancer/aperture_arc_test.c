/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's arc of the circle covers: the numbers of the specification, and that all
 * arcs together cover everything alike. */
#include "support/test.h"

#include <math.h>

#include "balancer/aperture_arc.h"
#include "base/assert.h"

enum { MOST = 64 };

static struct grebe__aperture_arc arc_of(uint32_t client, uint32_t n_clients,
                                         double offset, uint32_t n_wanted,
                                         uint32_t n_endpoints)
{
    const struct grebe__aperture_place place = {client, n_clients, offset};

    return grebe__aperture_arc(&place, n_wanted, n_endpoints);
}

/* "3:0.666667 4 5": endpoints in the order of the arc, and the weight of those that are not
 * covered in full. */
static const char *text_of(const struct grebe__aperture_arc *arc, uint32_t n_endpoints)
{
    static char text[1024];
    size_t length = 0;

    for (uint32_t i = 0; i < arc->n; i++) {
        double weight = grebe__aperture_arc_weight(arc, i);

        length += (size_t)snprintf(text + length, sizeof text - length, "%s%u",
                                   i > 0 ? " " : "", (arc->first + i) % n_endpoints);
        if (weight != 1)
            length +=
                (size_t)snprintf(text + length, sizeof text - length, ":%.6f", weight);
    }
    return text;
}

static const struct {
    uint32_t client, n_clients;
    double offset;
    uint32_t n_wanted, n_endpoints;
    const char *covered;
} worked[] = {
    /* Three clients, ten endpoints, four wanted: two thirds of the circle. */
    {0, 3, 0, 4, 10, "0 1 2 3 4 5 6:0.666667"},
    {1, 3, 0, 4, 10, "3:0.666667 4 5 6 7 8 9"},
    {2, 3, 0, 4, 10, "6:0.333333 7 8 9 0 1 2 3:0.333333"},
    /* Four clients, six endpoints, two wanted: half of it. */
    {0, 4, 0, 2, 6, "0 1 2"},
    {1, 4, 0, 2, 6, "1:0.500000 2 3 4:0.500000"},
    {2, 4, 0, 2, 6, "3 4 5"},
    {3, 4, 0, 2, 6, "4:0.500000 5 0 1:0.500000"},
    /* Exactly as many as are wanted: no client more, for want of a rounding error. */
    {0, 10, 0, 3, 10, "0 1 2"},
    {9, 10, 0, 3, 10, "9 0 1"},
    {6, 100, 0, 12, 100, "6 7 8 9 10 11 12 13 14 15 16 17"},
    /* All of it: whoever wants more than there are, or is alone. */
    {2, 3, 0, 12, 5, "0 1 2 3 4"},
    {2, 3, 0, 5, 5, "0 1 2 3 4"},
    {0, 1, 0.3, 1, 4, "0 1 2 3"},
    {1, 2, 0, 1, 1, "0"},
    {0, 5, 0.3, 1, 2, "0:0.400000 1:0.800000"},
    /* Back where it began: a tenth of 0 from one side, three tenths from the other. */
    {0, 5, 0.3, 2, 3, "0:0.400000 1 2"},
    /* Turned by half an endpoint. */
    {0, 4, 0.0625, 2, 8, "0:0.500000 1 2:0.500000"},
    {3, 4, 0.0625, 2, 8, "6:0.500000 7 0:0.500000"},
    {3, 4, 0.75, 2, 8, "4 5"},
};

TEST(worked_numbers)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(worked); i++) {
        struct grebe__aperture_arc arc =
            arc_of(worked[i].client, worked[i].n_clients, worked[i].offset,
                   worked[i].n_wanted, worked[i].n_endpoints);

        assert_string_equal(text_of(&arc, worked[i].n_endpoints), worked[i].covered);
    }
}

/* The clients' arcs are k clients long each, so that each endpoint has k in all: 2 of the
 * three and of the four above. */
static void expect_even(uint32_t n_clients, double offset, uint32_t n_wanted,
                        uint32_t n_endpoints)
{
    double sums[MOST] = {0};
    uint64_t k = ((uint64_t)n_wanted * n_clients + n_endpoints - 1) / n_endpoints;
    double expected = (double)(k < n_clients ? k : n_clients);

    for (uint32_t client = 0; client < n_clients; client++) {
        struct grebe__aperture_arc arc =
            arc_of(client, n_clients, offset, n_wanted, n_endpoints);

        assert_in_range(arc.first, 0, n_endpoints - 1);
        assert_in_range(arc.n, n_wanted < n_endpoints ? n_wanted : n_endpoints,
                        n_endpoints);
        for (uint32_t i = 0; i < arc.n; i++) {
            double weight = grebe__aperture_arc_weight(&arc, i);

            assert_true(weight >= 1e-6 && weight <= 1);
            sums[(arc.first + i) % n_endpoints] += weight;
        }
    }
    for (uint32_t i = 0; i < n_endpoints; i++)
        if (fabs(sums[i] - expected) > 1e-9 * expected)
            fail_msg("%u clients, %g, %u of %u endpoints: %u has %.12f of %g", n_clients,
                     offset, n_wanted, n_endpoints, i, sums[i], expected);
}

TEST(every_endpoint_has_the_same_share_of_all_clients)
{
    static const double offsets[] = {0, 0.25, 0.3333333333333333, 0.9, 0.999999};

    expect_even(3, 0, 4, 10);
    expect_even(4, 0, 2, 6);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(offsets); i++)
        for (uint32_t n_clients = 1; n_clients <= 20; n_clients++)
            for (uint32_t n_endpoints = 1; n_endpoints <= 20; n_endpoints++)
                for (uint32_t n_wanted = 1; n_wanted <= 21; n_wanted += 3)
                    expect_even(n_clients, offsets[i], n_wanted, n_endpoints);
    expect_even(1000, 0.1, 12, 64);
    expect_even(4099, 0, 12, 61);
}

/* 1e-7 of an endpoint, of 5, is not worth a connection, on either side; 1e-5 is. */
TEST(slivers_are_not_covered)
{
    struct grebe__aperture_arc arc;

    arc = arc_of(0, 5, 1e-7 / 5, 2, 5);
    assert_string_equal(text_of(&arc, 5), "0:1.000000 1");
    arc = arc_of(0, 5, 1 - 1e-7 / 5, 2, 5);
    assert_string_equal(text_of(&arc, 5), "0 1:1.000000");
    arc = arc_of(0, 5, 1e-5 / 5, 2, 5);
    assert_string_equal(text_of(&arc, 5), "0:0.999990 1 2:0.000010");
}

TEST(one_endpoint_of_many_is_one)
{
    struct grebe__aperture_arc arc = arc_of(7, 10, 1e-7 / 10, 1, 10);

    assert_int_equal(arc.first, 7);
    assert_int_equal(arc.n, 1);
    assert_true(arc.first_weight == arc.last_weight);
}

/* Nothing overflows. */
TEST(largest_numbers)
{
    struct grebe__aperture_arc arc =
        arc_of(UINT32_MAX - 1, UINT32_MAX, 0.999, UINT32_MAX, 1000);

    assert_int_equal(arc.n, 1000);
    arc = arc_of(UINT32_MAX - 1, UINT32_MAX, 0.999, 12, 1000);
    assert_in_range(arc.n, 12, 14);
    assert_in_range(arc.first, 0, 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_numbers),
        cmocka_unit_test(every_endpoint_has_the_same_share_of_all_clients),
        cmocka_unit_test(slivers_are_not_covered),
        cmocka_unit_test(one_endpoint_of_many_is_one),
        cmocka_unit_test(largest_numbers),
    };

    return cmocka_run_group_tests_name("aperture_arc", tests, NULL, NULL);
}
