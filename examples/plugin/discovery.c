/* SPDX-License-Identifier: Apache-2.0 */
/* discovery.c -- a resolver as a shared object, whose news comes from a thread: the template
 * to start from.
 *
 *   list:///etc/backends/shop     a file with a backend a line: ADDRESS [WEIGHT [VERSION]]
 *
 * Whoever asks a registry blocks, or has a thread that does; a channel's loop must not.  So
 * this resolver is a manual resolver inside: the thread tells it what it found, and the
 * library sees to the loop that it is for, to the order, and to an end at any moment.  What
 * asks is ask(), which here reads the file once a second: put your registry there.
 *
 *     cc -shared -fPIC discovery.c -o discovery.so $(pkg-config --cflags grebe)
 *     grebe resolve --load ./discovery.so list:///etc/backends/shop --watch
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <grebe/manual.h>
#include <grebe/plugin.h>

enum { MAX_ENDPOINTS = 1024, INTERVAL_S = 1 };

/* One for each time that a channel leaves idle mode; its thread frees it. */
struct discovery {
    struct grebe_manual_resolver *manual; /* a reference */
    struct timespec seen; /* the age of what was told last; the thread's */
    int cause;            /* errno of the error that was told last, or 0; likewise */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ending;
    bool is_over; /* the channel listens no more */
    char path[];
};

static void discovery_free(struct discovery *discovery)
{
    grebe_manual_resolver_unref(discovery->manual);
    pthread_cond_destroy(&discovery->ending);
    pthread_mutex_destroy(&discovery->lock);
    free(discovery);
}

/* ---- The thread --------------------------------------------------------------------- */

/* The endpoint holds what it is made of.  NULL when out of memory. */
static struct grebe_endpoint *make_endpoint(const char *text, unsigned weight,
                                            const char *version)
{
    const struct grebe_attributes *weighted = NULL, *attributes = NULL;
    struct grebe_address *address = NULL;
    struct grebe_endpoint *endpoint = NULL;

    if (grebe_attributes_with(NULL, NULL, &GREBE_ATTRIBUTE_WEIGHT,
                              (void *)(uintptr_t)weight, &weighted) != GREBE_OK ||
        grebe_attributes_with_named(NULL, weighted, "version", version, &attributes) !=
            GREBE_OK ||
        grebe_address_new(NULL, text, NULL, &address) != GREBE_OK ||
        grebe_endpoint_new(NULL, &address, 1, attributes, &endpoint) != GREBE_OK)
        endpoint = NULL;
    grebe_address_unref(address);
    grebe_attributes_unref(attributes);
    grebe_attributes_unref(weighted);
    return endpoint;
}

static size_t read_endpoints(FILE *file, struct grebe_endpoint **endpoints)
{
    char line[256], address[128], version[64];
    size_t n = 0;

    while (n < MAX_ENDPOINTS && fgets(line, sizeof line, file) != NULL) {
        unsigned weight = 1;

        strcpy(version, "unknown");
        if (sscanf(line, "%127s %u %63s", address, &weight, version) < 1)
            continue;
        endpoints[n] = make_endpoint(address, weight, version);
        if (endpoints[n] != NULL)
            n++;
    }
    return n;
}

/* Channels keep what they have; one that has nothing fails its calls with this. */
static void tell_error(struct discovery *discovery, int cause)
{
    char text[512];
    struct grebe_status status;

    snprintf(text, sizeof text, "list: %s: %s", discovery->path, strerror(cause));
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    if (grebe_manual_resolver_report_error(discovery->manual, &status) == GREBE_OK)
        discovery->cause = cause; /* else memory was short: again next time */
}

static void tell_endpoints(struct discovery *discovery, FILE *file)
{
    static __thread struct grebe_endpoint *endpoints[MAX_ENDPOINTS];
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;

    state.endpoints = endpoints;
    state.n_endpoints = read_endpoints(file, endpoints);
    state.source = discovery->path;
    if (grebe_manual_resolver_update(discovery->manual, &state) != GREBE_OK)
        discovery->seen = (struct timespec){0, 0};
    discovery->cause = 0;
    for (size_t i = 0; i < state.n_endpoints; i++)
        grebe_endpoint_unref(endpoints[i]);
}

