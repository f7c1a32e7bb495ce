/* SPDX-License-Identifier: Apache-2.0 */
#include "support/hash_bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "support/test.h"

static struct grebe_endpoint *new_endpoint(char *word)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    const struct grebe_attributes *attributes = NULL;
    char *weight = strchr(word, '*'), *key = strchr(word, '#');
    struct grebe_address *address;
    struct grebe_endpoint *endpoint;

    if (weight != NULL) {
        *weight++ = '\0';
        assert_int_equal(grebe_attributes_with(NULL, NULL, &GREBE_ATTRIBUTE_WEIGHT,
                                               (void *)strtoul(weight, NULL, 10),
                                               &attributes),
                         GREBE_OK);
    }
    if (key != NULL) {
        *key++ = '\0';
        assert_null(attributes);
        assert_int_equal(grebe_attributes_with_text(NULL, NULL, &GREBE_ATTRIBUTE_HASH_KEY,
                                                    key, &attributes),
                         GREBE_OK);
    }
    assert_int_equal(grebe_address_new(NULL, word, &options, &address), GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, &address, 1, attributes, &endpoint),
                     GREBE_OK);
    grebe_address_unref(address);
    grebe_attributes_unref(attributes);
    return endpoint;
}

void hash_bench_init(struct hash_bench *bench, const struct grebe__hash_policy *policy,
                     const char *keys, const struct grebe__hash_config *config)
{
    const struct grebe__hash_config defaults = policy->defaults();
    struct grebe_sharding_child children[HASH_BENCH_MEMBERS] = {{0}};
    char *copy = strdup(keys), *save = NULL;
    size_t n = 0;

    *bench = (struct hash_bench){.policy = policy};
    for (char *word = strtok_r(copy, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        assert_true(n < HASH_BENCH_MEMBERS);
        children[n++].endpoint = new_endpoint(word);
    }
    free(copy);
    assert_int_equal(grebe__hash_members_init(&bench->members, NULL, children, n),
                     GREBE_OK);
    for (size_t i = 0; i < n; i++) {
        grebe_endpoint_unref(children[i].endpoint);
        bench->states[i] = GREBE_READY;
    }
    bench->table = policy->layout->new_table(NULL, &bench->members,
                                             config == NULL ? &defaults : config);
    assert_non_null(bench->table);
}

void hash_bench_fini(struct hash_bench *bench)
{
    grebe__hash_table_unref(bench->table);
    grebe__hash_members_fini(&bench->members, NULL);
}

struct grebe__hash_place hash_bench_place(const struct hash_bench *bench, uint64_t hash)
{
    const struct grebe__hash_filter filter = {.states = bench->states,
                                              .wanted = 1 << GREBE_READY};
    struct grebe__hash_place place;

    assert_true(bench->policy->layout->find(bench->table, hash, &filter, &place));
    return place;
}

const char *hash_bench_find(const struct hash_bench *bench, uint64_t hash)
{
    return bench->members.list[hash_bench_place(bench, hash).member].key;
}

const char *hash_bench_find_text(const struct hash_bench *bench, const char *text)
{
    return hash_bench_find(bench, grebe__hash64_text(text));
}

/* ---- Leaving ------------------------------------------------------------------------- */

/* "10.0.0.1:80 10.0.0.2:80 ...", without the one that left. */
static void write_keys(char *text, size_t size, unsigned n, unsigned left)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 1; i <= n; i++)
        if (i != left)
            used += (size_t)snprintf(text + used, size - used, "10.0.0.%u:80 ", i);
}

static void break_off(struct hash_bench *bench, const char *key)
{
    for (uint32_t i = 0; i < bench->members.n; i++)
        if (strcmp(bench->members.list[i].key, key) == 0)
            bench->states[i] = GREBE_TRANSIENT_FAILURE;
}

struct hash_bench_moves hash_bench_leave(const struct grebe__hash_policy *policy,
                                         unsigned n,
                                         const struct grebe__hash_config *config,
                                         bool is_listed)
{
    const unsigned left = n / 2 + 1;
    struct hash_bench_moves moves = {0, 0};
    struct hash_bench before, after;
    char text[2048], gone[32];

    write_keys(text, sizeof text, n, 0);
    hash_bench_init(&before, policy, text, config);
    write_keys(text, sizeof text, n, is_listed ? 0 : left);
    hash_bench_init(&after, policy, text, config);
    snprintf(gone, sizeof gone, "10.0.0.%u:80", left);
    break_off(&after, gone);
    for (unsigned i = 0; i < HASH_BENCH_KEYS; i++) {
        const char *was, *is;

        snprintf(text, sizeof text, "k%u", i);
        was = hash_bench_find_text(&before, text);
        is = hash_bench_find_text(&after, text);
        moves.n_own += strcmp(was, gone) == 0;
        moves.n_moved += strcmp(was, is) != 0;
    }
    hash_bench_fini(&before);
    hash_bench_fini(&after);
    return moves;
}

/* ---- Configuration --------------------------------------------------------------------- */

static int parse(const struct grebe_balancer_builder *builder, const char *json,
                 struct grebe_diag *diag, void **out)
{
    const struct grebe_json *document;
    int result;

    assert_int_equal(grebe_json_parse(json, strlen(json), NULL, &document), GREBE_OK);
    result = builder->parse_config(document, diag, out);
    grebe_json_free(document);
    return result;
}

struct grebe__hash_config *hash_bench_config(const struct grebe_balancer_builder *builder,
                                             const char *json)
{
    void *config;

    assert_int_equal(parse(builder, json, NULL, &config), GREBE_OK);
    return config;
}

const char *hash_bench_flaw(const struct grebe_balancer_builder *builder,
                            const char *json)
{
    static struct grebe_diag diag;
    void *config;

    assert_int_equal(parse(builder, json, &diag, &config), GREBE_ERR_CONFIG);
    return diag.text;
}
