/* SPDX-License-Identifier: Apache-2.0 */
/* Every test leaves the registry as it found it: the built-ins, folding, no log. */
#include "support/test.h"

#include <pthread.h>

#include <grebe/balancer.h>
#include <grebe/registry.h>
#include <grebe/resolver.h>

#include "balancer/round_robin.h"
#include "base/assert.h"
#include "registry/registry.h"
#include "resolver/dns.h"

/* ---- Builders that exist only to be named ------------------------------------------ */

static int build_balancer(struct grebe_client_conn *cc,
                          const struct grebe_build_options *options,
                          struct grebe_balancer **out)
{
    (void)cc, (void)options, (void)out;
    return GREBE_ERR_UNSUPPORTED;
}

static int build_resolver(const struct grebe_target *target,
                          struct grebe_resolver_conn *conn,
                          const struct grebe_resolver_options *options,
                          struct grebe_diag *diag, struct grebe_resolver **out)
{
    (void)target, (void)conn, (void)options, (void)diag, (void)out;
    return GREBE_ERR_UNSUPPORTED;
}

#define BALANCER(builder_name)                                                           \
    {                                                                                    \
        .api = GREBE_BALANCER_API, .name = (builder_name), .build = build_balancer       \
    }
#define RESOLVER(its_scheme)                                                             \
    {                                                                                    \
        .api = GREBE_RESOLVER_API, .scheme = (its_scheme), .build = build_resolver       \
    }

static void add(const struct grebe_balancer_builder *builder)
{
    assert_int_equal(grebe_balancer_register(builder), GREBE_OK);
}

static char warning[512];
static unsigned n_warnings;

static void on_warning(void *arg, enum grebe_log_level level, const char *message)
{
    assert_ptr_equal(arg, &n_warnings);
    assert_int_equal(level, GREBE_LOG_WARNING);
    snprintf(warning, sizeof warning, "%s", message);
    n_warnings++;
}

static int set_up(void **state)
{
    (void)state;
    n_warnings = 0;
    grebe_registry_set_log(on_warning, &n_warnings);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    grebe_registry_set_case_sensitive(false);
    grebe_registry_set_log(NULL, NULL);
    return 0;
}

/* ---- Balancers --------------------------------------------------------------------- */

/* REG-1 */
TEST(unknown_name_is_null)
{
    assert_null(grebe_balancer_get("nope"));
    assert_null(grebe_balancer_get(""));
    assert_null(grebe_resolver_get("nope"));
}

TEST(built_ins_are_there_without_a_call)
{
    static const char *const balancers[] = {"pick_first", "round_robin"};
    static const char *const resolvers[] = {"dns",           "passthrough", "unix",
                                            "unix-abstract", "ipv4",        "ipv6"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(balancers); i++)
        assert_string_equal(grebe_balancer_get(balancers[i])->name, balancers[i]);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(resolvers); i++)
        assert_string_equal(grebe_resolver_get(resolvers[i])->scheme, resolvers[i]);
    assert_int_equal(n_warnings, 0);
}

/* REG-3, REG-7 */
TEST(last_registration_wins)
{
    static const struct grebe_balancer_builder first = BALANCER("twice");
    static const struct grebe_balancer_builder second = BALANCER("twice");

    add(&first);
    assert_ptr_equal(grebe_balancer_get("twice"), &first);
    add(&second);
    assert_ptr_equal(grebe_balancer_get("twice"), &second);
    grebe_balancer_unregister("twice");
    assert_null(grebe_balancer_get("twice"));
    add(&first);
    assert_ptr_equal(grebe_balancer_get("twice"), &first);
    grebe_balancer_unregister("twice");
}

/* REG-2 */
TEST(prefixes_are_other_names)
{
    static const struct grebe_balancer_builder longer = BALANCER("abc");
    static const struct grebe_balancer_builder shorter = BALANCER("ab");

    add(&longer);
    assert_null(grebe_balancer_get("ab"));
    assert_null(grebe_balancer_get("abcd"));
    add(&shorter);
    assert_ptr_equal(grebe_balancer_get("abc"), &longer);
    assert_ptr_equal(grebe_balancer_get("ab"), &shorter);
    grebe_balancer_unregister("abc");
    assert_ptr_equal(grebe_balancer_get("ab"), &shorter);
    grebe_balancer_unregister("ab");
}

