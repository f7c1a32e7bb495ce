/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts: what is wrong with a line, what stays when one is, and memory.  What lines do
 * when they are right is told by the scripts of tests/lab. */
#include "support/test.h"

#include "lab/session.h"

#include <stdlib.h>

#include "base/assert.h"
#include "lab/reader.h"
#include "support/mem.h"

struct script {
    struct test_mem mem;
    struct lab_session *session;
    char *out; /* all events so far */
    size_t length, size;
    uint32_t n_violations;
};

static void write_event(void *arg, const char *line, size_t length)
{
    struct script *script = arg;

    if (script->length + length + 1 > script->size) {
        script->size = (script->length + length + 1) * 2;
        script->out = realloc(script->out, script->size);
        assert_non_null(script->out);
    }
    memcpy(script->out + script->length, line, length + 1);
    script->out[script->length += length] = '\0';
}

/* False: out of memory. */
static bool start(struct script *script, uint32_t fail_at)
{
    *script = (struct script){.out = calloc(1, 1), .size = 1};
    test_mem_init(&script->mem);
    script->mem.fail_at = fail_at;
    script->session = lab_session_new(&(struct lab_session_options){
        .mem = &script->mem.interface,
        .write = write_event,
        .arg = script,
    });
    return script->session != NULL;
}

static void finish(struct script *script)
{
    lab_session_destroy(script->session);
    assert_int_equal(script->mem.n_live, 0);
    free(script->out);
}

static int line(struct script *script, const char *text, struct grebe_diag *diag)
{
    return lab_session_line(script->session, text, strlen(text), diag);
}

/* ---- Wrong lines ---------------------------------------------------------------------- */

#define UPDATE "{\"do\":\"update\",\"endpoints\":[{\"addresses\":[\"a:1\"]}]}"

