/* SPDX-License-Identifier: Apache-2.0 */
/* The word that says who drives, step by step: each test plays one order of events that
 * threads could come in. */
#include "support/test.h"

#include <unistd.h>

#include <grebe/error.h>

#include "io/driver.h"

static void init(struct grebe__driver *driver)
{
    assert_int_equal(grebe__driver_init(driver), GREBE_OK);
}

TEST(one_thread_drives_at_a_time)
{
    struct grebe__driver driver;

    init(&driver);
    assert_false(grebe__driver_is_me(&driver));
    assert_true(grebe__driver_acquire(&driver));
    assert_true(grebe__driver_is_me(&driver));
    assert_false(grebe__driver_acquire(&driver));
    assert_true(grebe__driver_release(&driver, false));
    assert_false(grebe__driver_is_me(&driver));
    assert_true(grebe__driver_acquire(&driver));
    assert_true(grebe__driver_release(&driver, false));
    grebe__driver_fini(&driver);
}

TEST(news_keeps_the_driver_from_sleeping_and_from_leaving)
{
    struct grebe__driver driver;

    init(&driver);
    assert_true(grebe__driver_acquire(&driver));
    assert_false(grebe__driver_take_news(&driver));
    assert_false(grebe__driver_announce(&driver));
    assert_false(grebe__driver_sleep(&driver));
    assert_false(grebe__driver_is_quiet(&driver));
    assert_false(grebe__driver_release(&driver, false));
    assert_true(grebe__driver_is_me(&driver));
    assert_true(grebe__driver_take_news(&driver));
    assert_false(grebe__driver_take_news(&driver));
    assert_true(grebe__driver_sleep(&driver));
    assert_true(grebe__driver_is_quiet(&driver));
    grebe__driver_wake(&driver);
    assert_true(grebe__driver_release(&driver, false));
    grebe__driver_fini(&driver);
}

/* A second signal would cost a system call and say nothing. */
TEST(the_first_to_bring_news_to_a_sleeper_signals)
{
    struct grebe__driver driver;

    init(&driver);
    assert_true(grebe__driver_acquire(&driver));
    assert_true(grebe__driver_sleep(&driver));
    assert_true(grebe__driver_announce(&driver));
    assert_false(grebe__driver_announce(&driver));
    grebe__driver_wake(&driver);
    assert_true(grebe__driver_take_news(&driver));
    assert_false(grebe__driver_announce(&driver)); /* it is awake */
    assert_true(grebe__driver_take_news(&driver));
    assert_true(grebe__driver_release(&driver, false));
    grebe__driver_fini(&driver);
}

/* Nobody drives: news waits for the next driver, or wakes a host. */
TEST(news_without_a_driver_is_signalled_if_a_host_watches)
{
    for (unsigned is_watched = 0; is_watched < 2; is_watched++) {
        struct grebe__driver driver;

        init(&driver);
        assert_true(grebe__driver_acquire(&driver));
        assert_true(grebe__driver_release(&driver, is_watched));
        assert_int_equal(grebe__driver_announce(&driver), is_watched);
        assert_true(grebe__driver_acquire(&driver));
        assert_true(grebe__driver_take_news(&driver));
        assert_false(grebe__driver_announce(&driver)); /* this one is awake */
        assert_true(grebe__driver_take_news(&driver));
        assert_true(grebe__driver_release(&driver, is_watched));
        grebe__driver_fini(&driver);
    }
}

/* ---- Parking ---------------------------------------------------------------------- */

struct sleeper {
    struct grebe__driver *driver;
    pthread_t thread;
    bool flag, is_first, is_back; /* is_back: atomic */
    uint64_t deadline_ns;
    enum grebe__parking result;
};

static void *park(void *arg)
{
    struct sleeper *self = arg;

    self->result =
        grebe__driver_park(self->driver, &self->flag, self->deadline_ns, self->is_first);
    __atomic_store_n(&self->is_back, true, __ATOMIC_RELEASE);
    return NULL;
}

static unsigned count_parked(struct grebe__driver *driver)
{
    unsigned n = 0;

    pthread_mutex_lock(&driver->mutex);
    grebe__list_foreach (link, &driver->queue)
        n++;
    pthread_mutex_unlock(&driver->mutex);
    return n;
}

/* Returns when it sleeps. */
static void start(struct sleeper *sleeper, struct grebe__driver *driver, bool is_first)
{
    unsigned before = count_parked(driver);

    *sleeper = (struct sleeper){
        .driver = driver, .is_first = is_first, .deadline_ns = UINT64_MAX};
    assert_int_equal(pthread_create(&sleeper->thread, NULL, park, sleeper), 0);
    while (count_parked(driver) == before)
        usleep(100);
}

static void expect_back(struct sleeper *sleeper, enum grebe__parking result)
{
    pthread_join(sleeper->thread, NULL);
    assert_int_equal(sleeper->result, result);
}

