/* SPDX-License-Identifier: Apache-2.0 */
#include "core/subconn_meter.h"

#include "metrics/client.h"

/* All of these labels have the same order; `last` is that of the instrument itself. */
static void add(const struct grebe__subconn *subconn,
                const struct grebe__backend_labels *labels,
                const struct grebe_instrument *instrument, const char *last, int64_t by)
{
    const struct grebe_channel *channel = subconn->channel;
    const char *const values[] = {
        channel->target_text,
        labels == NULL ? "" : labels->backend_service,
        labels == NULL ? "" : labels->locality,
        last,
    };
    struct grebe_series *series;

    if (channel->host.meter == NULL)
        return;
    series = grebe__meter_series(channel->host.meter, instrument, values, 4, false);
    if (series != NULL)
        grebe_series_add(series, by);
}

void grebe__subconn_meter_connected(const struct grebe__subconn *subconn,
                                    const struct grebe__transport *transport)
{
    add(subconn, transport->labels, &grebe__subchannel_succeeded, NULL, 1);
    add(subconn, transport->labels, &grebe__subchannel_open, transport->security_level,
        1);
}

void grebe__subconn_meter_failed(const struct grebe__subconn *subconn)
{
    add(subconn, subconn->labels, &grebe__subchannel_failed, NULL, 1);
}

void grebe__subconn_meter_disconnected(const struct grebe__subconn *subconn,
                                       const struct grebe__transport *transport)
{
    const char *why = transport->label != NULL ? transport->label : "unknown";

    add(subconn, transport->labels, &grebe__subchannel_disconnections, why, 1);
    add(subconn, transport->labels, &grebe__subchannel_open, transport->security_level,
        -1);
}