/* It may take its time: nobody waits for it. */
static void ask(struct discovery *discovery)
{
    FILE *file = fopen(discovery->path, "r");
    struct stat now;

    if (file == NULL || fstat(fileno(file), &now) != 0) {
        discovery->seen = (struct timespec){0, 0};
        if (discovery->cause != errno)
            tell_error(discovery, errno);
    } else if (now.st_mtim.tv_sec != discovery->seen.tv_sec ||
               now.st_mtim.tv_nsec != discovery->seen.tv_nsec) {
        discovery->seen = now.st_mtim;
        tell_endpoints(discovery, file);
    }
    if (file != NULL)
        fclose(file);
}

static void *run(void *arg)
{
    struct discovery *discovery = arg;
    struct timespec until;

    pthread_mutex_lock(&discovery->lock);
    while (!discovery->is_over) {
        pthread_mutex_unlock(&discovery->lock);
        ask(discovery);
        pthread_mutex_lock(&discovery->lock);
        timespec_get(&until, TIME_UTC);
        until.tv_sec += INTERVAL_S;
        if (!discovery->is_over)
            pthread_cond_timedwait(&discovery->ending, &discovery->lock, &until);
    }
    pthread_mutex_unlock(&discovery->lock);
    discovery_free(discovery);
    return NULL;
}

/* The program's signals are not for this thread. */
static int start(struct discovery *discovery)
{
    sigset_t all, before;
    pthread_t thread;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    error = pthread_create(&thread, NULL, run, discovery);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    return error;
}

/* ---- The resolver, on the channel's loop ---------------------------------------------- */

static void on_close(void *arg, uint64_t id)
{
    struct discovery *discovery = arg;

    (void)id; /* this manual resolver has one channel */
    pthread_mutex_lock(&discovery->lock);
    discovery->is_over = true;
    pthread_cond_signal(&discovery->ending);
    pthread_mutex_unlock(&discovery->lock);
}

static int build(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    struct grebe_manual_resolver_options manual = GREBE_MANUAL_RESOLVER_OPTIONS_INIT;
    const char *path = *target->path != '\0' ? target->path : target->opaque;
    struct discovery *discovery = calloc(1, sizeof *discovery + strlen(path) + 1);
    int error;

    (void)options;
    if (discovery == NULL)
        return GREBE_ERR_NOMEM;
    strcpy(discovery->path, path);
    pthread_mutex_init(&discovery->lock, NULL);
    pthread_cond_init(&discovery->ending, NULL);
    manual.on_close = on_close;
    manual.arg = discovery;
    error = grebe_manual_resolver_new(&manual, &discovery->manual);
    if (error == GREBE_OK && start(discovery) != 0) {
        grebe_diag_set(diag, "list: no thread could be started");
        error = GREBE_ERR_SYSTEM;
    }
    if (error != GREBE_OK) {
        discovery_free(discovery);
        return error;
    }
    error = grebe_manual_resolver_build(discovery->manual, target, conn, out);
    if (error != GREBE_OK)
        on_close(discovery, 0); /* the thread has it */
    return error;
}

/* "shop": what servers are called by. */
static size_t authority(const struct grebe_target *target, char *buf, size_t size)
{
    const char *slash = strrchr(target->endpoint, '/');

    return (size_t)snprintf(buf, size, "%s",
                            slash == NULL ? target->endpoint : slash + 1);
}

static const struct grebe_resolver_builder list = {
    .api = GREBE_RESOLVER_API,
    .scheme = "list",
    .build = build,
    .authority = authority,
};

/* ---- The shared object ------------------------------------------------------------------ */

static const struct grebe_resolver_builder *const resolvers[] = {&list, NULL};

static const struct grebe_plugin plugin = {
    .api = GREBE_PLUGIN_API,
    .name = "discovery",
    .resolvers = resolvers,
};

GREBE_PLUGIN_EXPORT const struct grebe_plugin *grebe_plugin_entry(uint32_t host_api)
{
    return host_api >= GREBE_PLUGIN_API ? &plugin : NULL;
}
