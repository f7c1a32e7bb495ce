/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings: what is in them, what is not, and what becomes of a file that takes no more.
 * That they can be replayed is shown in unit/lab/replay. */
#include "support/test.h"

#include <grebe/base_balancer.h>
#include <grebe/locality.h>
#include <grebe/path.h>
#include <grebe/registry.h>
#include <grebe/version.h>

#include "base/assert.h"
#include "core/record_endpoints.h"
#include "support/channel_bench.h"
#include "support/recording.h"

static const char *record_names; /* for the channel; NULL: none */

static struct recording *open_recorded(struct channel_bench *b, const char *config)
{
    struct recording *recording = recording_start();

    channel_bench_init(b);
    b->options.service_config = config;
    b->options.record_metadata = record_names;
    b->record_sink = &recording->sink;
    assert_int_equal(channel_bench_open(b, "manual:///test"), GREBE_OK);
    return recording;
}

/* ---- Lines ---------------------------------------------------------------------------- */

/* pick_first, one address, one call. */
TEST(a_channels_life_is_written_down_in_its_order)
{
    static const char expected[] =
        "{\"grebe_recording\":1,\"library\":\"" GREBE_VERSION "\","
        "\"clock_ns\":3600000000000,\"target\":\"manual:///test\","
        "\"authority\":\"test\",\"user_agent\":\"\","
        "\"happy_eyeballs_delay_ns\":250000000}\n"
        "{\"ns\":0,\"ev\":\"build\",\"seed\":\"10451216379200822465\"}\n"
        "{\"ns\":0,\"ev\":\"update\",\"config\":[{\"pick_first\":{}}],"
        "\"endpoints\":[{\"addresses\":[\"a\"]}]}\n"
        "{\"ns\":0,\"ev\":\"new_subconn\",\"subconn\":0,\"addresses\":[\"a\"]}\n"
        "{\"ns\":0,\"ev\":\"exit_idle\"}\n"
        "{\"ns\":0,\"ev\":\"connect\",\"subconn\":0,\"address\":\"a\"}\n"
        "{\"ns\":0,\"ev\":\"subconn\",\"after\":2,\"subconn\":0,"
        "\"address\":\"a\",\"state\":\"CONNECTING\"}\n"
        "{\"ns\":0,\"ev\":\"state\",\"state\":\"CONNECTING\","
        "\"picks\":\"queue\"}\n"
        "{\"ns\":0,\"ev\":\"subconn\",\"after\":1,\"subconn\":0,"
        "\"address\":\"a\",\"state\":\"READY\"}\n"
        "{\"ns\":0,\"ev\":\"state\",\"state\":\"READY\",\"picks\":\"complete\"}\n";
    struct channel_bench b;
    struct recording *recording = open_recorded(&b, NULL);

    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->latency_ns = 3 * MS;
    b.resolves_to = "a";
    channel_bench_connect(&b);
    assert_string_equal(recording->text, expected);
    channel_bench_fini(&b);
}

TEST(a_call_is_two_lines)
{
    struct channel_bench b;
    struct recording *recording = open_recorded(&b, NULL);
    struct grebe_call_options options = waiting_ms(100);
    struct grebe_call *call;

    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->latency_ns = 3 * MS;
    b.resolves_to = "a";
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 1);
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 3);
    expect_echo(call, "a");
    assert_non_null(strstr(recording_find(recording, "\"ev\":\"pick\"", 1),
                           "{\"ns\":1000000,\"ev\":\"pick\",\"after\":2,\"call\":1,"
                           "\"method\":\"/s/m\",\"random\":\""));
    assert_non_null(strstr(recording_find(recording, "\"ev\":\"pick\"", 1),
                           "\",\"deadline_ns\":101000000,\"wait_for_ready\":true,"
                           "\"kind\":\"complete\",\"subconn\":0,\"address\":\"a\"}"));
    assert_string_equal(
        recording_find(recording, "\"ev\":\"done\"", 1),
        "{\"ns\":4000000,\"ev\":\"done\",\"call\":1,\"code\":\"OK\","
        "\"latency_ns\":3000000,\"headers_ns\":3000000,\"sent\":true,\"received\":true}");
    channel_bench_fini(&b);
    assert_string_equal(recording_find(recording, "\"ev\":\"end\"", 1),
                        "{\"ns\":4000000,\"ev\":\"end\"}");
}

/* ---- What calls carry ------------------------------------------------------------------- */

/* Looks at the header that it is told to, by name, or at all. */
static const char *looks_at;

