/* SPDX-License-Identifier: Apache-2.0 */
/* alarm.h -- one moment on a uv loop, to the nanosecond.
 *
 * uv_timer_t counts milliseconds, too coarse for a load generator that starts a call
 * every 50 us and for a backend that answers after 500 us.  This is a timerfd.
 */
#ifndef TOOL_ALARM_H
#define TOOL_ALARM_H

#include <stdint.h>
#include <uv.h>

#define ALARM_NEVER UINT64_MAX

struct alarm {
    uv_poll_t poll;
    int fd;
    uint64_t deadline_ns; /* ALARM_NEVER when it is not set */
    void (*on_alarm)(struct alarm *alarm);
};

/* 0 or a negative errno value. */
int alarm_init(uv_loop_t *loop, struct alarm *alarm,
               void (*on_alarm)(struct alarm *alarm));

/* Rings once, at `deadline_ns` on CLOCK_MONOTONIC or at once if that has passed;
 * ALARM_NEVER switches it off.  Setting it to what it is set to costs nothing. */
void alarm_set(struct alarm *alarm, uint64_t deadline_ns);

/* `alarm` is in use until on_closed. */
void alarm_close(struct alarm *alarm, uv_close_cb on_closed);

uint64_t alarm_now_ns(void); /* CLOCK_MONOTONIC */

#endif
