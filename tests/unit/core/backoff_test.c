/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder of delays: the gRPC connection backoff protocol, with grpc-go's numbers. */
#include "support/test.h"

#include "base/assert.h"
#include "core/backoff.h"

static const double ladder_s[] = {
    1,           1.6,         2.56,         4.096,          6.5536, 10.48576, 16.777216,
    26.84354560, 42.94967296, 68.719476736, 109.9511627776, 120,    120,      120};

static double delay_s(unsigned n, double unit)
{
    return (double)grebe__backoff_delay_ns(&grebe__backoff_default, n, unit) / 1e9;
}

static void expect_near(double value, double wanted)
{
    if (value - wanted > 1e-9 || wanted - value > 1e-9)
        fail_msg("%.9f is not %.9f", value, wanted);
}

TEST(delays_grow_to_two_minutes)
{
    for (unsigned n = 0; n < GREBE_ARRAY_LEN(ladder_s); n++)
        expect_near(delay_s(n, 0.5), ladder_s[n]);
    expect_near(delay_s(1000000000, 0.5), 120);
}

/* All but the first, whatever the cap. */
TEST(a_fifth_more_or_less_is_chance)
{
    expect_near(delay_s(0, 0), 1);
    for (unsigned n = 1; n < GREBE_ARRAY_LEN(ladder_s); n++) {
        expect_near(delay_s(n, 0), 0.8 * ladder_s[n]);
        expect_near(delay_s(n, 0.75), 1.1 * ladder_s[n]);
    }
    assert_true(delay_s(50, 0.999999) < 144);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_grow_to_two_minutes),
        cmocka_unit_test(a_fifth_more_or_less_is_chance),
    };

    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
