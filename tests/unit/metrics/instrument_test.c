/* SPDX-License-Identifier: Apache-2.0 */
/* Which instruments there are: gRFC A79's registry. */
#include "support/test.h"

#include <grebe/metrics.h>

#include "metrics/client.h"

static const char *const labels[] = {"grpc.target", "test.a"};
static const double bounds[] = {1, 2.5, 10};

static const struct grebe_instrument counter = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = "test.instrument.counter",
    .description = "for tests",
    .unit = "{thing}",
    .labels = labels,
    .n_labels = 2,
};

static const struct grebe_instrument spread = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "test.instrument.spread",
    .description = "for tests",
    .unit = "s",
    .bounds = bounds,
    .n_bounds = 3,
};

static bool is_listed(const struct grebe_instrument *instrument)
{
    const struct grebe_instrument *at = NULL;

    while ((at = grebe_instrument_next(at)) != NULL)
        if (at == instrument)
            return true;
    return false;
}

TEST(own_instruments_are_always_known)
{
    const struct grebe_instrument *at = NULL;
    size_t n = 0;

    while ((at = grebe_instrument_next(at)) != NULL) {
        assert_ptr_equal(at, grebe__client_instruments[n++]);
        assert_ptr_equal(grebe_instrument_get(at->name), at);
    }
    assert_null(grebe__client_instruments[n]);
    assert_null(grebe_instrument_get("grpc.client.attempt.starte"));
}

/* gRFC A66, A94: what is on, and what is measured in what. */
TEST(own_instruments_are_as_specified)
{
    static const struct {
        const char *name, *unit, *labels;
        enum grebe_instrument_kind kind;
        size_t n_bounds;
        bool is_on;
    } all[] = {
        {"grpc.client.attempt.started", "{attempt}",
         "grpc.method grpc.target [grpc.client.call.custom]", GREBE_INSTRUMENT_COUNTER, 0,
         true},
        {"grpc.client.attempt.duration", "s",
         "grpc.method grpc.target grpc.status [grpc.lb.locality grpc.lb.backend_service "
         "grpc.client.call.custom]",
         GREBE_INSTRUMENT_HISTOGRAM, 41, true},
        {"grpc.client.attempt.sent_total_compressed_message_size", "By",
         "grpc.method grpc.target grpc.status [grpc.lb.locality grpc.lb.backend_service "
         "grpc.client.call.custom]",
         GREBE_INSTRUMENT_HISTOGRAM, 14, true},
        {"grpc.client.attempt.rcvd_total_compressed_message_size", "By",
         "grpc.method grpc.target grpc.status [grpc.lb.locality grpc.lb.backend_service "
         "grpc.client.call.custom]",
         GREBE_INSTRUMENT_HISTOGRAM, 14, true},
        {"grpc.client.call.duration", "s",
         "grpc.method grpc.target grpc.status [grpc.client.call.custom]",
         GREBE_INSTRUMENT_HISTOGRAM, 41, true},
        {"grpc.client.call.transparent_retries", "{transparent_retry}",
         "grpc.method grpc.target [grpc.client.call.custom]", GREBE_INSTRUMENT_HISTOGRAM,
         6, false},
        {"grpc.subchannel.connection_attempts_succeeded", "{attempt}",
         "grpc.target [grpc.lb.backend_service grpc.lb.locality]",
         GREBE_INSTRUMENT_COUNTER, 0, false},
        {"grpc.subchannel.connection_attempts_failed", "{attempt}",
         "grpc.target [grpc.lb.backend_service grpc.lb.locality]",
         GREBE_INSTRUMENT_COUNTER, 0, false},
        {"grpc.subchannel.disconnections", "{disconnection}",
         "grpc.target [grpc.lb.backend_service grpc.lb.locality grpc.disconnect_error]",
         GREBE_INSTRUMENT_COUNTER, 0, false},
        {"grpc.subchannel.open_connections", "{connection}",
         "grpc.target [grpc.lb.backend_service grpc.lb.locality grpc.security_level]",
         GREBE_INSTRUMENT_UP_DOWN_COUNTER, 0, false},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const struct grebe_instrument *is = grebe_instrument_get(all[i].name);
        char text[256] = "";

        assert_non_null(is);
        for (size_t k = 0; k < is->n_labels + is->n_optional_labels; k++) {
            bool is_optional = k >= is->n_labels;

            strcat(text, k > 0 ? " " : "");
            strcat(text, k == is->n_labels ? "[" : "");
            strcat(text,
                   is_optional ? is->optional_labels[k - is->n_labels] : is->labels[k]);
        }
        strcat(text, "]");
        assert_string_equal(text, all[i].labels);
        assert_string_equal(is->unit, all[i].unit);
        assert_int_equal(is->kind, all[i].kind);
        assert_int_equal(is->n_bounds, all[i].n_bounds);
        assert_int_equal(is->is_on_by_default, all[i].is_on);
    }
}