static const struct {
    const char *text, *flaw;
} wrong[] = {
    {"{", "column 1: string or '}' expected"},
    {"{\"do\":\"close\",\"do\":\"close\"}", "column 18: duplicate object key"},
    {"[]", "expected an object, found a list"},
    {"{}", "do is missing: what is to happen?"},
    {"{\"do\":1}", "do: expected a string, found a number"},
    {"{\"do\":\"jump\"}",
     "do: expected one of start, update, resolver_error, subconn, health, oob, pick, "
     "done, advance, exit_idle, fail_allocation, close, found: \"jump\""},
    {"{\"do\":\"fail_allocation\",\"nth\":0}",
     "fail_allocation: nth: expected a number from 1 on"},
    {"{\"do\":\"start\"}", "start: it has to be the first line"},
    {"{\"do\":\"close\",\"now\":1}",
     "close: the fields are do, there is none called: \"now\""},
    {"{\"do\":\"advance\",\"MS\":1}",
     "advance: the fields are do, ms, there is none called: \"MS\""},
    {"{\"do\":\"update\"}", "update: endpoints is missing (an empty list is [])"},
    {"{\"do\":\"update\",\"endpoints\":{}}",
     "update: endpoints: expected a list, found an object"},
    {"{\"do\":\"update\",\"endpoints\":[1]}",
     "update: endpoints[0]: expected an object, found a number"},
    {"{\"do\":\"update\",\"endpoints\":[{}]}",
     "update: endpoints[0].addresses is missing"},
    {"{\"do\":\"update\",\"endpoints\":[{\"addresses\":[\"a:1\",2]}]}",
     "update: endpoints[0].addresses[1]: expected text, found a number"},
    {"{\"do\":\"update\",\"endpoints\":[{\"addresses\":[\"\"]}]}",
     "update: endpoints[0].addresses[0]: expected text, found an empty string, or one "
     "with a NUL inside"},
    {"{\"do\":\"update\",\"endpoints\":[{\"addresses\":[],\"wieght\":1}]}",
     "update: endpoints[0]: the fields are addresses, weight, hash_key, locality, path, "
     "health, network, backend_service, attributes, there is none called: \"wieght\""},
    {"{\"do\":\"update\",\"endpoints\":[{\"addresses\":[],\"weight\":-1}]}",
     "update: endpoints[0].weight: -1 is not between 0 and 4294967295"},
    {"{\"do\":\"update\",\"endpoints\":[{\"addresses\":[],\"hash_key\":1}]}",
     "update: endpoints[0].hash_key: expected a string, found a number"},
    {"{\"do\":\"update\",\"endpoints\":[{\"addresses\":[],\"locality\":{\"zone\":1}}]}",
     "update: endpoints[0].locality.zone: expected a string, found a number"},
    {"{\"do\":\"update\",\"endpoints\":[{\"addresses\":[],\"path\":[\"a\",null]}]}",
     "update: endpoints[0].path[1]: expected text, found null"},
    {"{\"do\":\"update\",\"endpoints\":[{\"addresses\":[],\"health\":\"ok\"}]}",
     "update: endpoints[0].health: expected UNKNOWN, HEALTHY, UNHEALTHY, DRAINING, "
     "TIMEOUT or DEGRADED, found: \"ok\""},
    {"{\"do\":\"resolver_error\"}", "resolver_error: error is missing"},
    {"{\"do\":\"subconn\",\"state\":\"READY\"}", "subconn: address is missing"},
    {"{\"do\":\"subconn\",\"address\":\"a:1\"}", "subconn: state is missing"},
    {"{\"do\":\"subconn\",\"address\":\"a:1\",\"state\":\"SHUTDOWN\"}",
     "subconn: state: expected IDLE, CONNECTING, READY or TRANSIENT_FAILURE, found: "
     "\"SHUTDOWN\""},
    {"{\"do\":\"subconn\",\"address\":\"a:1\",\"state\":\"READY\",\"error\":\"x\"}",
     "subconn: error goes with TRANSIENT_FAILURE only"},
    {"{\"do\":\"subconn\",\"address\":\"a:2\",\"state\":\"READY\"}",
     "subconn: no live subconn for address \"a:2\"; live are \"a:1\""},
    {"{\"do\":\"health\",\"address\":\"\\n\",\"state\":\"READY\"}",
     "health: no live subconn for address \"\\x0a\"; live are \"a:1\""},
    {"{\"do\":\"pick\",\"n\":0}", "pick: n: expected a number from 1 to 1000000"},
    {"{\"do\":\"pick\",\"n\":1000001}", "pick: n: expected a number from 1 to 1000000"},
    {"{\"do\":\"pick\",\"n\":1.5}",
     "pick: n: expected an integer, without fraction or exponent"},
    {"{\"do\":\"pick\",\"method\":1}", "pick: method: expected a string, found a number"},
    {"{\"do\":\"pick\",\"metadata\":{\"a\":1}}",
     "pick: metadata: expected text under: \"a\""},
    {"{\"do\":\"pick\",\"metadata\":{\"a b\":\"\"}}",
     "pick: metadata: not fit for a call, key or value (that of a key in -bin is "
     "base64): \"a b\""},
    {"{\"do\":\"pick\",\"metadata\":{\"a-bin\":\"!\"}}",
     "pick: metadata: not fit for a call, key or value (that of a key in -bin is "
     "base64): \"a-bin\""},
    {"{\"do\":\"pick\",\"hash\":7}", "pick: hash: expected a string, found a number"},
    {"{\"do\":\"pick\",\"hash\":\"18446744073709551616\"}",
     "pick: hash: expected a string with a number of 64 bits, found: "
     "\"18446744073709551616\""},
    {"{\"do\":\"pick\",\"done\":\"later\"}",
     "pick: done: expected \"now\" or \"hold\", found: \"later\""},
    {"{\"do\":\"pick\",\"done\":\"hold\",\"status\":\"OK\"}",
     "pick: status goes with the line that ends the call, not with \"done\": \"hold\""},
    {"{\"do\":\"pick\",\"status\":\"FINE\"}",
     "pick: status: there is no status code: \"FINE\""},
    {"{\"do\":\"pick\",\"status\":{\"message\":\"x\"}}",
     "pick: status.code: expected the name or number of a status code, found null"},
    {"{\"do\":\"pick\",\"status\":{\"code\":5,\"text\":\"x\"}}",
     "pick: status: the fields are code, message, there is none called: \"text\""},
    {"{\"do\":\"pick\",\"latency_ms\":-1}",
     "pick: latency_ms: expected milliseconds from 0 to 1000000000000"},
    {"{\"do\":\"oob\",\"address\":\"a:1\"}",
     "oob: load is missing (a report that says nothing is {})"},
    {"{\"do\":\"oob\",\"load\":{}}", "oob: address is missing"},
    {"{\"do\":\"oob\",\"address\":\"a:1\",\"load\":{\"eps\":\"many\"}}",
     "oob: load.eps: expected a number, found a string"},
    {"{\"do\":\"done\"}", "done: id is missing"},
    {"{\"do\":\"done\",\"id\":0}",
     "done: no call is open under id 0: ids are those of picks with \"done\": \"hold\" "
     "that were completed"},
    {"{\"do\":\"done\",\"id\":-1}",
     "done: no call is open under id -1: ids are those of picks with \"done\": \"hold\" "
     "that were completed"},
    {"{\"do\":\"advance\"}", "advance: ms is missing"},
    {"{\"do\":\"advance\",\"ms\":\"1\"}",
     "advance: ms: expected a number, found a string"},
    {"{\"do\":\"advance\",\"ms\":-0.001}",
     "advance: ms: expected milliseconds from 0 to 1000000000000"},
};

