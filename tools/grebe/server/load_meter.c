/* SPDX-License-Identifier: Apache-2.0 */
#include "server/load_meter.h"

#include <sys/resource.h>

#include "base64.h"
#include "server/parts.h"
#include "units.h"

#define WINDOW_NS       NS_PER_S
#define FIRST_WINDOW_NS (100 * NS_PER_MS) /* news that are fresh beat good averages */

static double process_cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void load_meter_start(struct server *server)
{
    server->load.window_ns = server->load.changed_ns = alarm_now_ns();
    server->load.cpu_s = process_cpu_s();
    xds__data__orca__v3__orca_load_report__init(&server->load.report);
}

/* The window ends: its averages are the new report.  CPU is the process's; the
 * application's utilisation is the share of places that were taken, calls that wait for
 * one included, so it exceeds 1 under overload. */
static void end_window(struct server *server, uint64_t now_ns)
{
    struct load_meter *load = &server->load;
    double window_s = units_s(now_ns - load->window_ns), cpu_s = process_cpu_s();
    double capacity = (double)server->settings.capacity;
    uint8_t packed[64]; /* four doubles */

    load->report.cpu_utilization = (cpu_s - load->cpu_s) / window_s;
    load->report.rps_fractional = (double)load->n_calls / window_s;
    load->report.eps = (double)load->n_errors / window_s;
    if (capacity > 0)
        load->report.application_utilization = load->busy_s / window_s / capacity;
    base64_encode(packed, protobuf_c_message_pack(&load->report.base, packed), false,
                  load->trailer);
    load->window_ns = now_ns;
    load->cpu_s = cpu_s;
    load->busy_s = 0;
    load->n_calls = load->n_errors = 0;
}

void load_meter_update(struct server *server)
{
    struct load_meter *load = &server->load;
    uint64_t now_ns;

    if (!server->settings.has_orca)
        return;
    now_ns = alarm_now_ns();
    load->busy_s += units_s(now_ns - load->changed_ns) *
                    (double)(server->n_serving + server->n_waiting);
    load->changed_ns = now_ns;
    if (now_ns - load->window_ns >=
        (*load->trailer == '\0' ? FIRST_WINDOW_NS : WINDOW_NS))
        end_window(server, now_ns);
}

void load_meter_count(struct server *server, bool is_error)
{
    server->load.n_calls++;
    server->load.n_errors += is_error;
}
