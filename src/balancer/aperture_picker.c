/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/aperture_picker.h"

#include <grebe/explain.h>

#include "balancer/aperture_row.h"
#include "balancer/petiole.h"

struct aperture_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    uint32_t n_in, n_listed; /* endpoints: in the aperture, and all there are */
    struct grebe__aperture_row row;
    struct grebe__crew *crew;         /* of the loads, which hold it */
    struct grebe__loaded endpoints[]; /* row.n; their own weights are not used */
};

static struct grebe__aperture_two draw(const struct aperture_picker *picker,
                                       uint64_t random)
{
    struct grebe__rng rng = {random};

    return grebe__aperture_row_draw(&picker->row, &rng);
}

/* calls / weight, without a division; of equals the first.  The call to be sent is not
 * counted: of idle endpoints the one that was drawn has it, so that each has its weight's
 * share however little there is to do. */
static uint32_t choose(const struct aperture_picker *picker,
                       struct grebe__aperture_two two,
                       const struct grebe__load_sight *sight)
{
    const struct grebe__loaded *list = picker->endpoints;
    double a, b;

    if (two.a == two.b)
        return two.a;
    a = grebe__loaded_in_flight(&list[two.a], sight) *
        grebe__aperture_row_weight(&picker->row, two.b);
    b = grebe__loaded_in_flight(&list[two.b], sight) *
        grebe__aperture_row_weight(&picker->row, two.a);
    return b < a ? two.b : two.a;
}

/* ---- Explaining ---------------------------------------------------------------------- */

static void mention(const struct aperture_picker *picker, uint32_t i, const char *reason,
                    bool is_chosen, struct grebe_explanation *explanation)
{
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

    candidate.subconn = picker->endpoints[i].leaf.subconn;
    candidate.in_flight = grebe__endpoint_load_in_flight(picker->endpoints[i].load);
    candidate.is_chosen = is_chosen;
    candidate.reason = reason;
    candidate.score_name = "share";
    candidate.score = grebe__aperture_row_weight(&picker->row, i);
    if (candidate.subconn != NULL)
        grebe_explain_candidate(explanation, &candidate);
}

static void explain(const struct aperture_picker *picker,
                    const struct grebe_pick_args *args, struct grebe__aperture_two two,
                    uint32_t chosen)
{
    grebe_explain_begin(
        args->explanation, "aperture",
        "the fewest calls in flight for its share, of two drawn at random");
    grebe_explain_note(args->explanation, "%u of %u endpoints are this client's",
                       picker->n_in, picker->n_listed);
    mention(picker, chosen, "less busy", true, args->explanation);
    for (uint32_t i = 0; i < picker->row.n; i++)
        if (i != chosen)
            mention(picker, i, i == two.a || i == two.b ? "not less busy" : "not drawn",
                    false, args->explanation);
    grebe_explain_end(args->explanation);
}

/* ---- Picking ------------------------------------------------------------------------- */

static void aperture_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                          struct grebe_pick *out)
{
    struct aperture_picker *picker =
        grebe_container_of(base, struct aperture_picker, base);
    struct grebe__load_sight sight = grebe__load_sight_of(picker->crew, args->now_ns);
    struct grebe__aperture_two two = draw(picker, args->random);
    uint32_t chosen = choose(picker, two, &sight);

    if (args->explanation != NULL)
        explain(picker, args, two, chosen);
    (void)grebe__loaded_pick(&picker->endpoints[chosen], &sight, out,
                             grebe__load_view_done);
}

static void aperture_picker_destroy(struct grebe_picker *base)
{
    struct aperture_picker *picker =
        grebe_container_of(base, struct aperture_picker, base);

    grebe__loaded_release(picker->endpoints, picker->row.n);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops picker_ops = {
    .pick = aperture_pick,
    .destroy = aperture_picker_destroy,
};

/* ---- Making one ---------------------------------------------------------------------- */

/* Where `endpoint` is among those that are READY; their number, if it is not. */
static uint32_t find(const struct grebe_sharding_child *children, size_t n,
                     const struct grebe_endpoint *endpoint)
{
    uint32_t n_ready = 0, at = UINT32_MAX;

    for (size_t i = 0; i < n; i++)
        if (children[i].state == GREBE_READY) {
            if (children[i].endpoint == endpoint)
                at = n_ready;
            n_ready++;
        }
    return at < n_ready ? at : n_ready;
}

static void swap(struct grebe__loaded *a, struct grebe__loaded *b)
{
    struct grebe__loaded was = *a;

    *a = *b;
    *b = was;
}

/* Those that count in part to the ends of the row, if they are READY; who is not is as if
 * it had never been there. */
static void line_up(struct aperture_picker *picker,
                    const struct grebe_sharding_child *children, size_t n,
                    const struct grebe__aperture_ends *ends)
{
    struct grebe__aperture_row *row = &picker->row;
    uint32_t first = find(children, n, ends->first);
    uint32_t last = find(children, n, ends->last);

    row->first = row->last = 1;
    if (first < row->n) {
        swap(&picker->endpoints[0], &picker->endpoints[first]);
        row->first = ends->first_weight;
        if (last == 0)
            last = first;
    }
    if (last < row->n && ends->last != ends->first) {
        swap(&picker->endpoints[row->n - 1], &picker->endpoints[last]);
        row->last = ends->last_weight;
        if (row->n == 1)
            row->first = row->last;
    }
}

struct grebe_picker *grebe__aperture_picker(struct grebe__load_book *book,
                                            const struct grebe_sharding_child *children,
                                            size_t n,
                                            const struct grebe__aperture_ends *ends,
                                            uint32_t n_listed)
{
    struct aperture_picker *picker =
        grebe_mem_alloc(book->mem, sizeof *picker + n * sizeof picker->endpoints[0]);

    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &picker_ops);
    picker->mem = book->mem;
    picker->n_in = (uint32_t)n;
    picker->n_listed = n_listed;
    if (grebe__load_book_take(book, children, n, picker->endpoints, &picker->row.n) !=
        GREBE_OK) {
        grebe_mem_free(book->mem, picker);
        return NULL;
    }
    picker->crew = book->crew;
    line_up(picker, children, n, ends);
    return &picker->base;
}
