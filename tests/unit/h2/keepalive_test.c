/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "h2/keepalive.h"

/* Writes down at which second something was asked for: "ping 10; ping 20; dead 40". */
struct bench {
    struct grebe__env env;
    struct grebe__executor_ops executor;
    struct grebe__keepalive keepalive;
    uint64_t start_ns;
    bool has_calls;
    char diary[256];
};

static struct bench *of(struct grebe__keepalive *keepalive)
{
    return grebe_container_of(keepalive, struct bench, keepalive);
}

static void note(struct bench *b, const char *what)
{
    size_t used = strlen(b->diary);

    snprintf(b->diary + used, sizeof b->diary - used, "%s%s %u", used > 0 ? "; " : "",
             what, (unsigned)((b->env.now_ns - b->start_ns) / SECOND));
}

static void on_ping(struct grebe__keepalive *keepalive)
{
    note(of(keepalive), "ping");
}

static void on_dead(struct grebe__keepalive *keepalive)
{
    note(of(keepalive), "dead");
}

static bool has_calls(struct grebe__keepalive *keepalive)
{
    return of(keepalive)->has_calls;
}

static const struct grebe__keepalive_ops ops = {on_ping, on_dead, has_calls};

static void on_rearm(struct grebe__env *env, uint64_t next_ns)
{
    (void)env, (void)next_ns;
}

static void bench_init(struct bench *b, uint64_t time_ns, bool works_without_calls)
{
    memset(b, 0, sizeof *b);
    b->executor.rearm = on_rearm;
    b->env.executor = &b->executor;
    grebe__env_init(&b->env, NULL, 1000 * SECOND, 1);
    b->start_ns = b->env.now_ns;
    grebe__keepalive_init(&b->keepalive, &b->env, &ops, time_ns, 20 * SECOND,
                          works_without_calls);
    grebe__keepalive_start(&b->keepalive);
}

/* Second by second, as a loop would. */
static void wait(struct bench *b, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        b->env.now_ns += SECOND;
        grebe__env_run_timers(&b->env);
    }
}

static void bench_fini(struct bench *b)
{
    grebe__keepalive_stop(&b->keepalive);
    assert_true(grebe__wheel_next_ns(&b->env.wheel) == UINT64_MAX);
}

/* gRFC A8 */
TEST(quiet_peer_is_pinged_and_given_up)
{
    struct bench b;

    bench_init(&b, 10 * SECOND, true);
    wait(&b, 100);
    assert_string_equal(b.diary, "ping 10; dead 30");
    bench_fini(&b);
}

TEST(answer_starts_the_clock_again)
{
    struct bench b;

    bench_init(&b, 10 * SECOND, true);
    wait(&b, 12);
    grebe__keepalive_read(&b.keepalive);
    wait(&b, 12);
    assert_string_equal(b.diary, "ping 10; ping 22");
    wait(&b, 100);
    assert_string_equal(b.diary, "ping 10; ping 22; dead 42");
    bench_fini(&b);
}

TEST(any_byte_is_a_sign_of_life)
{
    struct bench b;

    bench_init(&b, 10 * SECOND, true);
    for (int i = 0; i < 20; i++) {
        wait(&b, 9);
        grebe__keepalive_read(&b.keepalive);
    }
    assert_string_equal(b.diary, "");
    wait(&b, 10);
    assert_string_equal(b.diary, "ping 190");
    bench_fini(&b);
}

TEST(less_than_ten_seconds_is_ten)
{
    struct bench b;

    bench_init(&b, 1 * SECOND, true);
    wait(&b, 10);
    assert_string_equal(b.diary, "ping 10");
    bench_fini(&b);
}

/* gRFC A8 */
TEST(idle_connection_sleeps)
{
    struct bench b;

    bench_init(&b, 10 * SECOND, false);
    wait(&b, 3600);
    assert_string_equal(b.diary, "");
    assert_true(grebe__wheel_next_ns(&b.env.wheel) == UINT64_MAX);
    bench_fini(&b);
}

TEST(first_call_after_a_long_sleep_pings_at_once)
{
    struct bench b;

    bench_init(&b, 10 * SECOND, false);
    wait(&b, 3600);
    b.has_calls = true;
    grebe__keepalive_call(&b.keepalive);
    assert_string_equal(b.diary, "ping 3600");
    wait(&b, 20);
    assert_string_equal(b.diary, "ping 3600; dead 3620");
    bench_fini(&b);
}

TEST(call_after_a_short_sleep_waits_for_its_time)
{
    struct bench b;

    bench_init(&b, 10 * SECOND, false);
    wait(&b, 15);
    grebe__keepalive_read(&b.keepalive);
    b.has_calls = true;
    grebe__keepalive_call(&b.keepalive);
    wait(&b, 10);
    assert_string_equal(b.diary, "ping 25");
    bench_fini(&b);
}

TEST(calls_do_not_start_the_clock_again)
{
    struct bench b;

    bench_init(&b, 10 * SECOND, false);
    b.has_calls = true;
    wait(&b, 9);
    grebe__keepalive_call(&b.keepalive);
    wait(&b, 1);
    assert_string_equal(b.diary, "ping 10");
    bench_fini(&b);
}

TEST(infinite_time_is_off)
{
    struct bench b;

    bench_init(&b, UINT64_MAX, true);
    grebe__keepalive_call(&b.keepalive);
    grebe__keepalive_read(&b.keepalive);
    wait(&b, 100);
    assert_string_equal(b.diary, "");
    assert_true(grebe__wheel_next_ns(&b.env.wheel) == UINT64_MAX);
    bench_fini(&b);
}

TEST(stop_stops)
{
    struct bench b;

    bench_init(&b, 10 * SECOND, true);
    wait(&b, 15);
    grebe__keepalive_stop(&b.keepalive);
    wait(&b, 100);
    assert_string_equal(b.diary, "ping 10");
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_peer_is_pinged_and_given_up),
        cmocka_unit_test(answer_starts_the_clock_again),
        cmocka_unit_test(any_byte_is_a_sign_of_life),
        cmocka_unit_test(less_than_ten_seconds_is_ten),
        cmocka_unit_test(idle_connection_sleeps),
        cmocka_unit_test(first_call_after_a_long_sleep_pings_at_once),
        cmocka_unit_test(call_after_a_short_sleep_waits_for_its_time),
        cmocka_unit_test(calls_do_not_start_the_clock_again),
        cmocka_unit_test(infinite_time_is_off),
        cmocka_unit_test(stop_stops),
    };

    return cmocka_run_group_tests_name("keepalive", tests, NULL, NULL);
}
