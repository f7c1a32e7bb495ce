/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints as JSON: what is read, what is refused, and what is said about it. */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/locality.h>
#include <grebe/path.h>

#include "base/assert.h"
#include "base/rng.h"
#include "base/text.h"
#include "resolver/endpoint_file.h"
#include "support/mem.h"

/* ---- What is read ---------------------------------------------------------------------- */

static void describe_attributes(struct grebe__text *text,
                                const struct grebe_attributes *attributes)
{
    void *weight = grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_WEIGHT);
    void *health = grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_HEALTH);
    const char *key = grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_HASH_KEY);
    const struct grebe_locality *locality =
        grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_LOCALITY);
    struct grebe_path *path = grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_PATH);

    if (weight != NULL)
        grebe__text_printf(text, " weight %u", (unsigned)(uintptr_t)weight);
    if (locality != NULL)
        grebe__text_printf(text, " in %s/%s/%s", grebe_locality_region(locality),
                           grebe_locality_zone(locality),
                           grebe_locality_sub_zone(locality));
    for (; path != NULL; path = grebe_path_rest(path))
        grebe__text_printf(text, " for %s", grebe_path_first(path));
    if (key != NULL)
        grebe__text_printf(text, " hash %s", key);
    if (health != NULL)
        grebe__text_printf(
            text, " %s",
            grebe_endpoint_health_name((enum grebe_endpoint_health)(uintptr_t)health));
    for (size_t i = 0; i < grebe_attributes_n_named(attributes); i++) {
        const char *name, *value = grebe_attributes_named_at(attributes, i, &name);

        grebe__text_printf(text, " %s=%s", name, value);
    }
}

/* "a:1 (name) weight 3; b:1+c:1 (name)" */
static const char *describe(const struct grebe__endpoint_file *file)
{
    static char buf[2048];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    for (size_t i = 0; i < file->list.n; i++) {
        const struct grebe_endpoint *endpoint = file->list.endpoints[i];
        size_t n = grebe_endpoint_n_addresses(endpoint);

        for (size_t k = 0; k < n; k++) {
            const struct grebe_address *address = grebe_endpoint_address(endpoint, k);

            grebe__text_printf(&text, "%s%s",
                               k > 0   ? "+"
                               : i > 0 ? "; "
                                       : "",
                               grebe_address_text(address));
            assert_string_equal(
                grebe_address_server_name(address),
                grebe_address_server_name(grebe_endpoint_address(endpoint, 0)));
        }
        grebe__text_printf(
            &text, " (%s)",
            grebe_address_server_name(grebe_endpoint_address(endpoint, 0)));
        describe_attributes(&text, grebe_endpoint_attributes(endpoint));
    }
    if (file->service_config != NULL)
        grebe__text_printf(&text, "; config %s", file->service_config);
    return buf;
}

