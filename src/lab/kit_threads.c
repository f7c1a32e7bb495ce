/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about threads: four ask the policy's pickers, whichever is the newest, while this
 * one makes it publish others.  A race may still go unseen in a few thousand calls: built
 * with ThreadSanitizer the kit sees those too.
 *
 *   this thread     lines of a script; after each, `picker` is the newest
 *   four threads    pick, and end the call: their own, or one that another thread began
 */
#include "lab/internal.h"
#include "lab/kit_rules.h"

enum { N_THREADS = 4, N_PICKS = 1000, N_SWAPS = 24 };

struct begun {
    struct grebe_pick pick;
    struct grebe_picker *picker;   /* a reference; NULL: there is no call */
    struct grebe_subconn *subconn; /* likewise, if it is COMPLETE */
};

struct crowd {
    struct kit *kit;
    bool swaps_calls; /* each ends those that its neighbour began */
    uint64_t now_ns;
    atomic_flag lock;            /* of all below; held for a few instructions */
    struct grebe_picker *picker; /* a reference */
    struct begun mail[N_THREADS];
    bool is_over;
    uint64_t n_bad; /* answers that are none */
};

static void lock(struct crowd *crowd)
{
    while (atomic_flag_test_and_set_explicit(&crowd->lock, memory_order_acquire))
        continue;
}

static void unlock(struct crowd *crowd)
{
    atomic_flag_clear_explicit(&crowd->lock, memory_order_release);
}

/* A reference to the newest; tells whether there will be another. */
static struct grebe_picker *newest(struct crowd *crowd, bool *is_over)
{
    struct grebe_picker *picker;

    lock(crowd);
    picker = grebe_picker_ref(crowd->picker);
    *is_over = crowd->is_over;
    unlock(crowd);
    return picker;
}

static void replace(struct crowd *crowd)
{
    struct grebe_picker *before;

    lock(crowd);
    before = crowd->picker;
    crowd->picker = grebe_picker_ref(kit_lab(crowd->kit)->picker);
    unlock(crowd);
    grebe_picker_unref(before);
}

static struct begun exchange(struct crowd *crowd, unsigned slot, struct begun begun)
{
    struct begun before;

    lock(crowd);
    before = crowd->mail[slot];
    crowd->mail[slot] = begun;
    unlock(crowd);
    return before;
}

static void end(struct crowd *crowd, const struct begun *begun)
{
    if (begun->picker == NULL)
        return;
    kit_end(&begun->pick, crowd->now_ns);
    grebe_subconn_unref(begun->subconn);
    grebe_picker_unref(begun->picker);
}

static bool is_answer(struct crowd *crowd, const struct grebe_pick *pick)
{
    switch (pick->kind) {
    case GREBE_PICK_QUEUE:
        return true;
    case GREBE_PICK_COMPLETE:
        return lab__subconn_of(kit_lab(crowd->kit), pick->subconn) != NULL;
    case GREBE_PICK_FAIL:
    case GREBE_PICK_DROP:
        return pick->status != NULL;
    default:
        return false;
    }
}

/* Takes over the reference to `picker`. */
static void make_call(struct crowd *crowd, unsigned i, uint64_t n,
                      struct grebe_picker *picker)
{
    struct begun begun = {.picker = picker};

    kit_ask(picker, n, crowd->now_ns, NULL, &begun.pick);
    if (!is_answer(crowd, &begun.pick)) {
        lock(crowd);
        crowd->n_bad++;
        unlock(crowd);
        begun.pick.kind = GREBE_PICK_QUEUE;
    }
    if (begun.pick.kind == GREBE_PICK_COMPLETE)
        begun.subconn = grebe_subconn_ref(begun.pick.subconn);
    if (crowd->swaps_calls)
        begun = exchange(crowd, (i + n) % N_THREADS, begun);
    end(crowd, &begun);
}

static void run_thread(void *arg, unsigned i)
{
    struct crowd *crowd = arg;
    bool is_over = false;

    for (uint64_t n = 0; n < N_PICKS || !is_over; n++)
        make_call(crowd, i, n, newest(crowd, &is_over));
}

static void run_main(void *arg)
{
    struct crowd *crowd = arg;
    struct kit *kit = crowd->kit;

    for (int i = 0; i < N_SWAPS; i++) {
        kit_lose_one(kit);
        replace(crowd);
        kit_drive(kit, KIT_UP);
        replace(crowd);
        kit_update(kit, i % 2 == 0 ? "ABCD" : "BCA");
        replace(crowd);
        kit_drive(kit, KIT_UP);
        replace(crowd);
    }
    lock(crowd);
    crowd->is_over = true;
    unlock(crowd);
}

static void run_crowd(struct crowd *crowd)
{
    struct kit *kit = crowd->kit;

    crowd->now_ns = kit_lab(kit)->sim.env.now_ns;
    crowd->picker = grebe_picker_ref(kit_lab(kit)->picker);
    if (!kit->options->in_threads(N_THREADS, run_thread, run_main, crowd))
        kit_pass_over(kit, "no threads were to be had");
    for (unsigned i = 0; i < N_THREADS; i++)
        end(crowd, &crowd->mail[i]);
    grebe_picker_unref(crowd->picker);
    kit_expect(
        kit, crowd->n_bad == 0, "answers that a call can be given, whichever thread asks",
        "%llu that were none: COMPLETE without a subconn of the policy, or a failure "
        "without a status",
        (unsigned long long)crowd->n_bad);
}

static void run(struct kit *kit, bool swaps_calls)
{
    struct crowd crowd = {
        .kit = kit, .swaps_calls = swaps_calls, .lock = ATOMIC_FLAG_INIT};

    if (kit->options->in_threads == NULL) {
        kit_pass_over(kit, "there are no threads here");
        return;
    }
    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
    if (kit_lab(kit)->picker == NULL)
        return; /* a rule of its own says that there has to be one */
    run_crowd(&crowd);
    if (kit->result->verdict == KIT_BROKEN)
        return;
    kit_destroy_policy(kit);
    kit_close(kit);
    kit_expect_clean(kit, KIT_ANY_RULE);
}

void kit__picks_on_threads(struct kit *kit)
{
    run(kit, false);
}

void kit__done_on_threads(struct kit *kit)
{
    run(kit, true);
}