static void look(struct grebe_picker *picker, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    (void)picker;
    for (size_t i = 0; looks_at == NULL && grebe_metadata_at(args->metadata, i) != NULL;
         i++)
        continue;
    if (looks_at != NULL)
        grebe_metadata_get(args->metadata, looks_at);
    out->kind = GREBE_PICK_QUEUE;
}

static void keep(struct grebe_picker *picker)
{
    (void)picker;
}

static struct grebe_picker *looking(void *config, struct grebe_client_conn *cc,
                                    const struct grebe_ready_subconn *ready, size_t n)
{
    static const struct grebe_picker_ops ops = {.pick = look, .destroy = keep};
    static struct grebe_picker picker = {&ops, 1, GREBE_BALANCER_API};

    (void)config, (void)cc, (void)ready, (void)n;
    return grebe_picker_ref(&picker);
}

static int build_looking(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    base.build_picker = looking;
    return grebe_base_balancer_new(cc, &base, out);
}

static const struct grebe_balancer_builder looker = {
    .api = GREBE_BALANCER_API, .name = "looker", .build = build_looking};

static void add(struct grebe_metadata *metadata, const char *key, const char *value)
{
    assert_int_equal(grebe_metadata_add(metadata, key, value, strlen(value)), GREBE_OK);
}

/* The line of a pick by a policy that looks at `header` (NULL: at all). */
static const char *pick_line(const char *header)
{
    struct channel_bench b;
    struct recording *recording =
        open_recorded(&b, "{\"loadBalancingConfig\":[{\"looker\":{}}]}");
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct grebe_call *call;

    looks_at = header;
    options.metadata = grebe_metadata_new(NULL);
    options.wait_for_ready = GREBE_YES;
    add(options.metadata, "session", "alice");
    add(options.metadata, "authorization", "Bearer hunter2");
    add(options.metadata, "trace-bin", "\x01\x02\xff");
    channel_bench_servers(&b, "a");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    call = channel_bench_call(&b, &options);
    channel_bench_cancel(&b, call);
    grebe_call_unref(call);
    grebe_metadata_unref(options.metadata);
    channel_bench_fini(&b);
    assert_null(strstr(recording->text, "hunter2"));
    return recording_find(recording, "\"ev\":\"pick\"", 1);
}

TEST(metadata_is_recorded_if_the_policy_looks_at_it_and_secrets_never)
{
    assert_null(strstr(pick_line("absent"), "metadata"));
    assert_non_null(
        strstr(pick_line("session"), "\"metadata\":[[\"session\",\"alice\"]]"));
    assert_non_null(
        strstr(pick_line("authorization"), "\"metadata\":[[\"authorization\",null]]"));
    assert_non_null(strstr(pick_line(NULL), "\"metadata\":[[\"session\",\"alice\"],"
                                            "[\"authorization\",null],"
                                            "[\"trace-bin\",\"AQL/\"]]"));
}

TEST(metadata_that_is_named_is_recorded_too)
{
    record_names = "X-Tenant, session,,authorization";
    assert_non_null(
        strstr(pick_line("absent"),
               "\"metadata\":[[\"session\",\"alice\"],[\"authorization\",null]]"));
    record_names = NULL;
}

/* ---- Endpoints -------------------------------------------------------------------------- */

static const struct grebe_attribute_key private_key = {.name = "private"};

static const struct grebe_attributes *with(const struct grebe_attributes *base,
                                           const struct grebe_attribute_key *key,
                                           void *value)
{
    const struct grebe_attributes *made;

    assert_int_equal(grebe_attributes_with(NULL, base, key, value, &made), GREBE_OK);
    grebe_attributes_unref(base);
    return made;
}

static const struct grebe_attributes *many_facts(void)
{
    static const char *const names[] = {"eu", "one"};
    const struct grebe_attributes *facts = NULL, *more;
    struct grebe_locality *locality;
    struct grebe_path *path;

    assert_int_equal(grebe_locality_new(NULL, "eu", "eu-1", NULL, &locality), GREBE_OK);
    assert_int_equal(grebe_path_new(NULL, names, 2, &path), GREBE_OK);
    facts = with(facts, &GREBE_ATTRIBUTE_WEIGHT, (void *)(uintptr_t)7);
    facts = with(facts, &GREBE_ATTRIBUTE_LOCALITY, locality);
    facts = with(facts, &GREBE_ATTRIBUTE_PATH, path);
    facts = with(facts, &GREBE_ATTRIBUTE_HEALTH,
                 (void *)(uintptr_t)GREBE_ENDPOINT_HEALTH_DRAINING);
    facts = with(facts, &private_key, NULL);
    assert_int_equal(grebe_attributes_with_named(NULL, facts, "Version", "v2", &more),
                     GREBE_OK);
    grebe_attributes_unref(facts);
    grebe_locality_unref(locality);
    grebe_path_unref(path);
    return more;
}

