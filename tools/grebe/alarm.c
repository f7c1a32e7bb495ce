/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <grebe/attr.h>

#include "units.h"

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct alarm *alarm = grebe_container_of(poll, struct alarm, poll);
    uint64_t expirations;

    (void)status;
    (void)events;
    if (read(alarm->fd, &expirations, sizeof expirations) < 0)
        return; /* it was set anew between poll and read */
    alarm->deadline_ns = ALARM_NEVER;
    alarm->on_alarm(alarm);
}

int alarm_init(uv_loop_t *loop, struct alarm *alarm,
               void (*on_alarm)(struct alarm *alarm))
{
    int error;

    alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (alarm->fd < 0)
        return -errno;
    alarm->deadline_ns = ALARM_NEVER;
    alarm->on_alarm = on_alarm;
    error = uv_poll_init(loop, &alarm->poll, alarm->fd);
    if (error != 0) {
        close(alarm->fd);
        return error;
    }
    return uv_poll_start(&alarm->poll, UV_READABLE, on_readable);
}

void alarm_set(struct alarm *alarm, uint64_t deadline_ns)
{
    struct itimerspec when = {.it_value = {0, 0}};

    if (deadline_ns == alarm->deadline_ns)
        return;
    alarm->deadline_ns = deadline_ns;
    if (deadline_ns != ALARM_NEVER) {
        when.it_value.tv_sec = (time_t)(deadline_ns / NS_PER_S);
        when.it_value.tv_nsec = (long)(deadline_ns % NS_PER_S);
        if (deadline_ns == 0)
            when.it_value.tv_nsec = 1; /* all zero would switch it off */
    }
    timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void alarm_close(struct alarm *alarm, uv_close_cb on_closed)
{
    uv_poll_stop(&alarm->poll);
    uv_close((uv_handle_t *)&alarm->poll, on_closed);
    close(alarm->fd);
}

uint64_t alarm_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
