/* SPDX-License-Identifier: Apache-2.0 */
/* bench/footprint.c -- what many backends cost: memory of each, and the time until all are
 * READY.
 *
 *   footprint N PORT [SERVICE]   N addresses of 127.0.0.0/8 on PORT, balanced by
 *                                round_robin, which asks for the health of SERVICE
 *   footprint N idle             N subconns that nobody connects
 *
 * Prints one line: milliseconds until N are READY (or, with nobody listening, until all
 * have failed once; or until N are there), CPU seconds, KiB of resident memory for each of
 * them, and KiB of heap in use by all together; what a channel needs anyway is in that:
 * compare with N = 1.
 * Where all have failed, what N dials at once needed is free again, but resident.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <grebe/grebe.h>

#include "core/health.h"
#include "core/subconn.h"

/* ---- A policy that makes a subconn for each endpoint and leaves it at that ------------- */

struct idler {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
};

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    (void)arg;
    (void)subconn;
    (void)state;
    (void)error;
}

static int idler_update(struct grebe_balancer *balancer,
                        const struct grebe_balancer_update *update)
{
    struct idler *idler = (struct idler *)balancer;

    for (size_t i = 0; i < update->n_endpoints; i++) {
        struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
        struct grebe_address *address = grebe_endpoint_address(update->endpoints[i], 0);
        struct grebe_subconn *subconn;
        int result;

        options.addresses = &address;
        options.n_addresses = 1;
        options.on_state = on_state;
        result = grebe_client_conn_new_subconn(idler->cc, &options, &subconn);
        if (result != GREBE_OK)
            return result;
    }
    grebe_client_conn_update_state(idler->cc, GREBE_IDLE, NULL);
    return GREBE_OK;
}

static void idler_exit_idle(struct grebe_balancer *balancer)
{
    (void)balancer;
}

static void idler_destroy(struct grebe_balancer *balancer)
{
    struct idler *idler = (struct idler *)balancer;

    grebe_mem_free(grebe_client_conn_mem(idler->cc), idler);
}

static const struct grebe_balancer_ops idler_ops = {
    .update = idler_update,
    .exit_idle = idler_exit_idle,
    .destroy = idler_destroy,
};

static int idler_build(struct grebe_client_conn *cc,
                       const struct grebe_build_options *options,
                       struct grebe_balancer **out)
{
    struct idler *idler = grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *idler);

    (void)options;
    if (idler == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&idler->base, &idler_ops);
    idler->cc = cc;
    *out = &idler->base;
    return GREBE_OK;
}

static const struct grebe_balancer_builder idler_builder = {
    .api = GREBE_BALANCER_API, .name = "idler", .build = idler_build};

/* ---- What there is to measure ------------------------------------------------------------ */

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

/* Large blocks are outside the heap proper, as glibc sees it, or not, as it likes. */
static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
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
    bool is_idle = argc == 3 && strcmp(argv[2], "idle") == 0;
    char config[128];
    size_t heap;
    long before;
    int n;

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: footprint N (PORT [SERVICE] | idle)\n");
        return 2;
    }
    setrlimit(RLIMIT_NOFILE, &files);
    n = atoi(argv[1]);
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.policy = is_idle ? "idler" : "round_robin";
    if (grebe_balancer_register(&idler_builder) != GREBE_OK)
        return 2;
    options.tcp_congestion = "cubic";
    options.backoff_base_ns = UINT64_C(3600000000000);
    if (is_checked) {
        snprintf(config, sizeof config,
                 "{\"healthCheckConfig\":{\"serviceName\":\"%s\"}}", argv[3]);
        options.service_config = config;
    }
    before = resident_kib();
    heap = heap_bytes();
    if (grebe_channel_new(make_target(n, is_idle ? "1" : argv[2]), &options, &diag,
                          &channel) != GREBE_OK) {
        fprintf(stderr, "footprint: %s\n", diag.text);
        return 2;
    }
    start = grebe_now_ns();
    cpu = cpu_seconds();
    grebe_channel_connect(channel);
    while (count_serving(channel, is_checked) + count(channel, GREBE_TRANSIENT_FAILURE) +
               (is_idle ? count(channel, GREBE_IDLE) : 0) <
           n)
        grebe_loop_turn(grebe_channel_loop(channel), -1);
    end = grebe_now_ns();
    heap = heap_bytes() - heap;
    printf("%.1f %.3f %.2f %.2f\n", (double)(end - start) / 1e6, cpu_seconds() - cpu,
           (double)(resident_kib() - before) / n, (double)heap / 1024);
    return 0;
}
