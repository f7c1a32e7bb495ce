/* SPDX-License-Identifier: Apache-2.0 */
/* bench/footprint.c -- what many backends cost: memory of each, and the time until all are
 * READY.
 *
 *   footprint N PORT [SERVICE]   N addresses of 127.0.0.0/8 on PORT, balanced by
 *                                round_robin, which asks for the health of SERVICE
 *
 * Prints one line: milliseconds until N are READY (or, with nobody listening, until all
 * have failed once), CPU seconds, and for each of them KiB of resident memory and KiB of
 * heap in use.  Where all have failed the two differ: what N dials at once needed is free
 * again, but resident.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <grebe/grebe.h>

#include "core/health.h"
#include "core/subconn.h"

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0, resident = 0;

    if (file == NULL || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (file != NULL)
        fclose(file);
    return resident * 4;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static char *make_target(int n, const char *port)
{
    size_t size = (size_t)n * 24 + 8;
    char *target = malloc(size);
    size_t used = (size_t)snprintf(target, size, "ipv4:");

    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(target + used, size - used, "%s127.0.%d.%d:%s",
                                 i > 0 ? "," : "", 1 + i / 250, 1 + i % 250, port);
    return target;
}

/* Those that serve, with a health check; else those that are READY. */
static int count_serving(struct grebe_channel *channel, bool is_checked)
{
    char buf[GREBE__HEALTH_TEXT];
    int n = 0;

    grebe__list_foreach (link, &channel->subconns) {
        const struct grebe__subconn *subconn =
            grebe_container_of(link, struct grebe__subconn, link);
        const char *health = grebe__health_text(subconn, buf);

        if (is_checked ? health != NULL && strcmp(health, "SERVING") == 0
                       : subconn->state == GREBE_READY)
            n++;
    }
    return n;
}

static int count(struct grebe_channel *channel, enum grebe_connectivity state)
{
    int n = 0;

    grebe__list_foreach (link, &channel->subconns) {
        if (grebe_container_of(link, struct grebe__subconn, link)->state == state)
            n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    struct rlimit files = {200000, 200000};
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_diag diag;
    uint64_t start, end;
    double cpu;
    bool is_checked = argc == 4;
    char config[128];
    size_t heap;
    long before;
    int n;

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: footprint N PORT [SERVICE]\n");
        return 2;
    }
    setrlimit(RLIMIT_NOFILE, &files);
    n = atoi(argv[1]);
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.policy = "round_robin";
    options.tcp_congestion = "cubic";
    options.backoff_base_ns = UINT64_C(3600000000000);
    if (is_checked) {
        snprintf(config, sizeof config,
                 "{\"healthCheckConfig\":{\"serviceName\":\"%s\"}}", argv[3]);
        options.service_config = config;
    }
    before = resident_kib();
    heap = mallinfo2().uordblks;
    if (grebe_channel_new(make_target(n, argv[2]), &options, &diag, &channel) !=
        GREBE_OK) {
        fprintf(stderr, "footprint: %s\n", diag.text);
        return 2;
    }
    start = grebe_now_ns();
    cpu = cpu_seconds();
    grebe_channel_connect(channel);
    while (count_serving(channel, is_checked) + count(channel, GREBE_TRANSIENT_FAILURE) <
           n)
        grebe_loop_turn(grebe_channel_loop(channel), -1);
    end = grebe_now_ns();
    heap = mallinfo2().uordblks - heap;
    printf("%.1f %.3f %.2f %.2f\n", (double)(end - start) / 1e6, cpu_seconds() - cpu,
           (double)(resident_kib() - before) / n, (double)heap / 1024 / n);
    return 0;
}
