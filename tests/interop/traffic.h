/* SPDX-License-Identifier: Apache-2.0 */
/* interop/traffic.h -- calls that keep coming while something happens to the servers.
 *
 * A closed loop of Slow calls: each call that ends starts the next, until told to stop.
 */
#ifndef INTEROP_TRAFFIC_H
#define INTEROP_TRAFFIC_H

#include <stdbool.h>

#include <grebe/grebe.h>

#include "world.h"

struct traffic {
    struct grebe_channel *channel;
    bool is_paused; /* calls that end start no others */
    int n_started;
    int n_running;
    int n_ok;
    int n_lost;
    char first_loss[256];
};

void traffic_begin(struct traffic *traffic, struct grebe_channel *channel);

/* Lets calls come and go for so long. */
void traffic_run(struct traffic *traffic, int ms);

/* After is_paused was set. */
void traffic_resume(struct traffic *traffic);

/* Waits for the last call; the case fails if one was lost. */
void traffic_end(struct traffic *traffic);

/* Of the two servers of `w` the first stops gracefully: whoever was in flight ends well, the
 * other takes over, and the first exits with 0.  Some servers refuse calls that reach them
 * between the signal and their GOAWAY, which no client can know of: GREBE_STOP_GAP_MS then
 * says for how long no call starts, before and after. */
void traffic_survives_graceful_stop(struct world *w);

#endif
