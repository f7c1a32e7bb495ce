/* SPDX-License-Identifier: Apache-2.0 */
/* Which service config is for a client, and which lists make no sense. */
#include "support/test.h"

#include <grebe/error.h>

#include "base/assert.h"
#include "resolver/config_choice.h"
#include "support/mem.h"

/* Config N of a list: N in its health service, so that it is told from the others. */
#define CONFIG(n) "\"serviceConfig\":{\"healthCheckConfig\":{\"serviceName\":\"" #n "\"}}"

static const struct grebe__client_traits host_a = {.host_name = "host-a", .luck = 1};

/* "" for none.  The result is static. */
static const char *choose_for(const char *list, const struct grebe__client_traits *client)
{
    static char chosen[1024];
    struct grebe_diag diag = {""};
    char *text;

    if (grebe__config_choose(NULL, list, strlen(list), client, &diag, &text) != GREBE_OK)
        fail_msg("%s: %s", list, diag.text);
    snprintf(chosen, sizeof chosen, "%s", text == NULL ? "" : text);
    grebe_mem_free(NULL, text);
    return chosen;
}

/* ---- Criteria ----------------------------------------------------------------------- */

static const struct {
    const char *criteria; /* of an entry, with a comma behind */
    bool matches;
} criteria[] = {
    {"", true},
    {"\"clientLanguage\":[],", true},
    {"\"clientLanguage\":null,", true},
    {"\"clientLanguage\":[\"c\"],", true},
    {"\"clientLanguage\":[\"C\"],", true},
    {"\"clientLanguage\":[\"Grebe\"],", true},
    {"\"clientLanguage\":[\"go\",\"java\",\"grebe\"],", true},
    {"\"clientLanguage\":[\"go\"],", false},
    {"\"clientLanguage\":[\"c++\"],", false},
    {"\"clientLanguage\":[\"\"],", false},
    {"\"client_language\":[\"go\"],", false},
    {"\"percentage\":0,", false},
    {"\"percentage\":100,", true},
    {"\"percentage\":null,", true},
    {"\"clientHostname\":[\"host-b\",\"host-a\"],", true},
    {"\"clientHostName\":[\"host-a\"],", true},
    {"\"clientHostname\":[\"HOST-A\"],", false},
    {"\"clientHostname\":[\"host\"],", false},
    {"\"clientHostname\":[],", true},
    {"\"clientLanguage\":[\"c\"],\"percentage\":100,\"clientHostname\":[\"host-a\"],",
     true},
    {"\"clientLanguage\":[\"c\"],\"percentage\":100,\"clientHostname\":[\"host-b\"],",
     false},
    {"\"clientLanguage\":[\"c\"],\"percentage\":0,\"clientHostname\":[\"host-a\"],",
     false},
    {"\"clientLanguage\":[\"go\"],\"percentage\":100,\"clientHostname\":[\"host-a\"],",
     false},
    {"\"somethingNew\":[1,2,3],", true},
};

TEST(entry_matches_if_all_of_its_criteria_do)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(criteria); i++) {
        char list[256];
        const char *chosen;

        snprintf(list, sizeof list, "[{%s" CONFIG(1) "}]", criteria[i].criteria);
        chosen = choose_for(list, &host_a);
        if ((chosen[0] != '\0') != criteria[i].matches)
            fail_msg("%s chooses \"%s\"", list, chosen);
    }
}

TEST(first_entry_that_matches_wins)
{
    assert_string_equal(
        choose_for("[{\"clientLanguage\":[\"go\"]," CONFIG(
                       1) "},"
                          "{\"percentage\":0," CONFIG(
                              2) "},"
                                 "{\"clientHostname\":[\"x\"]," CONFIG(
                                     3) "},"
                                        "{\"percentage\":100}," /* has no config */
                                        "{" CONFIG(4) "},"
                                                      "{" CONFIG(5) "}]",
                   &host_a),
        "{\"healthCheckConfig\":{\"serviceName\":\"4\"}}");
}

TEST(no_entry_may_match)
{
    assert_string_equal(choose_for("[]", &host_a), "");
    assert_string_equal(choose_for("[{\"percentage\":0," CONFIG(1) "}]", &host_a), "");
}

/* Numbers, escapes and order of what is handed on are those of the list. */
TEST(config_arrives_as_it_was_written)
{
    static const char config[] =
        "{\"loadBalancingConfig\":[{\"x\":{\"b\":1,\"a\":-2.5,\"c\":[true,null,\"\\\"\\n"
        "\\u00e9\"]}}],\"empty\":{}}";
    char list[256];

    snprintf(list, sizeof list, "[ { \"serviceConfig\" : %s } ]", config);
    assert_string_equal(choose_for(list, &host_a),
                        "{\"loadBalancingConfig\":[{\"x\":{\"b\":1,\"a\":-2.5,\"c\":"
                        "[true,null,\"\\\"\\n\xc3\xa9\"]}}],\"empty\":{}}");
}

/* ---- Percentage ---------------------------------------------------------------------- */

static bool is_in(unsigned percentage, uint64_t luck)
{
    struct grebe__client_traits client = {.host_name = "", .luck = luck};
    char list[128];

    snprintf(list, sizeof list, "[{\"percentage\":%u," CONFIG(1) "}]", percentage);
    return choose_for(list, &client)[0] != '\0';
}

