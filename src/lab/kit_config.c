/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about the configuration: parsed outside of any channel, as a service config is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/json.h>

#include "base/text.h"
#include "lab/kit_rules.h"

enum { TEXT_MAX = 8192, N_REPEATS = 2000, N_WARMUP = 100, LEAK_BYTES = 8 };

/* Parses `text` as this policy's entry, and frees it again. */
static int parse(struct kit *kit, const char *text, struct grebe_diag *diag)
{
    const struct grebe_balancer_builder *builder = kit->builder;
    const struct grebe_json *json;
    void *config = NULL;
    int error = grebe_json_parse(text, strlen(text), diag, &json);

    if (error != GREBE_OK)
        return error;
    diag->text[0] = '\0';
    error = builder->parse_config(json, diag, &config);
    if (error == GREBE_OK && config != NULL && builder->free_config != NULL)
        builder->free_config(config);
    grebe_json_free(json);
    return error;
}

/* The configuration with `value` for the member `name`, which may not be there yet. */
static bool with_member(struct kit *kit, const struct grebe_json *config,
                        const char *name, const char *value, char *buf)
{
    struct grebe__text text = grebe__text_init(buf, TEXT_MAX);
    const struct grebe_json *member;
    const char *key = NULL;

    grebe__text_printf(&text, "{\"%s\": %s", name, value);
    while ((member = grebe_json_next_member(config, key, &key)) != NULL) {
        char *dump;

        if (strcmp(key, name) == 0)
            continue;
        dump = grebe_json_dump(NULL, member);
        if (dump == NULL)
            kit->is_short_of_memory = true;
        else
            grebe__text_printf(&text, ", \"%s\": %s", key, dump);
        grebe_mem_free(NULL, dump);
    }
    grebe__text_printf(&text, "}");
    return text.length < TEXT_MAX && !kit->is_short_of_memory;
}

/* The caller's to free; NULL, and a verdict, if the rule does not apply. */
static const struct grebe_json *config_of(struct kit *kit)
{
    const struct grebe_json *config;

    if (kit->builder->parse_config == NULL) {
        kit_pass_over(kit, "it takes no configuration");
        return NULL;
    }
    if (grebe_json_parse(kit->config, strlen(kit->config), NULL, &config) == GREBE_OK)
        return config;
    kit->is_short_of_memory = true; /* kit_check() has parsed it before */
    return NULL;
}

/* A line to try it with. */
static void show(struct kit *kit, const char *config)
{
    kit_open(kit, false, KIT_ALL);
    kit_say(kit, "{\"do\": \"update\", \"endpoints\": [], \"config\": [{\"%s\": %s}]}",
            kit->options->policy, config);
}

void kit__unknown_members(struct kit *kit)
{
    const struct grebe_json *config = config_of(kit);
    struct grebe_diag diag;
    char text[TEXT_MAX];
    int error;

    if (config == NULL)
        return;
    if (with_member(kit, config, "memberThatTheKitMadeUp", "[{}]", text)) {
        error = parse(kit, text, &diag);
        if (!kit_expect(kit, error == GREBE_OK,
                        "members that it does not know to be ignored", "%s: %s",
                        grebe_error_name(error), diag.text))
            show(kit, text);
    }
    grebe_json_free(config);
}

/* What is certainly not meant where `value` was right. */
static const char *wrong_for(const struct grebe_json *value)
{
    switch (grebe_json_type(value)) {
    case GREBE_JSON_OBJECT:
    case GREBE_JSON_ARRAY:
        return "7";
    default:
        return "{\"kit\": true}";
    }
}

static bool expect_error(struct kit *kit, const char *name, const char *text)
{
    struct grebe_diag diag;
    int error = parse(kit, text, &diag);

    if (kit_expect(kit, error == GREBE_ERR_CONFIG, "GREBE_ERR_CONFIG for a wrong type",
                   "%s: %s", text, grebe_error_name(error)) &&
        kit_expect(kit, strstr(diag.text, name) != NULL,
                   "an error that names the member by its path", "%s: \"%s\"", text,
                   diag.text))
        return true;
    show(kit, text);
    return false;
}

/* One member of the wrong type, and then one of its own, if it has some. */
static bool try_member(struct kit *kit, const struct grebe_json *config, const char *name)
{
    const struct grebe_json *member = grebe_json_member(config, name), *inner;
    char text[TEXT_MAX], value[TEXT_MAX];
    const char *key = NULL;
    bool goes_on = with_member(kit, config, name, wrong_for(member), text) &&
                   expect_error(kit, name, text);

    if (grebe_json_type(member) != GREBE_JSON_OBJECT)
        return goes_on;
    while (goes_on && (inner = grebe_json_next_member(member, key, &key)) != NULL)
        goes_on = with_member(kit, member, key, wrong_for(inner), value) &&
                  with_member(kit, config, name, value, text) &&
                  expect_error(kit, key, text);
    return goes_on;
}

void kit__wrong_types(struct kit *kit)
{
    const struct grebe_json *config = config_of(kit);
    const char *name = NULL;
    bool goes_on = true;

    if (config == NULL)
        return;
    if (grebe_json_next_member(config, NULL, &name) == NULL)
        kit_pass_over(kit,
                      "the configuration has no members: --config gives one that has");
    name = NULL;
    while (goes_on && grebe_json_next_member(config, name, &name) != NULL)
        goes_on = try_member(kit, config, name);
    grebe_json_free(config);
}

/* The heap grows a little by itself, but not with each repetition. */
static bool expect_no_growth(struct kit *kit, const char *text, const char *which)
{
    struct grebe_diag diag;
    size_t before = 0, after;

    for (int i = 0; i < N_WARMUP + N_REPEATS; i++) {
        if (i == N_WARMUP)
            before = kit->options->heap_bytes();
        (void)parse(kit, text, &diag);
    }
    after = kit->options->heap_bytes();
    if (kit_expect(kit, after < before + (size_t)N_REPEATS * LEAK_BYTES,
                   "configurations whose memory comes back",
                   "%s: %zu bytes stayed for each", which, (after - before) / N_REPEATS))
        return true;
    show(kit, text);
    return false;
}

void kit__configs_are_freed(struct kit *kit)
{
    const struct grebe_json *config, *member;
    const char *name = NULL;
    char text[TEXT_MAX];
    bool goes_on;

    if (kit->options->heap_bytes == NULL) {
        kit_pass_over(kit, "nobody counts the memory here");
        return;
    }
    config = config_of(kit);
    if (config == NULL)
        return;
    goes_on = expect_no_growth(kit, kit->config, "one that is right");
    while (goes_on && (member = grebe_json_next_member(config, name, &name)) != NULL)
        goes_on = with_member(kit, config, name, wrong_for(member), text) &&
                  expect_no_growth(kit, text, "one that is wrong");
    grebe_json_free(config);
}
