/* SPDX-License-Identifier: Apache-2.0 */
#include "configs.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "dice.h"
#include "policies.h"
#include "template.h"

const char config_health_service[] = "s";

/* ---- The policy ------------------------------------------------------------------------ */

enum {
    MAX_DEPTH = 3,
    ROOMY_BYTES = 700, /* a configuration that is longer gets no deeper */
};

/* A policy's configuration under way. */
struct policy_drawing {
    struct drawing base;
    uint64_t allowed;
    unsigned depth;
    uint32_t traits; /* of the policies so far */
};

/* Who goes by path has children, drawn or not, and paths are as long as they may be deep. */
static bool has_children(unsigned policy)
{
    return (policies[policy].traits & POLICY_GOES_BY_PATH) != 0 ||
           (policies[policy].config != NULL &&
            strstr(policies[policy].config, "<policy>") != NULL);
}

/* Children of children end: without any other choice in pick_first. */
static uint64_t allowed_now(const struct policy_drawing *drawing)
{
    uint64_t allowed = drawing->allowed;

    if (drawing->depth < MAX_DEPTH && drawing->base.out.length < ROOMY_BYTES)
        return allowed;
    for (unsigned i = 0; i < n_policies; i++)
        if (has_children(i))
            allowed &= ~(UINT64_C(1) << i);
    return allowed == 0 ? 1 : allowed;
}

static void write_policy(struct policy_drawing *drawing, unsigned policy,
                         const char *name)
{
    const char *config = policies[policy].config;

    drawing->traits |= policies[policy].traits;
    grebe__text_printf(&drawing->base.out, "[{\"%s\":", name);
    drawing->depth++;
    template_draw(&drawing->base, config == NULL ? "{}" : config);
    drawing->depth--;
    grebe__text_printf(&drawing->base.out, "}]");
}

static void write_child(struct drawing *base)
{
    struct policy_drawing *drawing =
        grebe_container_of(base, struct policy_drawing, base);
    unsigned policy = policy_draw(&base->rng, allowed_now(drawing));

    write_policy(drawing, policy, policies[policy].name);
}

/* The traits of all that is in it. */
static uint32_t write_root(const struct config_spec *config, struct grebe__text *out)
{
    struct policy_drawing drawing = {
        .base = {.rng = {config->seed}, .out = *out, .write_policy = write_child},
        .allowed = config->allowed,
    };

    write_policy(&drawing, config->policy,
                 config->flaw == CONFIG_UNKNOWN_POLICY ? "nobody_knows"
                                                       : policies[config->policy].name);
    *out = drawing.base.out;
    return drawing.traits;
}

/* ---- Drawing ------------------------------------------------------------------------- */

static uint32_t traits_of(const struct config_spec *config)
{
    char buf[CONFIG_BYTES];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    return write_root(config, &text);
}

struct config_spec config_draw(struct grebe__rng *rng, uint64_t allowed)
{
    static const uint16_t timeouts_ms[] = {1, 20, 300, 5000};
    struct config_spec config = {
        .policy = (uint8_t)policy_draw(rng, allowed),
        .seed = (uint32_t)grebe__rng_next(rng),
        .allowed = allowed,
    };

    if (chance(rng, 12))
        config.flaw = (uint8_t)between(rng, CONFIG_ABSENT, N_CONFIG_FLAWS - 1);
    if (chance(rng, 25))
        config.max_connections = (uint8_t)between(rng, 1, 4);
    if (chance(rng, 25))
        config.wait_for_ready = (uint8_t)between(rng, 1, 2);
    if (chance(rng, 15))
        config.timeout_ms = ONE_OF(rng, timeouts_ms);
    if (chance(rng, 8))
        config.max_send_bytes = 100;
    config.checks_health = chance(rng, 30);
    config.traits = traits_of(&config);
    return config;
}

struct config_spec config_plain(const char *policy)
{
    const struct policy *found = policy_find(policy);

    return (struct config_spec){
        .policy = (uint8_t)(found - policies),
        .allowed = 1,
        .traits = found->traits,
    };
}

/* ---- Text ---------------------------------------------------------------------------- */

static bool says_more(const struct config_spec *config)
{
    return config->wait_for_ready != 0 || config->timeout_ms != 0 ||
           config->max_send_bytes != 0;
}

static void write_methods(const struct config_spec *config, struct grebe__text *out)
{
    grebe__text_printf(out, ",\"methodConfig\":[{\"name\":[{\"service\":\"s\"}]");
    if (config->wait_for_ready != 0)
        grebe__text_printf(out, ",\"waitForReady\":%s",
                           config->wait_for_ready == 2 ? "true" : "false");
    if (config->timeout_ms != 0)
        grebe__text_printf(out, ",\"timeout\":\"%u.%03us\"", config->timeout_ms / 1000u,
                           config->timeout_ms % 1000u);
    if (config->max_send_bytes != 0)
        grebe__text_printf(out, ",\"maxRequestMessageBytes\":%u", config->max_send_bytes);
    grebe__text_printf(out, "}]");
}

const char *config_json(const struct config_spec *config, char buf[CONFIG_BYTES])
{
    struct grebe__text out = grebe__text_init(buf, CONFIG_BYTES);

    if (config->flaw == CONFIG_ABSENT || config->flaw == CONFIG_ERROR)
        return NULL;
    grebe__text_printf(&out, "{\"loadBalancingConfig\":");
    (void)write_root(config, &out);
    if (says_more(config))
        write_methods(config, &out);
    if (config->max_connections != 0)
        grebe__text_printf(&out,
                           ",\"connectionScaling\":{\"maxConnectionsPerSubchannel\":%u}",
                           config->max_connections);
    if (config->checks_health)
        grebe__text_printf(&out, ",\"healthCheckConfig\":{\"serviceName\":\"%s\"}",
                           config_health_service);
    grebe__text_printf(&out, config->flaw == CONFIG_MALFORMED ? "" : "}");
    GREBE_ASSERT(out.length < CONFIG_BYTES);
    return buf;
}

const char *config_text(const struct config_spec *config, char *buf, size_t size)
{
    static const char *const flaws[N_CONFIG_FLAWS] = {
        [CONFIG_ABSENT] = "no service config",
        [CONFIG_ERROR] = "a service config that could not be had",
        [CONFIG_MALFORMED] = "a malformed service config",
        [CONFIG_UNKNOWN_POLICY] = "a policy that nobody knows",
    };
    struct grebe__text out = grebe__text_init(buf, size);

    if (config->flaw != CONFIG_SOUND) {
        grebe__text_printf(&out, "%s", flaws[config->flaw]);
        return buf;
    }
    (void)write_root(config, &out);
    if (config->max_connections != 0)
        grebe__text_printf(&out, ", up to %u connections", config->max_connections);
    if (config->checks_health)
        grebe__text_printf(&out, ", checks health");
    if (config->wait_for_ready != 0)
        grebe__text_printf(&out, ", calls %s",
                           config->wait_for_ready == 2 ? "wait for ready" : "fail fast");
    if (config->timeout_ms != 0)
        grebe__text_printf(&out, ", time out after %u ms", config->timeout_ms);
    if (config->max_send_bytes != 0)
        grebe__text_printf(&out, ", requests of %u bytes at most",
                           config->max_send_bytes);
    return buf;
}
