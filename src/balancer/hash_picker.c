/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_picker.h"

#include <inttypes.h>
#include <string.h>

#include <grebe/explain.h>

#include "base/hash.h"

struct hash_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    struct grebe__hash_table *table; /* a reference */
    const char *header;              /* behind the states; NULL: calls bring their hash */
    size_t header_length;
    uint32_t n;
    unsigned present;                /* 1 << state, for each state that a child is in */
    uint8_t *states;                 /* n of them, behind the children */
    struct grebe_picker *children[]; /* n references, in the members' order */
};

enum {
    IS_READY = 1 << GREBE_READY,
    IS_IDLE = 1 << GREBE_IDLE,
    IS_CONNECTING = 1 << GREBE_CONNECTING,
    IS_ANYTHING = ~0
};

static struct hash_picker *of(struct grebe_picker *base)
{
    return grebe_container_of(base, struct hash_picker, base);
}

/* ---- The hash of a call -------------------------------------------------------------- */

enum source { OF_THE_CALL, OF_HEADER, OF_CHANCE, OF_NOTHING };

static bool has_key(const struct hash_picker *picker,
                    const struct grebe_metadata_entry *entry)
{
    return entry->key_length == picker->header_length &&
           memcmp(entry->key, picker->header, picker->header_length) == 0;
}

/* Values from the i-th entry on, with commas between them, as one text. */
static uint64_t hash_values(const struct hash_picker *picker,
                            const struct grebe_metadata *metadata, size_t i)
{
    struct grebe__hash64_state hash;
    const struct grebe_metadata_entry *entry = grebe_metadata_at(metadata, i);

    grebe__hash64_begin(&hash, 0);
    grebe__hash64_add(&hash, entry->value, entry->value_length);
    while ((entry = grebe_metadata_at(metadata, ++i)) != NULL) {
        if (!has_key(picker, entry))
            continue;
        grebe__hash64_add(&hash, ",", 1);
        grebe__hash64_add(&hash, entry->value, entry->value_length);
    }
    return grebe__hash64_end(&hash);
}

static bool hash_header(const struct hash_picker *picker,
                        const struct grebe_metadata *metadata, uint64_t *out)
{
    const struct grebe_metadata_entry *entry;

    for (size_t i = 0; (entry = grebe_metadata_at(metadata, i)) != NULL; i++) {
        if (!has_key(picker, entry))
            continue;
        *out = hash_values(picker, metadata, i);
        return true;
    }
    return false;
}

static enum source hash_of(const struct hash_picker *picker,
                           const struct grebe_pick_args *args, uint64_t *out)
{
    if (args->hash != NULL) {
        *out = *args->hash;
        return OF_THE_CALL;
    }
    if (picker->header == NULL)
        return OF_NOTHING;
    if (hash_header(picker, args->metadata, out))
        return OF_HEADER;
    *out = args->random;
    return OF_CHANCE;
}

static const char no_hash[] =
    "the call has no hash: requestHashHeader is not set, and nothing else computed one";
static const struct grebe_status no_hash_status = {
    .code = GREBE_STATUS_UNAVAILABLE,
    .message = no_hash,
    .message_length = sizeof no_hash - 1,
};

/* ---- Choosing ------------------------------------------------------------------------- */

static bool find(const struct hash_picker *picker, uint64_t hash, unsigned wanted,
                 struct grebe__hash_place *out)
{
    const struct grebe__hash_filter filter = {.states = picker->states, .wanted = wanted};

    return (wanted & picker->present) != 0 &&
           picker->table->policy->find(picker->table, hash, &filter, out);
}

/* All in TRANSIENT_FAILURE: the first one's error is as good as any. */
static struct grebe__hash_place find_for_hash(const struct hash_picker *picker,
                                              uint64_t hash)
{
    struct grebe__hash_place place = {0};

    if (!find(picker, hash, IS_READY | IS_IDLE | IS_CONNECTING, &place))
        (void)find(picker, hash, (unsigned)IS_ANYTHING, &place);
    return place;
}

/* A connection that is being made will do, for endpoints are alike to this call: none is
 * asked for beside it. */
static bool connect_before(const struct hash_picker *picker, uint64_t hash,
                           const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct grebe__hash_place place;

    if ((picker->present & IS_CONNECTING) != 0 ||
        !find(picker, hash, IS_READY | IS_IDLE, &place) ||
        picker->states[place.member] != GREBE_IDLE)
        return false;
    grebe_picker_pick(picker->children[place.member], args, out); /* which queues */
    return true;
}

/* False: the call waits for a connection. */
static bool find_for_chance(const struct hash_picker *picker, uint64_t hash,
                            const struct grebe_pick_args *args, struct grebe_pick *out,
                            struct grebe__hash_place *place)
{
    bool is_connecting =
        connect_before(picker, hash, args, out) || (picker->present & IS_CONNECTING) != 0;

    if (find(picker, hash, IS_READY, place))
        return true;
    if (is_connecting)
        return false;
    return find(picker, hash, (unsigned)IS_ANYTHING, place);
}

static bool choose(const struct hash_picker *picker, enum source source, uint64_t hash,
                   const struct grebe_pick_args *args, struct grebe_pick *out,
                   struct grebe__hash_place *place)
{
    if (source == OF_CHANCE)
        return find_for_chance(picker, hash, args, out, place);
    *place = find_for_hash(picker, hash);
    return true;
}

/* ---- Explaining ------------------------------------------------------------------------ */