static void expect_asleep(struct sleeper *sleeper)
{
    usleep(2000);
    assert_false(__atomic_load_n(&sleeper->is_back, __ATOMIC_ACQUIRE));
}

static void set(bool *flag)
{
    __atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

TEST(a_flag_wakes_those_who_wait_for_it)
{
    struct grebe__driver driver;
    struct sleeper a, b;

    init(&driver);
    assert_true(grebe__driver_acquire(&driver));
    start(&a, &driver, false);
    start(&b, &driver, false);
    set(&b.flag);
    grebe__driver_unpark(&driver, &b.flag);
    expect_back(&b, GREBE__PARKING_DONE);
    expect_asleep(&a);
    set(&a.flag);
    grebe__driver_unpark(&driver, &a.flag);
    expect_back(&a, GREBE__PARKING_DONE);
    assert_true(grebe__driver_release(&driver, false));
    grebe__driver_fini(&driver);
}

TEST(a_driver_that_leaves_has_one_sleeper_try)
{
    struct grebe__driver driver;
    struct sleeper a, b;

    init(&driver);
    assert_true(grebe__driver_acquire(&driver));
    start(&a, &driver, false);
    start(&b, &driver, false);
    assert_true(grebe__driver_release(&driver, false));
    expect_back(&a, GREBE__PARKING_TRY);
    expect_asleep(&b);
    /* `a` has driven and leaves. */
    assert_true(grebe__driver_acquire(&driver));
    assert_true(grebe__driver_release(&driver, false));
    expect_back(&b, GREBE__PARKING_TRY);
    grebe__driver_fini(&driver);
}

TEST(who_comes_first_by_right_is_promoted_first)
{
    struct grebe__driver driver;
    struct sleeper a, b;

    init(&driver);
    assert_true(grebe__driver_acquire(&driver));
    start(&a, &driver, false);
    start(&b, &driver, true);
    assert_true(grebe__driver_release(&driver, false));
    expect_back(&b, GREBE__PARKING_TRY);
    expect_asleep(&a);
    assert_true(grebe__driver_acquire(&driver));
    assert_true(grebe__driver_release(&driver, false));
    expect_back(&a, GREBE__PARKING_TRY);
    grebe__driver_fini(&driver);
}

/* It has what it waited for, so it will not drive: the next one must. */
TEST(a_promoted_sleeper_that_is_done_passes_it_on)
{
    struct grebe__driver driver;
    struct sleeper a, b;

    init(&driver);
    assert_true(grebe__driver_acquire(&driver));
    start(&a, &driver, false);
    start(&b, &driver, false);
    set(&a.flag); /* and before anybody is told: */
    assert_true(grebe__driver_release(&driver, false));
    expect_back(&a, GREBE__PARKING_DONE);
    expect_back(&b, GREBE__PARKING_TRY);
    grebe__driver_fini(&driver);
}

TEST(nobody_sleeps_when_nobody_drives)
{
    struct grebe__driver driver;
    bool flag = false;

    init(&driver);
    assert_int_equal(grebe__driver_park(&driver, &flag, UINT64_MAX, false),
                     GREBE__PARKING_TRY);
    assert_int_equal(count_parked(&driver), 0);
    grebe__driver_fini(&driver);
}

TEST(a_flag_that_is_set_already_lets_nobody_sleep)
{
    struct grebe__driver driver;
    bool flag = true;

    init(&driver);
    assert_true(grebe__driver_acquire(&driver));
    assert_int_equal(grebe__driver_park(&driver, &flag, UINT64_MAX, false),
                     GREBE__PARKING_DONE);
    assert_true(grebe__driver_release(&driver, false));
    grebe__driver_fini(&driver);
}

TEST(sleeping_ends_at_its_deadline)
{
    struct grebe__driver driver;
    bool flag = false;

    init(&driver);
    assert_true(grebe__driver_acquire(&driver));
    assert_int_equal(grebe__driver_park(&driver, &flag, 1, false),
                     GREBE__PARKING_TIMED_OUT);
    assert_true(grebe__driver_release(&driver, false));
    grebe__driver_fini(&driver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_drives_at_a_time),
        cmocka_unit_test(news_keeps_the_driver_from_sleeping_and_from_leaving),
        cmocka_unit_test(the_first_to_bring_news_to_a_sleeper_signals),
        cmocka_unit_test(news_without_a_driver_is_signalled_if_a_host_watches),
        cmocka_unit_test(a_flag_wakes_those_who_wait_for_it),
        cmocka_unit_test(a_driver_that_leaves_has_one_sleeper_try),
        cmocka_unit_test(who_comes_first_by_right_is_promoted_first),
        cmocka_unit_test(a_promoted_sleeper_that_is_done_passes_it_on),
        cmocka_unit_test(nobody_sleeps_when_nobody_drives),
        cmocka_unit_test(a_flag_that_is_set_already_lets_nobody_sleep),
        cmocka_unit_test(sleeping_ends_at_its_deadline),
    };

    return cmocka_run_group_tests_name("driver", tests, NULL, NULL);
}
