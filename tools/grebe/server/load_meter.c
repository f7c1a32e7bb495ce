/* SPDX-License-Identifier: Apache-2.0 */
#include "server/load_meter.h"

#include <sys/resource.h>

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

/* What was measured is told, unless it is settled what is told. */
static void tell(struct server *server, struct load_report *measured)
{
    if (server->settings.load != NULL)
        load_report_merge(measured, server->settings.load);
    server->load.report = *measured;
    load_report_write_trailer(measured, server->load.trailer);
}

void load_meter_start(struct server *server)
{
    struct load_report nothing;

    if (!server->settings.has_orca)
        return;
    server->load.window_ns = server->load.changed_ns = alarm_now_ns();
    server->load.cpu_s = process_cpu_s();
    load_report_init(&nothing);
    tell(server, &nothing);
}

/* The window ends: its averages are the new report.  CPU is the process's; the
 * application's utilisation is the share of places that were taken, calls that wait for
 * one included, so it exceeds 1 under overload. */
static void end_window(struct server *server, uint64_t now_ns)
{
    struct load_meter *load = &server->load;
    double window_s = units_s(now_ns - load->window_ns), cpu_s = process_cpu_s();
    double capacity = (double)server->settings.capacity;
    struct load_report measured;

    load_report_init(&measured);
    measured.values[LOAD_CPU] = (cpu_s - load->cpu_s) / window_s;
    measured.values[LOAD_QPS] = (double)load->n_calls / window_s;
    measured.values[LOAD_EPS] = (double)load->n_errors / window_s;
    if (capacity > 0)
        measured.values[LOAD_APP] = load->busy_s / window_s / capacity;
    tell(server, &measured);
    load->has_window = true;
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
    if (now_ns - load->window_ns >= (load->has_window ? WINDOW_NS : FIRST_WINDOW_NS))
        end_window(server, now_ns);
}

void load_meter_count(struct server *server, bool is_error)
{
    server->load.n_calls++;
    server->load.n_errors += is_error;
}
