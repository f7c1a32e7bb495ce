/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/loop.h -- who does the work, and when.
 *
 * A channel belongs to one loop for life.  There are no hidden threads: work is done by
 * whoever runs the loop, and that is one of
 *
 *   the caller      a blocking call on a loop nobody runs drives it itself
 *   your thread     grebe_loop_run(), until grebe_loop_stop()
 *   a background    grebe_loop_start_thread(), the only function here that makes a thread
 *   your uv_loop_t  grebe_loop_attach(), then uv_run() as usual
 *   any poll host   wait for grebe_loop_fd() to be readable or for grebe_loop_timeout_ms()
 *                   to pass, then grebe_loop_turn()
 *
 * When several threads block on calls of one loop, one drives and the others sleep; the
 * driver hands over when its own call is done.
 *
 * Threading   Any thread, unless it says otherwise.
 * fork()      A loop made before fork() answers GREBE_ERR_FORKED in the child.
 */
#ifndef GREBE_LOOP_H
#define GREBE_LOOP_H

#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/error.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

struct grebe_loop;
struct uv_loop_s;

/* A loop that nobody runs yet.  *out is the caller's to unref.  `mem` NULL: default.
 * GREBE_ERR_SYSTEM when the system has no descriptors left for it, GREBE_ERR_NOMEM. */
GREBE_API int grebe_loop_new(const struct grebe_mem *mem,
                             struct grebe_loop **out) GREBE_MUST_CHECK;

/* Live on `uv`, which the calling thread runs.  `uv` must outlive the loop, and uv_run()
 * returns as usual when nothing is in flight.  Blocking calls belong outside of uv_run():
 * inside of it only some callbacks can be told from the outside and refused.  Call
 * grebe_loop_unref() on the loop's thread and let uv_run() finish the closing.  *out is the
 * caller's to unref.  GREBE_ERR_SYSTEM, GREBE_ERR_NOMEM. */
GREBE_API int grebe_loop_attach(struct uv_loop_s *uv, const struct grebe_mem *mem,
                                struct grebe_loop **out) GREBE_MUST_CHECK;

GREBE_API struct grebe_loop *grebe_loop_ref(struct grebe_loop *loop);
/* The last reference frees the loop; channels hold one each.  NULL: no-op. */
GREBE_API void grebe_loop_unref(struct grebe_loop *loop);

/* Run until grebe_loop_stop().  GREBE_ERR_BUSY when another thread does, or a background
 * one, and always for attached loops; GREBE_ERR_DEADLOCK inside a callback. */
GREBE_API int grebe_loop_run(struct grebe_loop *loop);
/* The run() there is returns soon, or else the next one at once. */
GREBE_API void grebe_loop_stop(struct grebe_loop *loop);

/* Run in a thread of its own, in which all signals are blocked, until the last reference
 * goes or grebe_loop_stop_thread(), which waits for its end unless it is called there.
 * GREBE_ERR_BUSY as above, GREBE_ERR_SYSTEM when there is no thread to be had. */
GREBE_API int grebe_loop_start_thread(struct grebe_loop *loop) GREBE_MUST_CHECK;
GREBE_API void grebe_loop_stop_thread(struct grebe_loop *loop);

/* Embedding: readable when there is work.  The loop's own: neither read nor close it. */
GREBE_API int grebe_loop_fd(const struct grebe_loop *loop);
/* How long a host may sleep: 0 not at all, -1 until the fd is readable. */
GREBE_API int grebe_loop_timeout_ms(const struct grebe_loop *loop);
/* Do what is ready and wait no longer than `timeout_ms` for something to be; 0 does not
 * wait, -1 waits for one event.  GREBE_ERR_BUSY when another thread runs the loop,
 * GREBE_ERR_DEADLOCK inside a callback. */
GREBE_API int grebe_loop_turn(struct grebe_loop *loop, int timeout_ms);

/* Have fn(arg) run on the loop's thread, behind what was posted before, never inside this
 * function.  What is posted runs at the latest when the loop ends.  GREBE_ERR_NOMEM. */
GREBE_API int grebe_loop_post(struct grebe_loop *loop, void (*fn)(void *arg),
                              void *arg) GREBE_MUST_CHECK;

/* Nanoseconds on the clock that deadlines and reports use (CLOCK_MONOTONIC). */
GREBE_API uint64_t grebe_now_ns(void);

GREBE_END_DECLS

#endif