/* 4000 clients, 4 sigma. */
TEST(percentage_is_a_share_of_clients)
{
    static const struct {
        unsigned percentage, least, most;
    } shares[] = {
        {0, 0, 0},        {1, 15, 65},      {25, 891, 1109},
        {50, 1874, 2126}, {99, 3935, 3985}, {100, 4000, 4000},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(shares); i++) {
        unsigned n = 0;

        for (uint64_t luck = 0; luck < 4000; luck++)
            n += is_in(shares[i].percentage, luck);
        assert_in_range(n, shares[i].least, shares[i].most);
    }
}

TEST(client_stays_where_it_is_and_no_rollout_throws_it_out)
{
    for (uint64_t luck = 0; luck < 100; luck++) {
        bool was_in = false;

        for (unsigned percentage = 0; percentage <= 100; percentage++) {
            bool is = is_in(percentage, luck);

            assert_int_equal(is_in(percentage, luck), is);
            assert_true(is || !was_in);
            was_in = is;
        }
    }
}

/* Two halves one after the other leave a quarter for the third, not nothing. */
TEST(entries_draw_for_themselves)
{
    unsigned n[4] = {0};

    for (uint64_t luck = 0; luck < 4000; luck++) {
        struct grebe__client_traits client = {.host_name = "", .luck = luck};
        const char *chosen =
            choose_for("[{\"percentage\":50," CONFIG(1) "},"
                                                        "{\"percentage\":50," CONFIG(
                                                            2) "},"
                                                               "{" CONFIG(3) "}]",
                       &client);

        n[strrchr(chosen, '}')[-3] - '0']++;
    }
    assert_in_range(n[1], 1874, 2126);
    assert_in_range(n[2], 891, 1109);
    assert_in_range(n[3], 891, 1109);
}

/* ---- Lists that make no sense ---------------------------------------------------------- */

static const struct {
    const char *list;
    const char *why;
} refused[] = {
    {"", "line 1 column 0: unexpected token"},
    {"{}", "expected a list of objects"},
    {"null", "expected a list of objects"},
    {"[1]", "[0]: expected an object"},
    {"[{}", "line 1 column 3: ']' expected"},
    {"[{},{\"percentage\":101}]", "[1].percentage: 101 is more than 100"},
    {"[{\"percentage\":-1}]", "[0].percentage: -1 is not between 0 and 4294967295"},
    {"[{\"percentage\":\"5\"}]", "[0].percentage: expected an integer, found a string"},
    {"[{\"percentage\":1.5}]",
     "[0].percentage: expected an integer, without fraction or exponent"},
    {"[{\"clientLanguage\":\"c\"}]",
     "[0].clientLanguage: expected a list, found a string"},
    {"[{\"clientLanguage\":[1]}]", "[0].clientLanguage[0]: expected a string"},
    {"[{\"clientHostname\":[\"a\",{}]}]", "[0].clientHostname[1]: expected a string"},
    {"[{\"serviceConfig\":[]}]", "[0].serviceConfig: expected an object, found a list"},
    /* even behind an entry that matches */
    {"[{" CONFIG(1) "},{\"percentage\":101}]", "[1].percentage: 101 is more than 100"},
};

TEST(list_that_makes_no_sense_says_where)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++) {
        const char *list = refused[i].list;
        struct grebe_diag diag = {""};
        char *text = NULL;

        assert_int_equal(
            grebe__config_choose(NULL, list, strlen(list), &host_a, &diag, &text),
            GREBE_ERR_CONFIG);
        assert_null(text);
        assert_string_equal(diag.text, refused[i].why);
    }
}

TEST(text_beyond_the_limit_is_refused)
{
    static char list[70000];
    struct grebe_diag diag = {""};
    char *text = NULL;

    memset(list, ' ', sizeof list - 1);
    assert_int_equal(
        grebe__config_choose(NULL, list, sizeof list - 1, &host_a, &diag, &text),
        GREBE_ERR_CONFIG);
    assert_string_equal(diag.text, "the text has 69999 bytes, 65536 are allowed");
}

TEST(out_of_memory_is_told)
{
    static const char list[] = "[{" CONFIG(1) "}]";
    struct test_mem mem;
    struct grebe_diag diag = {""};
    char *text = NULL;

    test_mem_init(&mem);
    mem.fail_at = 1;
    assert_int_equal(
        grebe__config_choose(&mem.interface, list, strlen(list), &host_a, &diag, &text),
        GREBE_ERR_NOMEM);
    assert_null(text);
    assert_int_equal(mem.n_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_matches_if_all_of_its_criteria_do),
        cmocka_unit_test(first_entry_that_matches_wins),
        cmocka_unit_test(no_entry_may_match),
        cmocka_unit_test(config_arrives_as_it_was_written),
        cmocka_unit_test(percentage_is_a_share_of_clients),
        cmocka_unit_test(client_stays_where_it_is_and_no_rollout_throws_it_out),
        cmocka_unit_test(entries_draw_for_themselves),
        cmocka_unit_test(list_that_makes_no_sense_says_where),
        cmocka_unit_test(text_beyond_the_limit_is_refused),
        cmocka_unit_test(out_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("config_choice", tests, NULL, NULL);
}