static const struct {
    const char *text;
    const char *means;
} good[] = {
    /* Addresses. */
    {"[]", ""},
    {"{\"endpoints\": []}", ""},
    {"[\"10.0.0.1:80\"]", "10.0.0.1:80 (10.0.0.1:80)"},
    {"[\"10.0.0.1\", \"host\", \"::1\", \"[::1]:5\", \"host:http\"]",
     "10.0.0.1:443 (10.0.0.1:443); host:443 (host:443); [::1]:443 ([::1]:443); "
     "[::1]:5 ([::1]:5); host:http (host:http)"},
    {"[\"unix:/run/s\", \"unix-abstract:a b\"]",
     "unix:/run/s (localhost); unix-abstract:a b (localhost)"},
    {"[{\"address\": \"a:1\"}]", "a:1 (a:1)"},
    {"[{\"addresses\": [\"a:1\", \"b\", \"unix:c\"]}]", "a:1+b:443+unix:c (a:1)"},
    {"[{\"addresses\": [\"unix:c\", \"a:1\"]}]", "unix:c+a:1 (localhost)"},
    /* Server names. */
    {"{\"serverName\": \"all\", \"endpoints\": [\"a:1\", {\"address\": \"b:1\"}, "
     "{\"address\": \"c:1\", \"serverName\": \"own\"}, \"unix:d\"]}",
     "a:1 (all); b:1 (all); c:1 (own); unix:d (all)"},
    {"[{\"addresses\": [\"a:1\", \"b:1\"], \"server_name\": \"s\"}]", "a:1+b:1 (s)"},
    /* Attributes. */
    {"[{\"address\": \"a:1\", \"weight\": 3}]", "a:1 (a:1) weight 3"},
    {"[{\"address\": \"a:1\", \"weight\": 4294967295}]", "a:1 (a:1) weight 4294967295"},
    {"[{\"address\": \"a:1\", \"weight\": null}]", "a:1 (a:1)"},
    {"[{\"address\": \"a:1\", \"zone\": \"z\"}]", "a:1 (a:1) in /z/"},
    {"[{\"address\": \"a:1\", \"locality\": {\"region\": \"r\", \"zone\": \"z\", "
     "\"sub_zone\": \"s\"}}]",
     "a:1 (a:1) in r/z/s"},
    {"[{\"address\": \"a:1\", \"locality\": {}}]", "a:1 (a:1)"},
    {"[{\"address\": \"a:1\", \"priority\": 0}, {\"address\": \"b:1\", \"priority\": 7}]",
     "a:1 (a:1) for priority-0; b:1 (b:1) for priority-7"},
    {"[{\"address\": \"a:1\", \"path\": [\"x\", \"y\"]}]", "a:1 (a:1) for x for y"},
    {"[{\"address\": \"a:1\", \"path\": [\"x\"], \"priority\": 1}]",
     "a:1 (a:1) for priority-1 for x"},
    {"[{\"address\": \"a:1\", \"path\": []}]", "a:1 (a:1)"},
    {"[\"a:1\", {\"address\": \"b:1\"}, {\"address\": \"c:1\", \"path\": [\"x\"]}, "
     "{\"address\": \"d:1\", \"priority\": 1}]",
     "a:1 (a:1) for priority-0; b:1 (b:1) for priority-0; c:1 (c:1) for priority-0 for x; "
     "d:1 (d:1) for priority-1"},
    {"[{\"address\": \"a:1\", \"hashKey\": \"k\"}, "
     "{\"address\": \"b:1\", \"hash_key\": \"l\"}]",
     "a:1 (a:1) hash k; b:1 (b:1) hash l"},
    {"[{\"address\": \"a:1\", \"hashKey\": \"\"}]", "a:1 (a:1)"},
    {"[{\"address\": \"a:1\", \"health\": \"draining\"}]", "a:1 (a:1) DRAINING"},
    {"[{\"address\": \"a:1\", \"attributes\": {\"v\": \"2\", \"c\": \"\"}}]",
     "a:1 (a:1) c= v=2"},
    {"[{\"address\": \"a:1\", \"attributes\": {\"b\": \"1\"}, \"health\": \"HEALTHY\", "
     "\"hashKey\": \"k\", \"priority\": 2, \"zone\": \"z\", \"weight\": 9}]",
     "a:1 (a:1) weight 9 in /z/ for priority-2 hash k HEALTHY b=1"},
    /* Around them. */
    {"{\"endpoints\": [\"a:1\"], \"serviceConfig\": {\"loadBalancingConfig\": "
     "[ {\"round_robin\": {}} ], \"unknown\": 1.5} }",
     "a:1 (a:1); config "
     "{\"loadBalancingConfig\":[{\"round_robin\":{}}],\"unknown\":1.5}"},
    {"{\"endpoints\": [\"a:1\"], \"service_config\": null}", "a:1 (a:1)"},
    {"{\"_\": \"hand-made\", \"endpoints\": [{\"_who\": [1], \"address\": \"a:1\"}]}",
     "a:1 (a:1)"},
    {" [ \"a:1\" ,\n\"b:1\" ] \n", "a:1 (a:1); b:1 (b:1)"},
};

TEST(endpoints_are_read)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(good); i++) {
        struct grebe__endpoint_file file;
        struct grebe_diag diag;
        struct test_mem mem;

        test_mem_init(&mem);
        if (grebe__endpoint_file_parse(&mem.interface, good[i].text, strlen(good[i].text),
                                       &diag, &file) != GREBE_OK)
            fail_msg("%s: %s", good[i].text, diag.text);
        assert_string_equal(describe(&file), good[i].means);
        grebe__endpoint_file_fini(&file);
        assert_int_equal(mem.n_live, 0);
    }
}

/* ---- What is refused --------------------------------------------------------------------- */

#define KNOWN                                                                            \
    "; there are address, addresses, serverName, weight, zone, locality, priority, "     \
    "path, hashKey, health, attributes, and comments whose names begin with '_'"
