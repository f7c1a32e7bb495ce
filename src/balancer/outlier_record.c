/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/outlier_record.h"

#include "balancer/heard.h"
#include "balancer/tagged.h"
#include "base/ref.h"

struct tag {
    struct grebe_subconn_tag base;
    struct grebe__list link;              /* on record->tags */
    struct grebe__outlier_record *record; /* a reference */
    struct grebe__heard heard;
};

static struct tag *of(struct grebe_subconn_tag *base)
{
    return grebe_container_of(base, struct tag, base);
}

static struct tag *of_link(struct grebe__list *link)
{
    return grebe_container_of(link, struct tag, link);
}

/* ---- Life ---------------------------------------------------------------------------- */

struct grebe__outlier_record *grebe__outlier_record_new(const struct grebe_mem *mem,
                                                        struct grebe_endpoint *endpoint)
{
    struct grebe__outlier_record *record = grebe_mem_zalloc(mem, sizeof *record);

    if (record == NULL)
        return NULL;
    record->mem = mem;
    record->refs = 1;
    record->endpoint = grebe_endpoint_ref(endpoint);
    grebe__list_init(&record->tags);
    return record;
}

void grebe__outlier_record_unref(struct grebe__outlier_record *record)
{
    if (!grebe__ref_put(&record->refs))
        return;
    grebe_endpoint_unref(record->endpoint);
    grebe_mem_free(record->mem, record);
}

/* ---- Tags ---------------------------------------------------------------------------- */

static void on_state(struct grebe_subconn_tag *base, enum grebe_connectivity state)
{
    grebe__heard_state(&of(base)->heard, state);
}

static void on_health(struct grebe_subconn_tag *base, enum grebe_connectivity health)
{
    of(base)->heard.health = health;
}

static void shut_down(struct grebe_subconn_tag *base)
{
    grebe__list_remove(&of(base)->link);
}

static void release(struct grebe_subconn_tag *base)
{
    struct grebe__outlier_record *record = of(base)->record;

    grebe_mem_free(record->mem, of(base));
    grebe__outlier_record_unref(record);
}

static const struct grebe_subconn_tag_ops tag_ops = {
    .on_state = on_state,
    .on_health = on_health,
    .shut_down = shut_down,
    .release = release,
};

int grebe__outlier_record_new_subconn(struct grebe__outlier_record *record,
                                      const void *owner, struct grebe_client_conn *cc,
                                      const struct grebe_subconn_options *options,
                                      struct grebe_subconn **out)
{
    struct tag *tag;
    void *made;
    int result = grebe__tagged_subconn(cc, options, sizeof *tag, &made, out);

    if (result != GREBE_OK)
        return result;
    tag = made;
    grebe_subconn_tag_init(&tag->base, &tag_ops, owner);
    grebe__ref_get(&record->refs);
    tag->record = record;
    tag->heard = grebe__heard_nothing();
    grebe__list_append(&record->tags, &tag->link);
    grebe_subconn_attach(*out, &tag->base);
    if (record->ejection != NULL && !record->is_overruled)
        grebe_subconn_eject(&tag->base, record->ejection);
    return GREBE_OK;
}

void grebe__outlier_record_listen_to_health(struct grebe_subconn *subconn,
                                            const void *owner, bool hears_health)
{
    struct grebe_subconn_tag *tag = grebe_subconn_tag_of(subconn, owner);

    if (tag != NULL)
        grebe__heard_listen(&of(tag)->heard, hears_health);
}

bool grebe__outlier_record_is_ready(const struct grebe__outlier_record *record)
{
    grebe__list_foreach (link, &record->tags) {
        if (grebe__heard_is_healthy(&of_link(link)->heard))
            return true;
    }
    return false;
}

/* ---- Counting ------------------------------------------------------------------------ */

/* Whatever is not OK is a failure, a call that the client gave up included (gRFC A50). */
static void on_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe__outlier_calls *calls = arg;

    if (info->is_discarded)
        return;
    __atomic_fetch_add(info->status->code == GREBE_STATUS_OK ? &calls->n_succeeded
                                                             : &calls->n_failed,
                       1, __ATOMIC_RELAXED);
}

/* The subconn is held until the call has ended, and its tag with it, and the record. */
void grebe__outlier_record_listen(struct grebe_pick *pick, const void *owner)
{
    struct grebe_subconn_tag *tag = grebe_subconn_tag_of(pick->subconn, owner);

    if (tag != NULL)
        (void)grebe_pick_listen(pick, on_done, &of(tag)->record->so_far);
}

struct grebe__outlier_calls
grebe__outlier_record_take(struct grebe__outlier_record *record)
{
    const struct grebe__outlier_calls now = {
        .n_succeeded = __atomic_load_n(&record->so_far.n_succeeded, __ATOMIC_RELAXED),
        .n_failed = __atomic_load_n(&record->so_far.n_failed, __ATOMIC_RELAXED),
    };
    const struct grebe__outlier_calls new = {
        .n_succeeded = now.n_succeeded - record->taken.n_succeeded,
        .n_failed = now.n_failed - record->taken.n_failed,
    };

    record->taken = now;
    return new;
}

/* ---- Ejection ------------------------------------------------------------------------ */

static void eject_all(struct grebe__outlier_record *record)
{
    grebe__list_foreach (link, &record->tags) {
        grebe_subconn_eject(&of_link(link)->base, record->ejection);
    }
}

static void readmit_all(struct grebe__outlier_record *record)
{
    grebe__list_foreach (link, &record->tags) {
        grebe_subconn_readmit(&of_link(link)->base);
    }
}

void grebe__outlier_record_eject(struct grebe__outlier_record *record, const char *why,
                                 uint64_t now_ns)
{
    record->ejection = why;
    record->ejected_at_ns = now_ns;
    record->multiplier++;
    if (!record->is_overruled)
        eject_all(record);
}

void grebe__outlier_record_readmit(struct grebe__outlier_record *record)
{
    record->ejection = NULL;
    readmit_all(record);
}

void grebe__outlier_record_overrule(struct grebe__outlier_record *record,
                                    bool is_overruled)
{
    record->is_overruled = is_overruled;
    if (is_overruled)
        readmit_all(record);
    else if (record->ejection != NULL)
        eject_all(record);
}
