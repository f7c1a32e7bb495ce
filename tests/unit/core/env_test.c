/* SPDX-License-Identifier: Apache-2.0 */
/* Turns: effects in order, settling after them, completions outside. */
#include "support/test.h"

#include <grebe/attr.h>

#include "core/env.h"

static struct grebe__env env;
static char log_text[256];
static bool is_active;
static uint64_t armed_ns;

static void rearm(struct grebe__env *e, uint64_t next_ns)
{
    (void)e;
    armed_ns = next_ns;
}

static void set_active(struct grebe__env *e, bool active)
{
    (void)e;
    is_active = active;
}

static struct grebe__task *posted;

static void post(struct grebe__env *e, struct grebe__task *task)
{
    (void)e;
    assert_null(posted); /* once is enough */
    posted = task;
}

static const struct grebe__executor_ops executor = {
    .post = post,
    .rearm = rearm,
    .set_active = set_active,
};

static void start(void)
{
    grebe__env_init(&env, NULL, 1000, 1);
    env.executor = &executor;
    log_text[0] = '\0';
}

struct step {
    struct grebe__effect effect;
    struct grebe__timer timer;
    char name;
    struct step *then;        /* recorded when this one runs */
    struct step *then_settle; /* likewise */
};

static void run(struct grebe__effect *effect)
{
    struct step *step = grebe_container_of(effect, struct step, effect);
    size_t used = strlen(log_text);

    log_text[used] = step->name;
    log_text[used + 1] = '\0';
    if (step->then != NULL)
        grebe__env_do(&env, &step->then->effect);
    if (step->then_settle != NULL)
        grebe__env_settle(&env, &step->then_settle->effect);
}

static void fire(struct grebe__timer *timer)
{
    grebe__env_do(&env, &grebe_container_of(timer, struct step, timer)->effect);
}

static struct step make(char name)
{
    return (struct step){.name = name};
}

static void ready(struct step *step)
{
    grebe__effect_init(&step->effect, run);
}

TEST(effects_run_in_order_when_the_outermost_turn_ends)
{
    struct step a = make('a'), b = make('b');

    start();
    ready(&a);
    ready(&b);
    grebe__env_enter(&env);
    grebe__env_enter(&env);
    grebe__env_do(&env, &a.effect);
    grebe__env_do(&env, &b.effect);
    grebe__env_do(&env, &a.effect); /* it has its place already */
    grebe__env_leave(&env);
    assert_string_equal(log_text, "");
    grebe__env_leave(&env);
    assert_string_equal(log_text, "ab");
    grebe__env_fini(&env);
}

TEST(effects_of_effects_follow_those_that_were_there)
{
    struct step a = make('a'), b = make('b'), c = make('c');

    start();
    ready(&a);
    ready(&b);
    ready(&c);
    a.then = &c;
    grebe__env_enter(&env);
    grebe__env_do(&env, &a.effect);
    grebe__env_do(&env, &b.effect);
    grebe__env_leave(&env);
    assert_string_equal(log_text, "abc");
    grebe__env_fini(&env);
}

TEST(settling_comes_after_all_effects_and_what_they_cause)
{
    struct step a = make('a'), b = make('b'), s = make('s'), t = make('t');

    start();
    ready(&a);
    ready(&b);
    ready(&s);
    ready(&t);
    a.then = &b;
    s.then_settle = &t;
    grebe__env_enter(&env);
    grebe__env_settle(&env, &s.effect);
    grebe__env_do(&env, &a.effect);
    grebe__env_leave(&env);
    assert_string_equal(log_text, "abst");
    grebe__env_fini(&env);
}

TEST(cancelled_effect_does_not_run)
{
    struct step a = make('a');

    start();
    ready(&a);
    grebe__env_enter(&env);
    grebe__env_do(&env, &a.effect);
    assert_true(grebe__effect_is_queued(&a.effect));
    grebe__effect_cancel(&a.effect);
    grebe__env_leave(&env);
    assert_string_equal(log_text, "");
    grebe__env_fini(&env);
}

static struct step second;

static void complete_first(struct grebe__effect *effect)
{
    (void)effect;
    strcat(log_text, "1");
    grebe__env_finish(&env, &second.effect);
}

/* A policy, or a resolver, on a host's loop has callbacks that are no turns. */
TEST(effects_recorded_outside_of_a_turn_run_in_the_next)
{
    struct step a = {.name = 'a'}, b = {.name = 'b'};

    start();
    grebe__effect_init(&a.effect, run);
    grebe__effect_init(&b.effect, run);
    posted = NULL;
    grebe__env_settle(&env, &b.effect);
    grebe__env_do(&env, &a.effect);
    assert_string_equal(log_text, "");
    grebe__env_enter(&env);
    posted->run(posted);
    posted = NULL;
    grebe__env_leave(&env);
    assert_string_equal(log_text, "ab");
    grebe__env_do(&env, &a.effect);
    assert_non_null(posted); /* again */
    grebe__env_enter(&env);
    posted->run(posted);
    grebe__env_leave(&env);
    assert_string_equal(log_text, "aba");
    grebe__env_fini(&env);
}

TEST(completions_wait_until_they_are_asked_for)
{
    struct grebe__effect first;

    start();
    second = make('2');
    ready(&second);
    grebe__effect_init(&first, complete_first);
    grebe__env_enter(&env);
    grebe__env_finish(&env, &first);
    grebe__env_leave(&env);
    assert_string_equal(log_text, "");
    grebe__env_complete(&env);
    assert_string_equal(log_text, "1"); /* what it caused waits for the next time */
    grebe__env_complete(&env);
    assert_string_equal(log_text, "12");
    grebe__env_fini(&env);
}

TEST(timers_fire_each_in_a_turn_of_its_own)
{
    struct step a = make('a'), b = make('b'), c = make('c');

    start();
    ready(&a);
    ready(&b);
    ready(&c);
    a.then = &c;
    grebe__timer_init(&a.timer, fire);
    grebe__timer_init(&b.timer, fire);
    grebe__env_start_timer(&env, &b.timer, 3000);
    assert_int_equal(armed_ns, 3000);
    grebe__env_start_timer(&env, &a.timer, 2000);
    assert_int_equal(armed_ns, 2000);
    env.now_ns = 3000;
    grebe__env_run_timers(&env);
    assert_string_equal(log_text, "acb");
    grebe__env_fini(&env);
}

TEST(holds_are_counted)
{
    start();
    grebe__env_hold(&env);
    grebe__env_hold(&env);
    assert_true(is_active);
    grebe__env_release(&env);
    assert_true(is_active);
    grebe__env_release(&env);
    assert_false(is_active);
    grebe__env_fini(&env);
}

TEST(never_stays_never)
{
    start();
    assert_int_equal(grebe__env_after(&env, 5), 1005);
    assert_int_equal(grebe__env_after(&env, UINT64_MAX), UINT64_MAX);
    grebe__env_fini(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effects_run_in_order_when_the_outermost_turn_ends),
        cmocka_unit_test(effects_of_effects_follow_those_that_were_there),
        cmocka_unit_test(settling_comes_after_all_effects_and_what_they_cause),
        cmocka_unit_test(cancelled_effect_does_not_run),
        cmocka_unit_test(effects_recorded_outside_of_a_turn_run_in_the_next),
        cmocka_unit_test(completions_wait_until_they_are_asked_for),
        cmocka_unit_test(timers_fire_each_in_a_turn_of_its_own),
        cmocka_unit_test(holds_are_counted),
        cmocka_unit_test(never_stays_never),
    };

    return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