/* Each says what is wrong, and where; nothing of it is done, and the script may go on. */
TEST(wrong_lines_are_explained_and_change_nothing)
{
    struct script script;
    struct grebe_diag diag;
    size_t before;

    assert_true(start(&script, 0));
    assert_int_equal(line(&script, UPDATE, &diag), GREBE_OK);
    before = script.length;
    for (size_t i = 0; i < GREBE_ARRAY_LEN(wrong); i++) {
        diag.text[0] = '\0';
        assert_int_equal(line(&script, wrong[i].text, &diag), GREBE_ERR_CONFIG);
        assert_string_equal(diag.text, wrong[i].flaw);
    }
    assert_int_equal(script.length, before);
    assert_int_equal(line(&script, "{\"do\":\"pick\"}", &diag), GREBE_OK);
    assert_true(script.length > before);
    finish(&script);
}

TEST(after_close_only_calls_and_time_go_on)
{
    static const char *const over[] = {
        UPDATE,
        "{\"do\":\"resolver_error\",\"error\":\"x\"}",
        "{\"do\":\"subconn\",\"address\":\"a:1\",\"state\":\"READY\"}",
        "{\"do\":\"pick\"}",
        "{\"do\":\"exit_idle\"}",
        "{\"do\":\"close\"}",
    };
    struct script script;
    struct grebe_diag diag;

    assert_true(start(&script, 0));
    assert_int_equal(line(&script, UPDATE, &diag), GREBE_OK);
    assert_int_equal(line(&script, "", &diag), GREBE_OK);
    assert_int_equal(line(&script, "{\"do\":\"close\"}", &diag), GREBE_OK);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(over); i++) {
        assert_int_equal(line(&script, over[i], &diag), GREBE_ERR_CONFIG);
        assert_non_null(strstr(diag.text, ": the policy was closed on line 3"));
    }
    assert_int_equal(line(&script, "{\"do\":\"advance\",\"ms\":1}", &diag), GREBE_OK);
    finish(&script);
}

TEST(what_is_live_is_listed_but_not_all_of_it)
{
    struct script script;
    struct grebe_diag diag;

    assert_true(start(&script, 0));
    assert_int_equal(line(&script,
                          "{\"do\":\"subconn\",\"address\":\"x\",\"state\":\"READY\"}",
                          &diag),
                     GREBE_ERR_CONFIG);
    assert_string_equal(diag.text,
                        "subconn: no live subconn for address \"x\"; there are none");
    assert_int_equal(
        line(&script,
             "{\"do\":\"update\",\"config\":[{\"round_robin\":{}}],\"endpoints\":["
             "{\"addresses\":[\"a\"]},{\"addresses\":[\"b\"]},{\"addresses\":[\"c\"]},"
             "{\"addresses\":[\"d\"]},{\"addresses\":[\"e\"]},{\"addresses\":[\"f\"]}]}",
             &diag),
        GREBE_OK);
    assert_int_equal(line(&script,
                          "{\"do\":\"subconn\",\"address\":\"x\",\"state\":\"READY\"}",
                          &diag),
                     GREBE_ERR_CONFIG);
    assert_non_null(strstr(diag.text, " and 1 more"));
    finish(&script);
}

