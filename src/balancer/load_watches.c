/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/load_watches.h"

struct watch {
    struct grebe__load_watches *of;
    struct grebe__endpoint_load *load; /* the picker's */
    struct grebe_orca_watch *orca;     /* NULL: it could not be asked */
};

struct grebe__load_watches {
    const struct grebe_mem *mem;
    struct grebe_client_conn *cc;
    grebe__load_watch_fn on_report;
    uint32_t n;
    struct watch watches[];
};

static void hand_on(void *arg, const struct grebe_load_report *report)
{
    const struct watch *watch = arg;

    watch->of->on_report(watch->load, report, grebe_client_conn_now_ns(watch->of->cc));
}

/* False: there is no memory. */
static bool ask(struct watch *watch, struct grebe_subconn *subconn, uint64_t period_ns)
{
    return grebe_orca_watch(subconn, period_ns, hand_on, watch, &watch->orca) !=
           GREBE_ERR_NOMEM;
}

static void warn(struct grebe_client_conn *cc, const char *policy, uint32_t n)
{
    grebe_client_conn_log(
        cc, GREBE_LOG_WARNING,
        "%s: out of memory, %u endpoints go without load reports for now", policy, n);
}

struct grebe__load_watches *grebe__load_watches_new(struct grebe_client_conn *cc,
                                                    const char *policy,
                                                    const struct grebe__loaded *endpoints,
                                                    uint32_t n, uint64_t period_ns,
                                                    grebe__load_watch_fn on_report)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct grebe__load_watches *made =
        grebe_mem_alloc(mem, sizeof *made + n * sizeof made->watches[0]);
    uint32_t n_missing = 0;

    if (made == NULL) {
        warn(cc, policy, n);
        return NULL;
    }
    *made = (struct grebe__load_watches){
        .mem = mem, .cc = cc, .on_report = on_report, .n = n};
    for (uint32_t i = 0; i < n; i++) {
        made->watches[i] = (struct watch){.of = made, .load = endpoints[i].load};
        n_missing += !ask(&made->watches[i], endpoints[i].leaf.subconn, period_ns);
    }
    if (n_missing > 0)
        warn(cc, policy, n_missing);
    return made;
}

void grebe__load_watches_free(struct grebe__load_watches *watches)
{
    if (watches == NULL)
        return;
    for (uint32_t i = 0; i < watches->n; i++)
        grebe_orca_stop(&watches->watches[i].orca);
    grebe_mem_free(watches->mem, watches);
}
