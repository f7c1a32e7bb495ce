/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/dialer.h -- connections that the program makes itself: through a tunnel or a SOCKS
 * proxy, to a socket another process hands over, over a network that is none of the
 * system's.
 *
 *   channel --dial("10.0.0.1:443")--> your code --grebe_dialing_connected(fd)--> channel
 *
 * What the channel gets is a connected stream socket.  TLS, HTTP/2 and everything after
 * are the channel's, and names are verified as if it had connected itself.
 *
 * Answers     Every dialing is answered exactly once, inside of dial() or at any time
 *             later, also after cancel(); with that it is gone.
 * Threading   dial() and cancel() run on the loop's thread and must not block.  Answers
 *             may come from any thread.
 * Sources     grpc-go WithContextDialer.
 */
#ifndef GREBE_DIALER_H
#define GREBE_DIALER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>

GREBE_BEGIN_DECLS

/* A connection in the making. */
struct grebe_dialing;

/* Goes into the options of a channel, which copies it.  Fill with GREBE_DIALER_INIT. */
struct grebe_dialer {
    size_t struct_size;
    /* Connect to `address`, which is text as resolvers give it, names not looked up:
     * "10.0.0.1:443", "[::1]:443", "host:443", "unix:relative/path", "unix:///path",
     * "unix-abstract:name", or whatever a resolver of yours says.  Borrowed. */
    void (*dial)(void *arg, const char *address, struct grebe_dialing *dialing);
    /* No longer wanted: the time is up, or the channel goes away.  A hint to hurry: the
     * answer is still owed, and a descriptor in it is closed.  NULL: not interested.  It
     * may come while another thread answers, but not after an answer on this thread. */
    void (*cancel)(void *arg, struct grebe_dialing *dialing);
    void *arg; /* stays until the channel is destroyed and all dialings are answered */
};
#define GREBE_DIALER_INIT                                                                \
    {                                                                                    \
        sizeof(struct grebe_dialer), NULL, NULL, NULL                                    \
    }

/* The answer: `fd` is a connected stream socket that nobody watches any more.  It is the
 * library's from now on, whatever becomes of it. */
GREBE_API void grebe_dialing_connected(struct grebe_dialing *dialing, int fd);

/* The other answer: why not, for people, without the address: "socks: host unreachable".
 * Copied, up to 256 bytes. */
GREBE_API void grebe_dialing_failed(struct grebe_dialing *dialing, const char *error);

/* Until when it will be waited for, on the clock of grebe_now_ns(); UINT64_MAX: for ever.
 * cancel() comes at that time. */
GREBE_API uint64_t grebe_dialing_deadline_ns(const struct grebe_dialing *dialing);

/* Nobody waits any more: for threads, which cancel() does not reach. */
GREBE_API bool grebe_dialing_is_cancelled(struct grebe_dialing *dialing);

GREBE_END_DECLS

#endif
