/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server_load.h"

#include <string.h>

#include <grebe/error.h>

#include "core/channel.h"
#include "core/metadata.h"

static const uint64_t quiet_ns = UINT64_C(60000000000);
static const char key[] = GREBE__LOAD_REPORT_TRAILER;

/* The last, and how many there are. */
static uint32_t find(const struct grebe_metadata *trailers,
                     const struct grebe_metadata_entry **out)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < trailers->n; i++) {
        const struct grebe_metadata_entry *entry = &trailers->entries[i];

        if (entry->key_length == sizeof key - 1 &&
            memcmp(entry->key, key, sizeof key - 1) == 0) {
            *out = entry;
            n++;
        }
    }
    return n;
}

static void complain(struct grebe_channel *channel, const char *peer, const char *what)
{
    uint64_t now_ns = channel->host.env->now_ns;

    if (now_ns < channel->load_quiet_until_ns) {
        channel->n_bad_loads++;
        return;
    }
    channel->load_quiet_until_ns = now_ns + quiet_ns;
    grebe__channel_log(channel, GREBE_LOG_WARNING,
                       "%s: its load report (%s) is not used: %s; %u more since this was "
                       "told last",
                       peer, key, what, channel->n_bad_loads);
    channel->n_bad_loads = 0;
}

static const char *text_of(int error)
{
    switch (error) {
    case GREBE_ERR_TOO_LARGE:
        return "more than 1024 named metrics";
    case GREBE_ERR_NOMEM:
        return "out of memory";
    default:
        return "it is no OrcaLoadReport";
    }
}

bool grebe__server_load_read(struct grebe_channel *channel,
                             const struct grebe_metadata *trailers, const char *peer,
                             struct grebe__load_report *out)
{
    const struct grebe_metadata_entry *entry = NULL;
    uint32_t n = find(trailers, &entry);
    int result;

    if (n == 0)
        return false;
    if (n > 1) {
        complain(channel, peer, "there is more than one");
        return false;
    }
    result = grebe__load_report_read(channel->host.mem, entry->value, entry->value_length,
                                     out);
    if (result == GREBE_OK)
        return true;
    complain(channel, peer, text_of(result));
    return false;
}