#define FORMS "; write \"host:port\", \"[v6]:port\" or \"unix:path\": "

static const struct {
    const char *text;
    const char *why;
} bad[] = {
    /* Not JSON. */
    {"", "line 1 column 0: unexpected token"},
    {"[\"a:1\",\n \"b:1\",\n]", "line 3 column 1: unexpected token"},
    {"[\"a:1\"", "line 1 column 6: ']' expected"},
    {"[\"a:1\"] x", "line 1 column 9: end of file expected"},
    {"[\"a:1\" \"b:1\"]", "line 1 column 12: ']' expected"},
    {"{\"endpoints\": [], \"endpoints\": []}", "line 1 column 29: duplicate object key"},
    /* Not endpoints. */
    {"7", "expected {\"endpoints\": [...]} or a list of them, found a number"},
    {"null", "expected {\"endpoints\": [...]} or a list of them, found null"},
    {"{}", "endpoints: the list is missing"},
    {"{\"endpoints\": null}", "endpoints: the list is missing"},
    {"{\"endpoints\": {}}", "endpoints: expected a list, found an object"},
    {"{\"endpoint\": []}", "endpoint: unknown; there are endpoints, serverName, "
                           "serviceConfig, and comments whose names begin with '_'"},
    {"{\"endpoints\": [], \"serverName\": 1}",
     "serverName: expected a string, found a number"},
    {"{\"endpoints\": [], \"serviceConfig\": \"{}\"}",
     "serviceConfig: expected an object, found a string"},
    {"[\"a:1\", 7]",
     "endpoints[1]: expected an address or an object that has one, found a number"},
    {"[null]", "endpoints[0]: expected an address or an object that has one, found null"},
    {"[[]]", "endpoints[0]: expected an address or an object that has one, found a list"},
    /* Not addresses. */
    {"[\"\"]", "endpoints[0]: missing address" FORMS "\"\""},
    {"[\"a:1\", \"b:\"]",
     "endpoints[1]: missing port after port-separator colon" FORMS "\"b:\""},
    {"[\"a:b:c\"]",
     "endpoints[0]: invalid target address, too many colons" FORMS "\"a:b:c\""},
    {"[\"[::1\"]",
     "endpoints[0]: invalid target address, brackets do not match" FORMS "\"[::1\""},
    {"[{}]", "endpoints[0].address: is missing"},
    {"[{\"address\": null}]", "endpoints[0].address: is missing"},
    {"[{\"address\": 1}]",
     "endpoints[0].address: expected a string like \"10.0.0.1:443\", found a number"},
    {"[{\"address\": \"a\\u0000:1\"}]",
     "endpoints[0].address: expected a string like \"10.0.0.1:443\", found a string"},
    {"[{\"address\": \"a:\"}]",
     "endpoints[0].address: missing port after port-separator colon" FORMS "\"a:\""},
    {"[{\"address\": \"a:1\", \"addresses\": [\"b:1\"]}]",
     "endpoints[0].address: goes without \"addresses\""},
    {"[{\"addresses\": \"a:1\"}]",
     "endpoints[0].addresses: expected a list, found a string"},
    {"[{\"addresses\": []}]", "endpoints[0].addresses: the list is empty"},
    {"[{\"addresses\": [\"a:1\", false]}]",
     "endpoints[0].addresses[1]: expected a string like \"10.0.0.1:443\", found a boolean"},
    /* Not attributes. */
    {"[{\"address\": \"a:1\", \"wieght\": 3}]", "endpoints[0].wieght: unknown" KNOWN},
    {"[{\"address\": \"a:1\", \"\\u001b[1m\": 3}]",
     "endpoints[0].\\x1b[1m: unknown" KNOWN},
    {"[{\"address\": \"a:1\", \"weight\": \"3\"}]",
     "endpoints[0].weight: expected an integer, found a string"},
    {"[{\"address\": \"a:1\", \"weight\": 1.5}]",
     "endpoints[0].weight: expected an integer, without fraction or exponent"},
    {"[{\"address\": \"a:1\", \"weight\": -1}]",
     "endpoints[0].weight: -1 is not between 0 and 4294967295"},
    {"[{\"address\": \"a:1\", \"weight\": 0}]",
     "endpoints[0].weight: 0 would be read as 1; leave the endpoint out, or set its "
     "health"},
    {"[{\"address\": \"a:1\", \"zone\": 1}]",
     "endpoints[0].zone: expected a string, found a number"},
    {"[{\"address\": \"a:1\", \"zone\": \"z\", \"locality\": {}}]",
     "endpoints[0].zone: goes without \"locality\", which has one"},
    {"[{\"address\": \"a:1\", \"locality\": \"z\"}]",
     "endpoints[0].locality: expected an object, found a string"},
    {"[{\"address\": \"a:1\", \"locality\": {\"zones\": \"z\"}}]",
     "endpoints[0].locality.zones: unknown; there are region, zone, subZone, and comments "
     "whose names begin with '_'"},
    {"[{\"address\": \"a:1\", \"locality\": {\"region\": []}}]",
     "endpoints[0].locality.region: expected a string, found a list"},
    {"[{\"address\": \"a:1\", \"priority\": -1}]",
     "endpoints[0].priority: -1 is not between 0 and 4294967295"},
    {"[{\"address\": \"a:1\", \"path\": \"x\"}]",
     "endpoints[0].path: expected a list, found a string"},
    {"[{\"address\": \"a:1\", \"path\": [\"x\", 1]}]",
     "endpoints[0].path[1]: expected a string, found a number"},
    {"[{\"address\": \"a:1\", \"hashKey\": 7}]",
     "endpoints[0].hashKey: expected a string, found a number"},
    {"[{\"address\": \"a:1\", \"hashKey\": \"a\", \"hash_key\": \"a\"}]",
     "endpoints[0].hashKey: comes twice, under two names"},
    {"[{\"address\": \"a:1\", \"health\": \"sick\"}]",
     "endpoints[0].health: is not HEALTHY, UNHEALTHY, DRAINING, TIMEOUT, DEGRADED or "
     "UNKNOWN: \"sick\""},
    {"[{\"address\": \"a:1\", \"attributes\": [\"x\"]}]",
     "endpoints[0].attributes: expected an object, found a list"},
    {"[{\"address\": \"a:1\", \"attributes\": {\"canary\": true}}]",
     "endpoints[0].attributes.canary: expected a string, found a boolean; put quotes "
     "around it"},
};

