/* SPDX-License-Identifier: Apache-2.0 */
/* Which service's health is asked for, and what the log says when a config that asks for
 * it has no effect.  A fleet must not run for years with health checks that never were.
 */
#include <string.h>

#include "core/health.h"
#include "core/subconn.h"

enum {
    TOLD_NAMELESS = 1,
    TOLD_UNWANTED = 2,
    TOLD_UNASKED = 4,
    TOLD_UNKNOWN = 8,
};

/* True the first time since the config changed. */
static bool is_news(struct grebe_channel *channel, unsigned what)
{
    bool is_new = (channel->health_told & what) == 0;

    channel->health_told |= what;
    return is_new;
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const char *service_of(const struct grebe__service_config *config)
{
    return config == NULL ? NULL : grebe__service_config_health_service(config);
}

/* ---- What is in force -------------------------------------------------------------- */

const char *grebe__health_service(const struct grebe_channel *channel)
{
    return channel->ignores_health_check ? NULL : service_of(channel->config);
}

void grebe__health_config_changed(struct grebe_channel *channel,
                                  const struct grebe__service_config *before)
{
    const char *service = service_of(channel->config);

    if (!is_same(service, service_of(before)))
        channel->health_told = 0;
    if (grebe__service_config_lacks_health_service(channel->config) &&
        is_news(channel, TOLD_NAMELESS))
        grebe__channel_log(channel, GREBE_LOG_ERROR,
                           "healthCheckConfig has no serviceName: health is not checked "
                           "(\"\" asks for the server as a whole)");
    if (service != NULL && channel->ignores_health_check &&
        is_news(channel, TOLD_UNWANTED))
        grebe__channel_log(
            channel, GREBE_LOG_INFO,
            "healthCheckConfig names \"%s\", but the channel's options say "
            "ignores_health_check: health is not checked",
            service);
}

static bool is_asked_about(const struct grebe__subconn *subconn)
{
    return subconn->wants_health_check || subconn->base.on_health != NULL;
}

/* At the end of the turn, when a policy that listens has begun to. */
static void run_expectation(struct grebe__effect *effect)
{
    struct grebe_channel *channel =
        grebe_container_of(effect, struct grebe_channel, health_effect);
    const char *service = grebe__health_service(channel);
    bool is_any_ready = false;

    grebe__list_foreach (link, &channel->subconns) {
        const struct grebe__subconn *subconn =
            grebe_container_of(link, struct grebe__subconn, link);

        if (is_asked_about(subconn))
            return;
        is_any_ready |= subconn->state == GREBE_READY;
    }
    if (is_any_ready && service != NULL && is_news(channel, TOLD_UNASKED))
        grebe__channel_log(channel, GREBE_LOG_ERROR,
                           "healthCheckConfig names \"%s\", but policy \"%s\" does not "
                           "ask for health: health is not checked (round_robin does)",
                           service,
                           channel->policy == NULL ? "?" : channel->policy->name);
}

void grebe__health_expect(struct grebe_channel *channel)
{
    if ((channel->health_told & TOLD_UNASKED) == 0 &&
        grebe__health_service(channel) != NULL)
        grebe__env_settle(channel->host.env, &channel->health_effect);
}

void grebe__health_service_is_unknown(struct grebe__subconn *subconn)
{
    struct grebe_channel *channel = subconn->channel;
    const char *service = grebe__health_service(channel);

    if (service != NULL && is_news(channel, TOLD_UNKNOWN))
        grebe__channel_log(channel, GREBE_LOG_WARNING,
                           "%s: its health service does not know \"%s\", which "
                           "healthCheckConfig names",
                           grebe__subconn_oldest(subconn)->peer, service);
}

void grebe__health_is_not_checked(struct grebe__subconn *subconn)
{
    grebe__channel_log(subconn->channel, GREBE_LOG_ERROR,
                       "%s: out of memory: its health is not checked",
                       grebe__subconn_oldest(subconn)->peer);
}

void grebe__health_init(struct grebe_channel *channel)
{
    grebe__effect_init(&channel->health_effect, run_expectation);
}