TEST(limits_are_errors_with_a_number)
{
    struct script script;
    struct grebe_diag diag;
    char *text = malloc(LAB_LINE_MAX + 2);

    assert_non_null(text);
    memset(text, ' ', LAB_LINE_MAX + 1);
    text[LAB_LINE_MAX] = '1';
    text[LAB_LINE_MAX + 1] = '\0';
    assert_true(start(&script, 0));
    assert_int_equal(line(&script, text, &diag), GREBE_ERR_CONFIG);
    assert_string_equal(diag.text, "the line has more than 4194304 bytes");
    snprintf(text, LAB_LINE_MAX,
             "{\"do\":\"update\",\"endpoints\":[{\"addresses\":[\"a\"");
    for (int i = 0; i < 100; i++)
        strcat(text, ",\"b\"");
    strcat(text, "]}]}");
    assert_int_equal(line(&script, text, &diag), GREBE_ERR_CONFIG);
    assert_string_equal(
        diag.text, "update: endpoints[0].addresses: 101 are too many, 100 are allowed");
    assert_int_equal(line(&script, "{\"do\":\"advance\",\"ms\":1e12}", &diag), GREBE_OK);
    assert_int_equal(line(&script, "{\"do\":\"advance\",\"ms\":0.001}", &diag),
                     GREBE_ERR_CONFIG);
    assert_string_equal(diag.text, "advance: ms: expected milliseconds from 0 to 0");
    finish(&script);
    free(text);
}

TEST(an_empty_script_is_silent)
{
    struct script script;
    uint32_t n_violations = 7;

    assert_true(start(&script, 0));
    assert_int_equal(lab_session_end(script.session, &n_violations), GREBE_OK);
    assert_int_equal(n_violations, 0);
    assert_string_equal(script.out, "");
    finish(&script);
}

TEST(a_script_that_is_given_up_ends_in_silence)
{
    struct script script;
    struct grebe_diag diag;

    assert_true(start(&script, 0));
    assert_int_equal(line(&script, UPDATE, &diag), GREBE_OK);
    lab_session_destroy(script.session);
    script.session = NULL;
    assert_null(strstr(script.out, "close"));
    finish(&script);
}

TEST(a_stop_ends_the_line_that_is_at_work)
{
    struct script script;
    struct grebe_diag diag;

    assert_true(start(&script, 0));
    assert_int_equal(line(&script, UPDATE, &diag), GREBE_OK);
    lab_session_stop(script.session);
    assert_int_equal(line(&script, "{\"do\":\"advance\",\"ms\":1000}", &diag), GREBE_OK);
    assert_true(lab_session_is_stopped(script.session));
    finish(&script);
}

/* ---- Random scripts --------------------------------------------------------------------- */

static uint32_t next(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*random >> 33);
}

enum { N_ADDRESSES = 6 };

static void random_update(uint64_t *random, char *out, size_t size)
{
    static const char *const configs[] = {
        "[{\"round_robin\":{}}]",
        "[{\"pick_first\":{}}]",
        "[{\"pick_first\":{\"shuffleAddressList\":true}}]",
        "[{\"nope\":{}}]",
        "null",
    };
    size_t used = (size_t)snprintf(out, size, "{\"do\":\"update\",\"endpoints\":[");
    uint32_t n = next(random) % 5;

    for (uint32_t i = 0; i < n; i++)
        used += (size_t)snprintf(out + used, size - used,
                                 "%s{\"addresses\":[\"10.0.0.%u:80\",\"[::%u]:80\"],"
                                 "\"weight\":%u}",
                                 i > 0 ? "," : "", next(random) % N_ADDRESSES,
                                 next(random) % 2, next(random) % 4);
    snprintf(out + used, size - used, "],\"config\":%s}", configs[next(random) % 5]);
}