TEST(what_is_wrong_is_said_with_its_place)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(bad); i++) {
        struct grebe__endpoint_file file;
        struct grebe_diag diag = {""};
        struct test_mem mem;

        test_mem_init(&mem);
        if (grebe__endpoint_file_parse(&mem.interface, bad[i].text, strlen(bad[i].text),
                                       &diag, &file) != GREBE_ERR_CONFIG)
            fail_msg("%s is accepted", bad[i].text);
        assert_string_equal(diag.text, bad[i].why);
        assert_int_equal(mem.n_live, 0);
    }
}

/* ---- Limits --------------------------------------------------------------------------------- */

/* `before`, n times `item`, joined by commas, `after`. */
static char *repeat(const char *before, const char *item, size_t n, const char *after)
{
    char *text = malloc(strlen(before) + n * (strlen(item) + 12) + strlen(after) + 1);
    char *end = text + sprintf(text, "%s", before);

    for (size_t i = 0; i < n; i++) {
        end += sprintf(end, "%s", i == 0 ? "" : ",");
        end += sprintf(end, item, (int)i);
    }
    sprintf(end, "%s", after);
    return text;
}

static const struct {
    const char *before, *item, *after;
    size_t most;
    const char *why;
} limits[] = {
    {"[", "\"a:%d\"", "]", GREBE__ENDPOINT_FILE_ENDPOINTS,
     "endpoints: the list has 65537, 65536 are allowed"},
    {"[{\"addresses\": [", "\"a:%d\"", "]}]", GREBE__ENDPOINT_FILE_ADDRESSES,
     "endpoints[0].addresses: the list has 17, 16 are allowed"},
    {"[{\"address\": \"a:1\", \"path\": [", "\"p%d\"", "]}]", GREBE__ENDPOINT_FILE_NAMES,
     "endpoints[0].path: has more than 16 names"},
    {"[{\"address\": \"a:1\", \"attributes\": {", "\"n%d\": \"v\"", "}}]",
     GREBE__ENDPOINT_FILE_ATTRIBUTES, "endpoints[0].attributes: there are more than 64"},
};

