/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.h -- hears of a channel's states: all, in order, none twice, SHUTDOWN last. */
#ifndef TORTURE_WATCHER_H
#define TORTURE_WATCHER_H

#include <stdbool.h>

#include <grebe/connectivity.h>

struct client;

enum { N_WATCHERS = 3 };

struct watcher {
    struct client *client;
    bool is_wanted; /* of this channel and of those to come */
    bool is_on;
    bool has_state; /* it heard of one: */
    enum grebe_connectivity state;
};

/* The first one watches. */
void watchers_init(struct client *client);

/* The client has a new channel. */
void watchers_begin(struct client *client);
/* From anywhere.  Without a channel, it is for those to come. */
void watcher_want(struct client *client, unsigned which, bool is_wanted);
void watcher_toggle(struct client *client, unsigned which);

/* Whenever nothing is going on. */
void watchers_check(const struct client *client);
/* The channel is closed. */
void watchers_end(struct client *client);

#endif
