/* SPDX-License-Identifier: Apache-2.0 */
/* weighted_round_robin_picker.c -- backends take calls in proportion to their weights.
 *
 *     ./weighted_round_robin_picker 1000 127.0.0.1:50051=3 127.0.0.1:50052=1
 *
 * Smooth weighted round robin: at each turn everyone gains its weight, the richest is
 * chosen and pays the sum of all.  Weights 3 and 1 give a a b a, not a a a b.
 *
 * The sequence repeats after as many turns as the sum of the weights.  So it is worked out
 * once, when the picker is built, and picking is a walk over it with an atomic counter:
 * no lock, and the same for two backends or two hundred.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/base_balancer.h>

#include "shares.h"

enum { MAX_BACKENDS = 64, MAX_WEIGHT = 100 };

/* What the command line said; anyone else weighs 1. */
static struct {
    const char *address;
    long weight;
} weights[MAX_BACKENDS];

struct wrr_picker {
    struct grebe_picker base;
    atomic_uint turn;
    size_t n, length;
    struct grebe_subconn *subconns[MAX_BACKENDS]; /* n references */
    unsigned char sequence[];                     /* length indices into subconns */
};

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct wrr_picker *picker = (struct wrr_picker *)base;
    unsigned turn = atomic_fetch_add_explicit(&picker->turn, 1, memory_order_relaxed);

    (void)args;
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = picker->subconns[picker->sequence[turn % picker->length]];
}

static void destroy(struct grebe_picker *base)
{
    struct wrr_picker *picker = (struct wrr_picker *)base;

    for (size_t i = 0; i < picker->n; i++)
        grebe_subconn_unref(picker->subconns[i]);
    free(picker);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick, .destroy = destroy};

static long weight_of(const struct grebe_address *address)
{
    for (size_t i = 0; i < MAX_BACKENDS && weights[i].address != NULL; i++)
        if (strcmp(weights[i].address, grebe_address_text(address)) == 0)
            return weights[i].weight;
    return 1;
}

static void write_sequence(struct wrr_picker *picker, const long *weight)
{
    long current[MAX_BACKENDS] = {0};

    for (size_t turn = 0; turn < picker->length; turn++) {
        size_t richest = 0;

        for (size_t i = 0; i < picker->n; i++) {
            current[i] += weight[i];
            if (current[i] > current[richest])
                richest = i;
        }
        current[richest] -= (long)picker->length;
        picker->sequence[turn] = (unsigned char)richest;
    }
}

static struct grebe_picker *build_picker(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    long weight[MAX_BACKENDS];
    struct wrr_picker *picker;
    size_t total = 0;

    (void)arg;
    if (n == 0)
        return grebe_picker_queueing();
    n = n < MAX_BACKENDS ? n : MAX_BACKENDS;
    for (size_t i = 0; i < n; i++)
        total += (size_t)(weight[i] = weight_of(ready[i].address));
    picker = malloc(sizeof *picker + total);
    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &picker_ops);
    atomic_init(&picker->turn, grebe_client_conn_random_below(cc, (uint32_t)total));
    picker->length = total;
    picker->n = n;
    for (size_t i = 0; i < n; i++)
        picker->subconns[i] = grebe_subconn_ref(ready[i].subconn);
    write_sequence(picker, weight);
    return &picker->base;
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    base.build_picker = build_picker;
    return grebe_base_balancer_new(cc, &base, out);
}

int main(int argc, char *argv[])
{
    char target[4096] = "ipv4:";

    for (int i = 2; i < argc && i - 2 < MAX_BACKENDS; i++) {
        char *sign = strchr(argv[i], '=');

        weights[i - 2].weight = sign == NULL ? 1 : atol(sign + 1);
        if (weights[i - 2].weight < 1 || weights[i - 2].weight > MAX_WEIGHT)
            argc = 0;
        weights[i - 2].address = strtok(argv[i], "=");
        snprintf(target + strlen(target), sizeof target - strlen(target), "%s%s",
                 i > 2 ? "," : "", argv[i]);
    }
    if (argc < 3) {
        fprintf(stderr, "usage: weighted_round_robin_picker CALLS ADDRESS=WEIGHT...\n"
                        "a weight is a number from 1 to 100\n");
        return 2;
    }
    return print_shares("weighted_round_robin_picker", build, target, atol(argv[1]));
}
