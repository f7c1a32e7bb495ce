/* SPDX-License-Identifier: Apache-2.0 */
/* Option structs of programs that were compiled with another version of the headers. */
#include "support/test.h"

#include <stddef.h>

#include <grebe/endpoint.h>
#include <grebe/error.h>

#include "base/options.h"

struct options {
    size_t struct_size;
    int first, second;
};

struct newer_options {
    struct options known;
    int third;
};

TEST(what_an_older_program_does_not_know_keeps_its_default)
{
    struct options to = {sizeof to, 1, 2};
    const struct options from = {offsetof(struct options, second), 10, 20};

    grebe__options_read(&to, sizeof to, &from);
    assert_int_equal(to.first, 10);
    assert_int_equal(to.second, 2);
    assert_int_equal(to.struct_size, sizeof to);
}

TEST(what_a_newer_program_knows_is_not_looked_at)
{
    struct newer_options to = {{sizeof to.known, 1, 2}, 3};
    const struct newer_options from = {{sizeof from, 10, 20}, 30};

    grebe__options_read(&to, sizeof to.known, &from);
    assert_int_equal(to.known.first, 10);
    assert_int_equal(to.known.second, 20);
    assert_int_equal(to.third, 3);
    assert_int_equal(to.known.struct_size, sizeof to.known);
}

TEST(an_address_of_an_older_program_has_no_name)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address;

    options.struct_size = offsetof(struct grebe_address_options, server_name);
    options.server_name = "what this is nobody knows";
    assert_int_equal(grebe_address_new(NULL, "a:1", &options, &address), GREBE_OK);
    assert_null(grebe_address_server_name(address));
    grebe_address_unref(address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_older_program_does_not_know_keeps_its_default),
        cmocka_unit_test(what_a_newer_program_knows_is_not_looked_at),
        cmocka_unit_test(an_address_of_an_older_program_has_no_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
