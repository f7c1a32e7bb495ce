/* SPDX-License-Identifier: Apache-2.0 */
#include "core/health.h"

#include <stdio.h>
#include <string.h>

#include <grebe/producer.h>

#include "base/text.h"
#include "core/subconn.h"
#include "core/subconn_stream.h"
#include "messages/health.h"

/* What it last came to. */
enum answer {
    NO_ANSWER,
    ANSWERED,      /* `serving` */
    UNIMPLEMENTED, /* nobody there to answer */
    BROKEN,        /* `error` */
};

struct grebe__health {
    struct grebe__subconn *subconn;
    struct grebe_feed *feed;
    grebe__verdict_fn on_verdict;
    enum answer answer;
    int serving;
    bool has_verdict;
    enum grebe_connectivity verdict; /* as told */
    struct grebe__status error;      /* with TRANSIENT_FAILURE */
};

/* ---- Verdicts ------------------------------------------------------------------------------ */

/* For whoever looks. */
static void show(const struct grebe__health *health)
{
    static const enum grebe_channelz_health shown[] = {
        [GREBE_CONNECTING] = GREBE_CHANNELZ_CHECKING,
        [GREBE_READY] = GREBE_CHANNELZ_HEALTHY,
        [GREBE_TRANSIENT_FAILURE] = GREBE_CHANNELZ_UNHEALTHY,
    };

    grebe__book_set_health(health->subconn->entity, shown[health->verdict]);
}

/* What was told last need not be told again. */
static void tell(struct grebe__health *health, enum grebe_connectivity verdict,
                 const char *why)
{
    struct grebe_status error = grebe_status_of(GREBE_STATUS_UNAVAILABLE, why);

    if (health->has_verdict && health->verdict == verdict &&
        strcmp(health->error.view.message, why) == 0)
        return;
    health->has_verdict = true;
    health->verdict = verdict;
    grebe__status_copy(&health->error, &error);
    show(health);
    health->on_verdict(health->subconn, verdict,
                       verdict == GREBE_TRANSIENT_FAILURE ? &health->error.view : NULL);
}

static void on_open(void *arg)
{
    struct grebe__health *health = arg;

    health->answer = NO_ANSWER;
    tell(health, GREBE_CONNECTING, "");
}

static bool on_message(void *arg, const void *bytes, size_t length)
{
    struct grebe__health *health = arg;
    char buf[GREBE__HEALTH_TEXT], why[96];

    if (grebe__health_response_read(health->subconn->channel->host.mem, bytes, length,
                                    &health->serving) != GREBE_OK)
        return false;
    health->answer = ANSWERED;
    if (health->serving == GREBE__SERVING_YES) {
        tell(health, GREBE_READY, "");
        return true;
    }
    if (health->serving == GREBE__SERVING_SERVICE_UNKNOWN)
        grebe__health_service_is_unknown(health->subconn);
    snprintf(why, sizeof why, "connection active but health check failed. status=%s",
             grebe__serving_name(health->serving, buf));
    tell(health, GREBE_TRANSIENT_FAILURE, why);
    return true;
}

#define BROKEN_PREFIX "connection active but received health check RPC error: "

static bool on_end(void *arg, const struct grebe_feed_end *end)
{
    struct grebe__health *health = arg;
    char name[24], why[512];
    struct grebe__text text = grebe__text_init(why, sizeof why);

    if (!end->was_open)
        return true; /* nothing was asked */
    if (end->status->code == GREBE_STATUS_UNIMPLEMENTED) {
        health->answer = UNIMPLEMENTED;
        grebe__channel_log(health->subconn->channel, GREBE_LOG_ERROR,
                           "%s: Subchannel health check is unimplemented at server side, "
                           "thus health check is disabled",
                           end->peer);
        tell(health, GREBE_READY, "");
        return false;
    }
    health->answer = BROKEN;
    grebe__text_printf(
        &text, BROKEN_PREFIX "%s: ", grebe_status_code_name(end->status->code, name));
    grebe__text_append_escaped(&text, end->status->message, end->status->message_length);
    tell(health, GREBE_TRANSIENT_FAILURE, why);
    return true;
}

const char *grebe__health_text(const struct grebe__subconn *subconn,
                               char buf[GREBE__HEALTH_TEXT])
{
    const struct grebe__health *health = subconn->health;

    if (health == NULL)
        return NULL;
    switch (health->answer) {
    case NO_ANSWER:
        return "no answer yet";
    case ANSWERED:
        return grebe__serving_name(health->serving, buf);
    case UNIMPLEMENTED:
        return "unimplemented";
    case BROKEN:
        break;
    }
    if (strncmp(health->error.view.message, BROKEN_PREFIX, sizeof BROKEN_PREFIX - 1) != 0)
        return health->error.view.message; /* when memory was short */
    return health->error.view.message + sizeof BROKEN_PREFIX - 1;
}

/* ---- Asking ----------------------------------------------------------------------------------- */

static int start_feed(struct grebe__health *health, const char *service)
{
    const struct grebe_mem *mem = health->subconn->channel->host.mem;
    struct grebe_feed_options options = GREBE_FEED_OPTIONS_INIT;
    size_t length = grebe__health_request_size(service);
    unsigned char *request = grebe_mem_alloc(mem, length + 1);
    int result;

    if (request == NULL)
        return GREBE_ERR_NOMEM;
    grebe__health_request_write(service, request);
    options.method = GREBE__HEALTH_WATCH;
    options.request = request;
    options.request_length = length;
    options.on_open = on_open;
    options.on_message = on_message;
    options.on_end = on_end;
    options.arg = health;
    result = grebe__feed_start(&health->subconn->base, &options, false, &health->feed);
    grebe_mem_free(mem, request);
    return result;
}

int grebe__health_new(struct grebe__subconn *subconn, grebe__verdict_fn on_verdict,
                      struct grebe__health **out)
{
    const struct grebe_mem *mem = subconn->channel->host.mem;
    struct grebe__health *health = grebe_mem_zalloc(mem, sizeof *health);
    int result;

    if (health == NULL)
        return GREBE_ERR_NOMEM;
    health->subconn = subconn;
    health->on_verdict = on_verdict;
    grebe__status_init(&health->error, mem);
    result = start_feed(health, grebe__health_service(subconn->channel));
    if (result != GREBE_OK) {
        grebe_mem_free(mem, health);
        return result;
    }
    subconn->health = health;
    *out = health;
    return GREBE_OK;
}

void grebe__health_free(struct grebe__health *health)
{
    if (health == NULL)
        return;
    if (health->subconn->health == health)
        health->subconn->health = NULL;
    grebe__book_set_health(health->subconn->entity, GREBE_CHANNELZ_NOT_CHECKED);
    grebe_feed_stop(&health->feed);
    grebe__status_fini(&health->error);
    grebe_mem_free(health->subconn->channel->host.mem, health);
}