TEST(registration_shadows_a_built_in_until_it_is_taken_back)
{
    static const struct grebe_balancer_builder own = BALANCER("round_robin");
    static const struct grebe_resolver_builder own_dns = RESOLVER("dns");

    add(&own);
    assert_ptr_equal(grebe_balancer_get("round_robin"), &own);
    grebe_balancer_unregister("round_robin");
    assert_ptr_equal(grebe_balancer_get("round_robin"), &grebe__round_robin);
    grebe_balancer_unregister("round_robin");
    assert_ptr_equal(grebe_balancer_get("round_robin"), &grebe__round_robin);

    assert_int_equal(grebe_resolver_register(&own_dns), GREBE_OK);
    assert_ptr_equal(grebe_resolver_get("dns"), &own_dns);
    grebe_resolver_unregister("dns");
    assert_ptr_equal(grebe_resolver_get("dns"), &grebe__dns_resolver);
}

/* REG-4, REG-5 */
TEST(names_fold_with_one_warning_a_call)
{
    static const struct grebe_balancer_builder mixed = BALANCER("MixedCase");

    add(&mixed);
    assert_int_equal(n_warnings, 1);
    assert_string_equal(
        warning, "balancer registered with name \"MixedCase\", folded to \"mixedcase\"");
    assert_ptr_equal(grebe_balancer_get("mixedcase"), &mixed);
    assert_int_equal(n_warnings, 1);
    assert_ptr_equal(grebe_balancer_get("MIXEDCASE"), &mixed);
    assert_int_equal(n_warnings, 2);
    assert_string_equal(
        warning, "balancer retrieved for name \"MIXEDCASE\", folded to \"mixedcase\"");
    assert_null(grebe_balancer_get("UNKNOWN"));
    assert_int_equal(n_warnings, 3);
    assert_non_null(grebe_balancer_get("ROUND_ROBIN"));
    grebe_balancer_unregister("MIXEDCase");
    assert_null(grebe_balancer_get("mixedcase"));
    assert_int_equal(n_warnings, 4);
}

/* REG-6 */
TEST(strict_mode_takes_names_as_they_are)
{
    static const struct grebe_balancer_builder mixed = BALANCER("MixedCase");

    grebe_registry_set_case_sensitive(true);
    add(&mixed);
    assert_ptr_equal(grebe_balancer_get("MixedCase"), &mixed);
    assert_null(grebe_balancer_get("mixedcase"));
    assert_null(grebe_balancer_get("Round_Robin"));
    assert_non_null(grebe_balancer_get("round_robin"));
    grebe_balancer_unregister("mixedcase");
    assert_ptr_equal(grebe_balancer_get("MixedCase"), &mixed);
    grebe_balancer_unregister("MixedCase");
    assert_null(grebe_balancer_get("MixedCase"));
    assert_int_equal(n_warnings, 0);
}

TEST(warnings_show_names_escaped_and_cut)
{
    char name[2000];

    memset(name, 'A', sizeof name - 1);
    name[0] = '\n';
    name[sizeof name - 1] = '\0';
    assert_null(grebe_balancer_get(name));
    assert_int_equal(n_warnings, 1);
    assert_null(strchr(warning, '\n'));
    assert_non_null(strstr(warning, "\"\\x0aAAA"));
}

static const struct {
    struct grebe_balancer_builder builder;
    int error;
} unfit[] = {
    {{.api = GREBE_BALANCER_API + 1, .name = "x", .build = build_balancer},
     GREBE_ERR_UNSUPPORTED},
    {{.api = 0, .name = "x", .build = build_balancer}, GREBE_ERR_INVALID},
    {{.api = GREBE_BALANCER_API, .name = NULL, .build = build_balancer},
     GREBE_ERR_INVALID},
    {{.api = GREBE_BALANCER_API, .name = "", .build = build_balancer}, GREBE_ERR_INVALID},
    {{.api = GREBE_BALANCER_API, .name = "x"}, GREBE_ERR_INVALID},
};

TEST(unfit_builders_are_refused)
{
    static const struct grebe_resolver_builder newer = {
        .api = GREBE_RESOLVER_API + 1, .scheme = "x", .build = build_resolver};
    static const struct grebe_resolver_builder nameless = RESOLVER("");

    for (size_t i = 0; i < GREBE_ARRAY_LEN(unfit); i++)
        assert_int_equal(grebe_balancer_register(&unfit[i].builder), unfit[i].error);
    assert_int_equal(grebe_resolver_register(&newer), GREBE_ERR_UNSUPPORTED);
    assert_int_equal(grebe_resolver_register(&nameless), GREBE_ERR_INVALID);
    assert_null(grebe_balancer_get("x"));
    assert_null(grebe_resolver_get("x"));
}

