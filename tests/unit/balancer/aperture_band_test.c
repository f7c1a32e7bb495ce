/* SPDX-License-Identifier: Apache-2.0 */
/* When an aperture widens and narrows, one look a second. */
#include "support/test.h"

#include <math.h>

#include "balancer/aperture_band.h"

static const struct grebe__aperture_limits limits = {2.0, 0.5, 5 * SECOND};

/* The looks of a client that does as it is told. */
struct client {
    struct grebe__aperture_band band;
    struct grebe__aperture_view view;
    uint64_t now_ns;
};

static int look(struct client *client, uint64_t n_calls)
{
    int step;

    client->now_ns += SECOND;
    client->view.n_calls = n_calls;
    step =
        grebe__aperture_band_look(&client->band, &limits, &client->view, client->now_ns);
    client->view.width += (uint32_t)step;
    return step;
}

static struct client client_of(uint32_t width, uint32_t least, uint32_t most)
{
    return (struct client){.view = {.width = width, .least = least, .most = most}};
}

/* e^-(1/5) is left of an average after a second. */
TEST(calls_are_averaged_over_the_window)
{
    struct client client = client_of(10, 10, 10);
    double expected = 10, left = exp(-0.2);

    look(&client, 10);
    assert_true(client.band.calls == 10);
    for (int i = 0; i < 5; i++) {
        look(&client, 0);
        expected *= left;
        assert_true(fabs(client.band.calls - expected) < 1e-9);
    }
    assert_true(fabs(client.band.calls - 10 * exp(-1)) < 1e-9);
    look(&client, 100);
    expected = expected * left + 100 * (1 - left);
    assert_true(fabs(client.band.calls - expected) < 1e-9);
}

/* 10 calls: 3 endpoints have 3.3 each, 4 have 2.5, 5 have 2.0, which is not above it. */
TEST(widens_by_one_until_the_load_is_in_the_band)
{
    struct client client = client_of(3, 3, 20);

    assert_int_equal(look(&client, 10), 1);
    assert_int_equal(look(&client, 10), 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(look(&client, 10), 0);
    assert_int_equal(client.view.width, 5);
}

/* 4 calls: 10 endpoints have 0.4 each, 9 have 0.44, 8 have 0.5, which is not below it. */
TEST(narrows_by_one_until_the_load_is_in_the_band)
{
    struct client client = client_of(10, 3, 20);

    assert_int_equal(look(&client, 4), -1);
    assert_int_equal(look(&client, 4), -1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(look(&client, 4), 0);
    assert_int_equal(client.view.width, 8);
}

TEST(stays_between_the_least_and_what_there_is)
{
    struct client client = client_of(3, 3, 5);

    for (int i = 0; i < 10; i++)
        look(&client, 1000);
    assert_int_equal(client.view.width, 5);
    for (int i = 0; i < 100; i++)
        look(&client, 0);
    assert_int_equal(client.view.width, 3);
}

/* A burst that is over within a second moves the average of a busy client a little. */
TEST(a_short_burst_does_not_widen)
{
    struct client client = client_of(4, 4, 20);

    look(&client, 4);
    assert_int_equal(look(&client, 20), 0); /* 4 * 0.82 + 20 * 0.18 = 6.9 of 8 */
    for (int i = 0; i < 10; i++)
        assert_int_equal(look(&client, 4), 0);
}

/* Two of five have failed: 7 calls are 2.3 for each of the others. */
TEST(failed_endpoints_do_not_count)
{
    struct client client = client_of(5, 3, 20);

    client.view.n_failed = 2;
    assert_int_equal(look(&client, 7), 1);
    assert_int_equal(look(&client, 7), 0);
    client.view.n_failed = 0; /* 1.2 each */
    assert_int_equal(look(&client, 7), 0);
}

/* Where fewer than the least are left others stand in, be there calls or not; and they stay
 * until the failed ones are back. */
TEST(others_stand_in_for_failed_ones)
{
    struct client client = client_of(3, 3, 6);

    client.view.n_failed = 3;
    for (int i = 0; i < 3; i++)
        assert_int_equal(look(&client, 0), 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(look(&client, 0), 0);
    assert_int_equal(client.view.width, 6);
    client.view.n_failed = 4; /* all there are, and not enough */
    client.view.is_last_failed = true;
    assert_int_equal(look(&client, 0), 0);
    client.view.n_failed = 0;
    client.view.is_last_failed = false;
    for (int i = 0; i < 3; i++)
        assert_int_equal(look(&client, 0), -1);
    assert_int_equal(look(&client, 0), 0);
    assert_int_equal(client.view.width, 3);
}

/* The last one failed: without it as many are in use as with it. */
TEST(failed_one_at_the_end_can_go)
{
    struct client client = client_of(4, 3, 6);

    client.view.n_failed = 1;
    assert_int_equal(look(&client, 0), 0);
    client.view.is_last_failed = true;
    assert_int_equal(look(&client, 0), -1);
}

/* Three calls in flight: with a band from 1.9 to 2.0 two endpoints have too
 * little and one has too much.  It stays with two and does not change its mind each time. */
TEST(a_step_that_would_be_undone_is_not_made)
{
    const struct grebe__aperture_limits narrow = {2.0, 1.9, 5 * SECOND};
    struct grebe__aperture_band band = {0};
    struct grebe__aperture_view view = {.width = 1, .least = 1, .most = 10, .n_calls = 3};

    view.width += (uint32_t)grebe__aperture_band_look(&band, &narrow, &view, SECOND);
    assert_int_equal(view.width, 2);
    for (uint64_t i = 2; i < 10; i++)
        assert_int_equal(grebe__aperture_band_look(&band, &narrow, &view, i * SECOND), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_averaged_over_the_window),
        cmocka_unit_test(widens_by_one_until_the_load_is_in_the_band),
        cmocka_unit_test(narrows_by_one_until_the_load_is_in_the_band),
        cmocka_unit_test(stays_between_the_least_and_what_there_is),
        cmocka_unit_test(a_short_burst_does_not_widen),
        cmocka_unit_test(failed_endpoints_do_not_count),
        cmocka_unit_test(others_stand_in_for_failed_ones),
        cmocka_unit_test(failed_one_at_the_end_can_go),
        cmocka_unit_test(a_step_that_would_be_undone_is_not_made),
    };

    return cmocka_run_group_tests_name("aperture_band", tests, NULL, NULL);
}
