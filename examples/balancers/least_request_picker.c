/* SPDX-License-Identifier: Apache-2.0 */
/* least_request_picker.c -- the backend with the fewest calls in flight takes the next.
 *
 *     ./least_request_picker ipv4:127.0.0.1:50051,127.0.0.1:50052 1000
 *
 * A count belongs to a subconn and outlives pickers: the next picker takes the counts of
 * the one before over, and a call that is not done keeps the picker it came from.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include <grebe/base_balancer.h>

#include "shares.h"

/* Shared by all pickers that know the subconn. */
struct load {
    atomic_uint refs;
    atomic_uint in_flight;
};

struct entry {
    struct lr_picker *picker;
    struct grebe_subconn *subconn; /* a reference */
    struct load *load;             /* a reference */
};

struct lr_picker {
    struct grebe_picker base;
    size_t n;
    struct entry entries[];
};

/* Runs once for each pick, on any thread. */
static void on_done(void *arg, const struct grebe_done_info *info)
{
    struct entry *entry = arg;

    (void)info;
    atomic_fetch_sub(&entry->load->in_flight, 1);
    grebe_picker_unref(&entry->picker->base);
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct lr_picker *picker = (struct lr_picker *)base;
    struct entry *best = NULL;

    for (size_t i = 0; i < picker->n; i++) { /* from anywhere: equals are to be equal */
        struct entry *entry = &picker->entries[(args->random + i) % picker->n];

        if (best == NULL || entry->load->in_flight < best->load->in_flight)
            best = entry;
    }
    if (best == NULL)
        return; /* nobody is READY: `out` says QUEUE already */
    atomic_fetch_add(&best->load->in_flight, 1);
    grebe_picker_ref(base);
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = best->subconn;
    out->on_done = on_done;
    out->on_done_arg = best;
}

static void destroy(struct grebe_picker *base)
{
    struct lr_picker *picker = (struct lr_picker *)base;

    for (size_t i = 0; i < picker->n; i++) {
        if (atomic_fetch_sub(&picker->entries[i].load->refs, 1) == 1)
            free(picker->entries[i].load);
        grebe_subconn_unref(picker->entries[i].subconn);
    }
    free(picker);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick, .destroy = destroy};

/* The count that `last` has for `subconn`, or a new one; NULL: out of memory. */
static struct load *load_of(struct lr_picker *last, const struct grebe_subconn *subconn)
{
    struct load *load = NULL;

    for (size_t i = 0; last != NULL && i < last->n && load == NULL; i++)
        if (last->entries[i].subconn == subconn)
            load = last->entries[i].load;
    if (load == NULL)
        load = calloc(1, sizeof *load);
    if (load != NULL)
        atomic_fetch_add(&load->refs, 1);
    return load;
}

/* `arg` is where the last picker is kept. */
static struct grebe_picker *build_picker(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    struct grebe_picker **last = arg;
    struct lr_picker *picker = malloc(sizeof *picker + n * sizeof picker->entries[0]);

    (void)cc;
    if (picker == NULL)
        return NULL; /* the picker we have goes on serving */
    grebe_picker_init(&picker->base, &picker_ops);
    for (picker->n = 0; picker->n < n; picker->n++) {
        struct grebe_subconn *subconn = ready[picker->n].subconn;
        struct load *load = load_of((struct lr_picker *)*last, subconn);

        if (load == NULL) {
            grebe_picker_unref(&picker->base);
            return NULL;
        }
        picker->entries[picker->n] =
            (struct entry){picker, grebe_subconn_ref(subconn), load};
    }
    grebe_picker_unref(*last);
    *last = &picker->base;
    return grebe_picker_ref(*last);
}

static void free_last(void *arg)
{
    grebe_picker_unref(*(struct grebe_picker **)arg);
    free(arg);
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;
    int result = GREBE_ERR_NOMEM;

    (void)options;
    base.build_picker = build_picker;
    base.free_arg = free_last;
    base.arg = calloc(1, sizeof(struct grebe_picker *));
    if (base.arg != NULL)
        result = grebe_base_balancer_new(cc, &base, out);
    if (result != GREBE_OK)
        free(base.arg);
    return result;
}

int main(int argc, char *argv[])
{
    return shares_main("least_request_picker", build, argc, argv);
}