TEST(lists_are_bounded)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(limits); i++) {
        for (size_t more = 0; more < 2; more++) {
            char *text = repeat(limits[i].before, limits[i].item, limits[i].most + more,
                                limits[i].after);
            struct grebe__endpoint_file file;
            struct grebe_diag diag = {""};
            int error =
                grebe__endpoint_file_parse(NULL, text, strlen(text), &diag, &file);

            assert_string_equal(diag.text, more ? limits[i].why : "");
            assert_int_equal(error, more ? GREBE_ERR_CONFIG : GREBE_OK);
            if (error == GREBE_OK)
                grebe__endpoint_file_fini(&file);
            free(text);
        }
    }
}

/* An address is as long as a host name with a port, or a socket's path, can be. */
TEST(addresses_are_bounded)
{
    static const struct {
        const char *prefix;
        size_t length;
        const char *why; /* NULL: it is accepted */
    } lengths[] = {
        {"unix:", 107, NULL},
        {"unix:", 400, "endpoints[0]: name of the socket is too long" FORMS},
        {"", 255, NULL},
        {"", 400, "endpoints[0]: address is too long" FORMS},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(lengths); i++) {
        struct grebe__endpoint_file file;
        struct grebe_diag diag = {""};
        char text[512];
        int n = sprintf(text, "[\"%s", lengths[i].prefix);

        memset(text + n, 'x', lengths[i].length);
        strcpy(text + n + lengths[i].length, "\"]");
        if (grebe__endpoint_file_parse(NULL, text, strlen(text), &diag, &file) ==
            GREBE_OK)
            grebe__endpoint_file_fini(&file);
        assert_int_equal(diag.text[0] == '\0', lengths[i].why == NULL);
        if (lengths[i].why != NULL)
            assert_memory_equal(diag.text, lengths[i].why, strlen(lengths[i].why));
    }
}

/* ---- Memory, and nonsense ---------------------------------------------------------------------- */

static const char everything[] =
    "{\"serverName\": \"s\", \"endpoints\": [\"a:1\", {\"addresses\": [\"b:1\", \"c:1\"], "
    "\"weight\": 2, \"locality\": {\"zone\": \"z\"}, \"priority\": 1, \"path\": [\"p\"], "
    "\"hashKey\": \"k\", \"health\": \"HEALTHY\", \"attributes\": {\"v\": \"1\", "
    "\"w\": \"2\"}}], \"serviceConfig\": {\"loadBalancingPolicy\": \"round_robin\"}}";

TEST(out_of_memory_leaves_nothing)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct grebe__endpoint_file file;
        struct grebe_diag diag;
        struct test_mem mem;
        int error;

        test_mem_init(&mem);
        mem.fail_at = n;
        error = grebe__endpoint_file_parse(&mem.interface, everything, strlen(everything),
                                           &diag, &file);
        has_failed = mem.has_failed;
        assert_int_equal(error, has_failed ? GREBE_ERR_NOMEM : GREBE_OK);
        if (error == GREBE_OK)
            grebe__endpoint_file_fini(&file);
        assert_int_equal(mem.n_live, 0);
    }
}

/* One byte is another, or the end is missing: it is read or refused, and one line says
 * why. */
TEST(damaged_files_are_read_or_refused)
{
    struct grebe__rng rng;
    unsigned n_refused = 0;

    grebe__rng_seed(&rng, 1);
    for (int round = 0; round < 20000; round++) {
        char text[sizeof everything];
        size_t length = sizeof everything - 1;
        struct grebe__endpoint_file file;
        struct grebe_diag diag = {""};
        struct test_mem mem;

        test_mem_init(&mem);
        memcpy(text, everything, sizeof text);
        for (int i = 0; i < 1 + round % 3; i++)
            text[(size_t)(grebe__rng_unit(&rng) * (double)length)] =
                (char)(grebe__rng_unit(&rng) * 256);
        if (round % 4 == 0)
            length = (size_t)(grebe__rng_unit(&rng) * (double)length);
        if (grebe__endpoint_file_parse(&mem.interface, text, length, &diag, &file) ==
            GREBE_OK) {
            grebe__endpoint_file_fini(&file);
        } else {
            n_refused++;
            assert_true(diag.text[0] != '\0');
            for (const char *c = diag.text; *c != '\0'; c++)
                assert_true((unsigned char)*c >= 0x20);
        }
        assert_int_equal(mem.n_live, 0);
    }
    assert_true(n_refused > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_are_read),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(addresses_are_bounded),
        cmocka_unit_test(out_of_memory_leaves_nothing),
        cmocka_unit_test(damaged_files_are_read_or_refused),
    };

    return cmocka_run_group_tests_name("endpoint_file", tests, NULL, NULL);
}