/* ---- Resolvers --------------------------------------------------------------------- */

TEST(schemes_are_always_case_sensitive)
{
    static const struct grebe_resolver_builder mixed = RESOLVER("caseTest");
    static const struct grebe_resolver_builder lower = RESOLVER("casetest");

    assert_int_equal(grebe_resolver_register(&mixed), GREBE_OK);
    assert_null(grebe_resolver_get("casetest"));
    assert_int_equal(grebe_resolver_register(&lower), GREBE_OK);
    assert_ptr_equal(grebe_resolver_get("casetest"), &lower);
    assert_ptr_equal(grebe_resolver_get("caseTest"), &mixed);
    assert_int_equal(n_warnings, 0);
    grebe_resolver_unregister("caseTest");
    grebe_resolver_unregister("casetest");
}

TEST(default_scheme_is_set_and_taken_back)
{
    char scheme[] = "foo";
    const char *kept;

    assert_null(grebe__registry_default_scheme());
    assert_int_equal(grebe_resolver_set_default_scheme(scheme), GREBE_OK);
    scheme[0] = '!';
    kept = grebe__registry_default_scheme();
    assert_string_equal(kept, "foo");
    assert_int_equal(grebe_resolver_set_default_scheme("bar"), GREBE_OK);
    assert_string_equal(grebe__registry_default_scheme(), "bar");
    assert_string_equal(kept, "foo");
    assert_int_equal(grebe_resolver_set_default_scheme(""), GREBE_ERR_INVALID);
    assert_string_equal(grebe__registry_default_scheme(), "bar");
    assert_int_equal(grebe_resolver_set_default_scheme(NULL), GREBE_OK);
    assert_null(grebe__registry_default_scheme());
}

/* ---- Threads ----------------------------------------------------------------------- */

enum { N_THREADS = 4, N_ROUNDS = 2000 };

static const struct grebe_balancer_builder contended[] = {
    BALANCER("contended"), BALANCER("contended"), BALANCER("contended"),
    BALANCER("contended"), BALANCER("own 0"),     BALANCER("own 1"),
    BALANCER("own 2"),     BALANCER("own 3"),
};

static bool is_contended(const struct grebe_balancer_builder *builder)
{
    return builder == NULL ||
           (builder >= &contended[0] && builder < &contended[N_THREADS]);
}

struct worker {
    pthread_t thread;
    size_t i;
    const char *flaw; /* what went wrong: cmocka's checks are for the main thread */
};

static const char *register_and_look(size_t i, int round)
{
    const struct grebe_balancer_builder *own = &contended[N_THREADS + i];

    if (grebe_balancer_register(&contended[i]) != GREBE_OK ||
        grebe_balancer_register(own) != GREBE_OK)
        return "registration failed";
    if (grebe_balancer_get(own->name) != own)
        return "own registration is lost";
    if (!is_contended(grebe_balancer_get("contended")))
        return "a stranger is found";
    if (grebe_balancer_get("round_robin") != &grebe__round_robin)
        return "a built-in is lost";
    grebe_registry_set_log(on_warning, &n_warnings);
    if (grebe_resolver_set_default_scheme(i % 2 == 0 ? "dns" : "unix") != GREBE_OK)
        return "default scheme was refused";
    if (grebe__registry_default_scheme() == NULL)
        return "default scheme is lost";
    if (round % 16 == 0)
        grebe_balancer_unregister("contended");
    return NULL;
}

static void *work(void *arg)
{
    struct worker *worker = arg;

    for (int round = 0; worker->flaw == NULL && round < N_ROUNDS; round++)
        worker->flaw = register_and_look(worker->i, round);
    return NULL;
}

TEST(threads_register_and_look_up_at_the_same_time)
{
    struct worker workers[N_THREADS];

    for (size_t i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){.i = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_null(workers[i].flaw);
        grebe_balancer_unregister(contended[N_THREADS + i].name);
    }
    grebe_balancer_unregister("contended");
    assert_null(grebe_balancer_get("contended"));
    assert_int_equal(grebe_resolver_set_default_scheme(NULL), GREBE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unknown_name_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(built_ins_are_there_without_a_call, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(last_registration_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(prefixes_are_other_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            registration_shadows_a_built_in_until_it_is_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_fold_with_one_warning_a_call, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(strict_mode_takes_names_as_they_are, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(warnings_show_names_escaped_and_cut, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(unfit_builders_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(schemes_are_always_case_sensitive, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(default_scheme_is_set_and_taken_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(threads_register_and_look_up_at_the_same_time,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