static void note_hash(struct grebe_explanation *explanation,
                      const struct hash_picker *picker, enum source source, uint64_t hash)
{
    switch (source) {
    case OF_THE_CALL:
        grebe_explain_note(explanation, "hash %016" PRIx64, hash);
        break;
    case OF_HEADER:
        grebe_explain_note(explanation, "hash %016" PRIx64 " of header %s", hash,
                           picker->header);
        break;
    case OF_CHANCE:
        grebe_explain_note(explanation, "no header %s: any READY endpoint will do",
                           picker->header);
        break;
    case OF_NOTHING:
        grebe_explain_note(explanation, "%s", no_hash);
        break;
    }
}

/* Endpoints in the order of the hash, the chosen one first.  Those that are not READY have
 * no subconn to name. */
static void name_candidates(struct grebe_explanation *explanation,
                            const struct hash_picker *picker, uint64_t hash,
                            const struct grebe__hash_place *chosen)
{
    enum { MAX_CANDIDATES = 64 }; /* as grebe/explain.h keeps */
    const struct grebe__hash_policy *policy = picker->table->policy;
    uint32_t named[MAX_CANDIDATES];
    struct grebe__hash_filter filter = {
        .states = picker->states, .wanted = IS_READY, .but = named};
    struct grebe__hash_place place = *chosen;

    do {
        struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

        candidate.subconn = grebe_picker_subconn(picker->children[place.member]);
        candidate.is_chosen = filter.n_but == 0;
        candidate.reason =
            candidate.is_chosen ? "the hash falls to it" : "further from the hash";
        candidate.score_name = policy->score_name;
        candidate.score = policy->score(picker->table, hash, &place);
        if (candidate.subconn != NULL)
            grebe_explain_candidate(explanation, &candidate);
        named[filter.n_but++] = place.member;
    } while (filter.n_but < MAX_CANDIDATES &&
             policy->find(picker->table, hash, &filter, &place));
}

/* How many were passed over, before the chosen one, for what state they are in. */
static void note_failed(struct grebe_explanation *explanation,
                        const struct hash_picker *picker)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < picker->n; i++)
        n += picker->states[i] == GREBE_TRANSIENT_FAILURE;
    if (n > 0)
        grebe_explain_note(explanation,
                           "%" PRIu32 " of %" PRIu32
                           " endpoints cannot be reached and are passed over",
                           n, picker->n);
}

/* ---- Picking ----------------------------------------------------------------------------- */

static void pick_explained(const struct hash_picker *picker,
                           const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct grebe_explanation *explanation = args->explanation;
    struct grebe_pick_args unexplained = *args;
    struct grebe__hash_place place;
    uint64_t hash = 0;
    enum source source = hash_of(picker, args, &hash);

    unexplained.explanation = NULL;
    grebe_explain_begin(explanation, picker->table->policy->name,
                        picker->table->policy->rule);
    note_hash(explanation, picker, source, hash);
    note_failed(explanation, picker);
    if (source == OF_NOTHING) {
        out->kind = GREBE_PICK_FAIL;
        out->status = &no_hash_status;
    } else if (choose(picker, source, hash, &unexplained, out, &place)) {
        name_candidates(explanation, picker, hash, &place);
        grebe_picker_pick(picker->children[place.member], &unexplained, out);
    }
    grebe_explain_end(explanation);
}

static void hash_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                      struct grebe_pick *out)
{
    const struct hash_picker *picker = of(base);
    struct grebe__hash_place place;
    enum source source;
    uint64_t hash;

    if (args->explanation != NULL) {
        pick_explained(picker, args, out);
        return;
    }
    source = hash_of(picker, args, &hash);
    if (source == OF_NOTHING) {
        out->kind = GREBE_PICK_FAIL;
        out->status = &no_hash_status;
    } else if (choose(picker, source, hash, args, out, &place)) {
        grebe_picker_pick(picker->children[place.member], args, out);
    }
}

/* ---- Life ---------------------------------------------------------------------------------- */

static void hash_destroy(struct grebe_picker *base)
{
    struct hash_picker *picker = of(base);

    for (uint32_t i = 0; i < picker->n; i++)
        grebe_picker_unref(picker->children[i]);
    grebe__hash_table_unref(picker->table);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops hash_picker_ops = {
    .pick = hash_pick,
    .destroy = hash_destroy,
};

/* One block: the picker, its children, their states, the header's text. */
static struct hash_picker *alloc(const struct grebe_mem *mem, uint32_t n,
                                 const char *header)
{
    size_t length = header == NULL ? 0 : strlen(header);
    struct hash_picker *picker = grebe_mem_alloc(
        mem, sizeof *picker + n * (sizeof picker->children[0] + 1) + length + 1);

    if (picker == NULL)
        return NULL;
    *picker = (struct hash_picker){
        .mem = mem,
        .header_length = length,
        .n = n,
        .states = (uint8_t *)&picker->children[n],
    };
    if (header != NULL)
        picker->header = memcpy(picker->states + n, header, length + 1);
    grebe_picker_init(&picker->base, &hash_picker_ops);
    return picker;
}

struct grebe_picker *grebe__hash_picker_new(const struct grebe_mem *mem,
                                            struct grebe__hash_table *table,
                                            const struct grebe__hash_members *members,
                                            const struct grebe_sharding_child *children,
                                            const char *header)
{
    struct hash_picker *picker = alloc(mem, members->n, header);

    if (picker == NULL)
        return NULL;
    picker->table = grebe__hash_table_ref(table);
    for (uint32_t i = 0; i < members->n; i++) {
        const struct grebe_sharding_child *child = &children[members->list[i].child];

        picker->children[i] = grebe_picker_ref(child->picker);
        picker->states[i] = (uint8_t)child->state;
        picker->present |= 1U << child->state;
    }
    return &picker->base;
}
