/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/newcomer.h"

#include "balancer/tagged.h"

struct newcomer {
    struct grebe_subconn_tag tag;
    struct grebe__list link;     /* on the parent's list */
    struct grebe__newcomers *of; /* NULL: the parent is gone */
    const struct grebe_mem *mem;
    uint64_t since_ns; /* atomic; 0: not in service */
};

static struct newcomer *of(struct grebe_subconn_tag *tag)
{
    return grebe_container_of(tag, struct newcomer, tag);
}

static struct newcomer *of_link(struct grebe__list *link)
{
    return grebe_container_of(link, struct newcomer, link);
}

static void set_since(struct newcomer *newcomer, uint64_t since_ns)
{
    __atomic_store_n(&newcomer->since_ns, since_ns, __ATOMIC_RELAXED);
}

/* The clock of a channel may begin at 0, which is taken. */
static void enter_service(struct newcomer *newcomer)
{
    uint64_t now_ns = grebe_client_conn_now_ns(newcomer->of->cc);

    set_since(newcomer, now_ns > 0 ? now_ns : 1);
}

/* ---- What the subconn comes to ------------------------------------------------------- */

static void on_state(struct grebe_subconn_tag *tag, enum grebe_connectivity state)
{
    if (of(tag)->of == NULL)
        return;
    if (state == GREBE_READY)
        enter_service(of(tag));
    else
        set_since(of(tag), 0);
}

/* It may say that all is well more than once. */
static void on_health(struct grebe_subconn_tag *tag, enum grebe_connectivity health)
{
    if (of(tag)->of == NULL)
        return;
    if (health != GREBE_READY)
        set_since(of(tag), 0);
    else if (of(tag)->since_ns == 0)
        enter_service(of(tag));
}

static void shut_down(struct grebe_subconn_tag *tag)
{
    grebe__list_remove(&of(tag)->link);
}

static void release(struct grebe_subconn_tag *tag)
{
    grebe_mem_free(of(tag)->mem, of(tag));
}

static const struct grebe_subconn_tag_ops tag_ops = {
    .on_state = on_state,
    .on_health = on_health,
    .shut_down = shut_down,
    .release = release,
};

/* ---- Those of a parent --------------------------------------------------------------- */

void grebe__newcomers_init(struct grebe__newcomers *newcomers,
                           struct grebe_client_conn *cc)
{
    grebe__list_init(&newcomers->list);
    newcomers->cc = cc;
}

void grebe__newcomers_fini(struct grebe__newcomers *newcomers)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(&newcomers->list)) != NULL)
        of_link(link)->of = NULL;
}

int grebe__newcomers_new_subconn(struct grebe__newcomers *newcomers,
                                 const struct grebe_subconn_options *options,
                                 struct grebe_subconn **out)
{
    struct newcomer *newcomer;
    void *tag;
    int result =
        grebe__tagged_subconn(newcomers->cc, options, sizeof *newcomer, &tag, out);

    if (result != GREBE_OK)
        return result;
    newcomer = tag;
    grebe_subconn_tag_init(&newcomer->tag, &tag_ops, newcomers);
    grebe__list_append(&newcomers->list, &newcomer->link);
    newcomer->of = newcomers;
    newcomer->mem = grebe_client_conn_mem(newcomers->cc);
    grebe_subconn_attach(*out, &newcomer->tag);
    return GREBE_OK;
}

bool grebe__newcomers_range(const struct grebe__newcomers *newcomers, uint64_t *oldest_ns,
                            uint64_t *newest_ns)
{
    uint64_t oldest = UINT64_MAX, newest = 0;

    grebe__list_foreach (link, &newcomers->list) {
        uint64_t since_ns = of_link(link)->since_ns;

        if (since_ns > newest)
            newest = since_ns;
        if (since_ns != 0 && since_ns < oldest)
            oldest = since_ns;
    }
    *oldest_ns = oldest;
    *newest_ns = newest;
    return newest != 0;
}

uint64_t grebe__newcomer_since_ns(const struct grebe_subconn *subconn, const void *owner)
{
    struct grebe_subconn_tag *tag = grebe_subconn_tag_of(subconn, owner);

    return tag == NULL ? 0 : __atomic_load_n(&of(tag)->since_ns, __ATOMIC_RELAXED);
}
