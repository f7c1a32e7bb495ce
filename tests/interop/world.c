/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/client.h"

enum { MAX_FLAGS = 16 };

const char *const *world_command;
const char *world_certificates;

int world_setup(void **state)
{
    *state = calloc(1, sizeof(struct world));
    return *state == NULL ? -1 : 0;
}

int world_teardown(void **state)
{
    struct world *w = *state;

    grebe_channel_destroy(w->channel);
    for (size_t i = 0; i < N_MAX; i++)
        process_kill(&w->server[i]);
    free(w);
    return 0;
}

void world_start(struct process *p, const char *const *flags)
{
    const char *argv[2 * MAX_FLAGS] = {NULL};
    size_t n = 0;

    for (size_t i = 0; world_command[i] != NULL && n < MAX_FLAGS; i++)
        argv[n++] = world_command[i];
    for (size_t i = 0; flags[i] != NULL && i < MAX_FLAGS - 1; i++)
        argv[n++] = flags[i];
    assert_true(process_start(p, argv));
}

void world_open(struct world *w, size_t n, const char *policy)
{
    static const char *const names[N_MAX] = {"a", "b", "c", "d", "e"};

    for (size_t i = 0; i < n; i++)
        world_start(&w->server[i], (const char *const[]){"--name", names[i], NULL});
    w->channel = client_open(world_target(w, n), policy, NULL);
}

const char *world_target(const struct world *w, size_t n)
{
    static char text[32 + N_MAX * 24];
    int length = snprintf(text, sizeof text, "ipv4:");

    for (size_t i = 0; i < n; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, "%s%s",
                           i == 0 ? "" : ",", w->server[i].address);
    return text;
}

const char *world_certificate(const char *name)
{
    static char path[4][512];
    static size_t turn;
    char *p = path[turn++ % 4];

    snprintf(p, sizeof path[0], "%s/%s", world_certificates, name);
    return p;
}

long world_stat(struct grebe_channel *channel, const char *name)
{
    struct grebe_call *call =
        client_call(channel, &(struct client_request){.method = ECHO "Stats"});
    char quoted[32], text[256];
    const char *found;
    long value = -1;

    client_copy_text(call, text, sizeof text);
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    found = strstr(text, quoted);
    if (found != NULL)
        value = strtol(found + strlen(quoted), NULL, 10);
    grebe_call_unref(call);
    return value;
}

void world_wait_for_stat(struct grebe_channel *channel, const char *name, long value)
{
    struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

    for (int i = 0; i < 500; i++) {
        if (world_stat(channel, name) == value)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("%s never became %ld", name, value);
}

size_t world_ask_who(struct grebe_channel *channel)
{
    struct grebe_call *call =
        client_call(channel, &(struct client_request){.method = ECHO "Who"});
    char name[8];
    size_t who;

    client_copy_text(call, name, sizeof name);
    who = (size_t)(name[0] - 'a');
    assert_true(who < N_MAX);
    grebe_call_unref(call);
    return who;
}