TEST(registered_once_known_for_ever)
{
    assert_int_equal(grebe_instrument_register(&counter), GREBE_OK);
    assert_int_equal(grebe_instrument_register(&spread), GREBE_OK);
    assert_int_equal(grebe_instrument_register(&counter), GREBE_OK);
    assert_ptr_equal(grebe_instrument_get("test.instrument.counter"), &counter);
    assert_true(is_listed(&counter));
    assert_ptr_equal(grebe_instrument_next(&counter), &spread);
    assert_null(grebe_instrument_next(&spread));
}

TEST(name_that_another_one_has_is_refused)
{
    struct grebe_instrument other = counter;

    assert_int_equal(grebe_instrument_register(&counter), GREBE_OK);
    assert_int_equal(grebe_instrument_register(&other), GREBE_ERR_INVALID);
    other.name = "grpc.client.attempt.started";
    assert_int_equal(grebe_instrument_register(&other), GREBE_ERR_INVALID);
    assert_false(is_listed(&other));
}

static void expect_refused(const struct grebe_instrument *instrument, int error)
{
    assert_int_equal(grebe_instrument_register(instrument), error);
    assert_false(is_listed(instrument));
}

TEST(what_is_not_well_formed_is_refused)
{
    static const double not_ascending[] = {1, 3, 3};
    static const char *const bad_label[] = {"a", "b c"};
    static const char *const too_many[GREBE_INSTRUMENT_LABELS_MAX + 1] = {
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"};
    struct grebe_instrument other = spread;

    other.name = "";
    expect_refused(&other, GREBE_ERR_INVALID);
    other.name = "9lives";
    expect_refused(&other, GREBE_ERR_INVALID);
    other.name = "test.a\"b";
    expect_refused(&other, GREBE_ERR_INVALID);
    other.name = "test.other";
    other.bounds = not_ascending;
    expect_refused(&other, GREBE_ERR_INVALID);
    other.n_bounds = 0;
    expect_refused(&other, GREBE_ERR_INVALID);
    other = counter;
    other.name = "test.other";
    other.bounds = bounds;
    other.n_bounds = 3;
    expect_refused(&other, GREBE_ERR_INVALID);
    other.n_bounds = 0;
    other.labels = bad_label;
    expect_refused(&other, GREBE_ERR_INVALID);
    other.n_labels = 0;
    other.optional_labels = too_many;
    other.n_optional_labels = GREBE_INSTRUMENT_LABELS_MAX + 1;
    expect_refused(&other, GREBE_ERR_INVALID);
    other.n_optional_labels = 0;
    other.unit = NULL;
    expect_refused(&other, GREBE_ERR_INVALID);
    other.unit = "";
    other.api = 0;
    expect_refused(&other, GREBE_ERR_INVALID);
    other.api = GREBE_METRICS_API + 1;
    expect_refused(&other, GREBE_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_instruments_are_always_known),
        cmocka_unit_test(own_instruments_are_as_specified),
        cmocka_unit_test(registered_once_known_for_ever),
        cmocka_unit_test(name_that_another_one_has_is_refused),
        cmocka_unit_test(what_is_not_well_formed_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