TEST(what_is_known_of_endpoints_is_recorded)
{
    static char un[] = "unix";
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    const struct grebe_attributes *facts = many_facts();
    struct grebe_endpoint *endpoint;
    struct grebe_address *address;
    struct grebe_balancer_update update = {.endpoints = &endpoint, .n_endpoints = 1};
    struct grebe__line line;

    options.server_name = "a.example";
    options.attributes = with(NULL, &GREBE_ATTRIBUTE_NETWORK, un);
    options.balancer_attributes =
        with(NULL, &GREBE_ATTRIBUTE_WEIGHT, (void *)(uintptr_t)2);
    assert_int_equal(grebe_address_new(NULL, "/run/a", &options, &address), GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, &address, 1, facts, &endpoint), GREBE_OK);
    grebe__line_init(&line, NULL);
    grebe__line_open_object(&line, NULL);
    grebe__record_endpoints(&line, &update);
    grebe__line_close_object(&line);
    grebe__line_raw(&line, "", 1);
    assert_string_equal(
        line.buf,
        "{\"endpoints\":[{\"addresses\":[{\"address\":\"/run/a\",\"server_name\":"
        "\"a.example\",\"network\":\"unix\",\"for_policies\":{\"weight\":2}}],"
        "\"weight\":7,\"locality\":{\"region\":\"eu\",\"zone\":\"eu-1\",\"sub_zone\":\"\"},"
        "\"path\":[\"eu\",\"one\"],\"health\":\"DRAINING\","
        "\"attributes\":[[\"Version\",\"v2\"]]}],\"unrecorded\":[\"private\"]}");
    grebe__line_fini(&line);
    grebe_endpoint_unref(endpoint);
    grebe_address_unref(address);
    grebe_attributes_unref(facts);
    grebe_attributes_unref(options.attributes);
    grebe_attributes_unref(options.balancer_attributes);
}

/* ---- Files that take no more -------------------------------------------------------------- */

TEST(lines_without_room_are_counted_where_they_are_missing)
{
    struct channel_bench b;
    struct recording *recording = open_recorded(&b, NULL);

    channel_bench_servers(&b, "a");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    recording->has_no_room = true;
    for (unsigned i = 0; i < 3; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    recording->has_no_room = false;
    grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(recording_count(recording, "\"ev\":\"lost\""), 1);
    assert_string_equal(recording_find(recording, "\"ev\":\"lost\"", 1),
                        "{\"ns\":0,\"ev\":\"lost\",\"lines\":6}");
    assert_int_equal(recording_line(recording, "\"ev\":\"lost\"", 1) + 1,
                     recording_line(recording, "\"call\":4,\"method\"", 1));
    assert_int_equal(times_logged(&b, "some are lost"), 1);
    channel_bench_fini(&b);
}

TEST(a_file_that_fails_is_told_once_and_calls_go_on)
{
    struct channel_bench b;
    struct recording *recording = open_recorded(&b, NULL);
    size_t length;

    channel_bench_servers(&b, "a");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    recording->failure = "/tmp/x: no space left on device; it ends here";
    length = recording->length;
    for (unsigned i = 0; i < 3; i++)
        expect_echo(channel_bench_call(&b, NULL), "a");
    assert_int_equal(recording->length, length);
    assert_int_equal(times_logged(&b, "recording: /tmp/x: no space left on device"), 1);
    channel_bench_fini(&b);
    assert_int_equal(recording->length, length);
}

static int set_up(void **state)
{
    (void)state;
    return grebe_balancer_register(&looker);
}

static int tear_down(void **state)
{
    (void)state;
    grebe_balancer_unregister("looker");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channels_life_is_written_down_in_its_order),
        cmocka_unit_test(a_call_is_two_lines),
        cmocka_unit_test(
            metadata_is_recorded_if_the_policy_looks_at_it_and_secrets_never),
        cmocka_unit_test(metadata_that_is_named_is_recorded_too),
        cmocka_unit_test(what_is_known_of_endpoints_is_recorded),
        cmocka_unit_test(lines_without_room_are_counted_where_they_are_missing),
        cmocka_unit_test(a_file_that_fails_is_told_once_and_calls_go_on),
    };

    return cmocka_run_group_tests_name("record", tests, set_up, tear_down);
}