static void random_line(uint64_t *random, char *out, size_t size)
{
    static const char *const states[] = {"IDLE", "CONNECTING", "READY",
                                         "TRANSIENT_FAILURE"};
    uint32_t what = next(random) % 100;

    if (what < 10)
        random_update(random, out, size);
    else if (what < 55)
        snprintf(out, size,
                 "{\"do\":\"%s\",\"address\":\"10.0.0.%u:80\",\"state\":\"%s\"}",
                 what < 50 ? "subconn" : "health", next(random) % N_ADDRESSES,
                 states[next(random) % 4]);
    else if (what < 70)
        snprintf(out, size, "{\"do\":\"pick\",\"n\":%u,\"done\":\"%s\"}",
                 1 + next(random) % 4, next(random) % 2 ? "now" : "hold");
    else if (what < 75)
        snprintf(out, size, "{\"do\":\"done\",\"id\":%u}", next(random) % 50);
    else if (what < 90)
        snprintf(out, size, "{\"do\":\"advance\",\"ms\":%u.%u}", next(random) % 400,
                 next(random) % 1000);
    else if (what < 95)
        snprintf(out, size, "{\"do\":\"exit_idle\"}");
    else
        snprintf(out, size, "{\"do\":\"resolver_error\",\"error\":\"e%u\"}",
                 next(random) % 10);
}

/* Lines that do not fit the moment, as for a subconn that is not there, are refused and
 * passed over.  False: out of memory. */
static bool run_random(struct script *script, uint64_t seed, int n_lines)
{
    uint64_t random = seed;
    char text[1024];

    snprintf(text, sizeof text, "{\"do\":\"start\",\"seed\":%u,\"health_checks\":%s}",
             next(&random), next(&random) % 2 ? "true" : "false");
    for (int i = 0; i <= n_lines; i++) {
        struct grebe_diag diag;
        int result = line(script, text, &diag);

        if (result == GREBE_ERR_NOMEM)
            return false;
        random_line(&random, text, sizeof text);
    }
    return lab_session_end(script->session, &script->n_violations) == GREBE_OK;
}

TEST(the_same_script_gives_the_same_bytes)
{
    size_t n_bytes = 0;

    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct script one, two;

        assert_true(start(&one, 0));
        assert_true(run_random(&one, seed, 300));
        assert_true(start(&two, 0));
        assert_true(run_random(&two, seed, 300));
        assert_string_equal(one.out, two.out);
        assert_null(strstr(one.out, "violation"));
        n_bytes += one.length;
        finish(&one);
        finish(&two);
    }
    assert_true(n_bytes > 200000); /* something has happened */
}

/* What a policy may do that has no memory for a new picker: its last one stays
 * (docs/decisions/0005), and what it chose may be gone. */
static uint32_t n_excused(const char *out)
{
    uint32_t n = 0;

    while ((out = strstr(out, "\"rule\":\"pick_of_shut_down_subconn\"")) != NULL) {
        out++;
        n++;
    }
    return n;
}

TEST(each_allocation_failing_is_survived_and_no_contract_is_broken)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        uint32_t fail_at = 0;
        bool has_failed;

        do {
            struct script script;
            uint32_t n_violations = 0;

            if (start(&script, ++fail_at) && run_random(&script, seed, 120))
                n_violations = script.n_violations;
            has_failed = script.mem.has_failed;
            assert_int_equal(n_violations, n_excused(script.out));
            finish(&script);
        } while (has_failed);
        assert_true(fail_at > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_lines_are_explained_and_change_nothing),
        cmocka_unit_test(after_close_only_calls_and_time_go_on),
        cmocka_unit_test(what_is_live_is_listed_but_not_all_of_it),
        cmocka_unit_test(limits_are_errors_with_a_number),
        cmocka_unit_test(an_empty_script_is_silent),
        cmocka_unit_test(a_script_that_is_given_up_ends_in_silence),
        cmocka_unit_test(a_stop_ends_the_line_that_is_at_work),
        cmocka_unit_test(the_same_script_gives_the_same_bytes),
        cmocka_unit_test(each_allocation_failing_is_survived_and_no_contract_is_broken),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
