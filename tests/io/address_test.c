/* SPDX-License-Identifier: Apache-2.0 */
/* What connect() gets for the text of an address. */
#include "support/test.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/address.h"

/* "inet 10.0.0.1 443", "inet6 ::1%1 443", "unix /run/x", "unix @x", "name host 443" */
static const char *describe(const struct grebe__destination *destination)
{
    static char text[400];
    const struct grebe__socket_address *socket = &destination->socket;
    char ip[INET6_ADDRSTRLEN];

    if (destination->is_name) {
        snprintf(text, sizeof text, "name %s %u", destination->host, destination->port);
    } else if (socket->as.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &socket->as.v4.sin_addr, ip, sizeof ip);
        snprintf(text, sizeof text, "inet %s %u", ip, ntohs(socket->as.v4.sin_port));
    } else if (socket->as.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &socket->as.v6.sin6_addr, ip, sizeof ip);
        snprintf(text, sizeof text, "inet6 %s%%%u %u", ip, socket->as.v6.sin6_scope_id,
                 ntohs(socket->as.v6.sin6_port));
    } else {
        size_t length = socket->length - offsetof(struct sockaddr_un, sun_path);
        bool is_abstract = socket->as.local.sun_path[0] == '\0';

        /* A path counts its NUL, an abstract name has one in front and none behind. */
        snprintf(text, sizeof text, "unix %s%.*s", is_abstract ? "@" : "",
                 (int)length - 1, socket->as.local.sun_path + (is_abstract ? 1 : 0));
    }
    return text;
}

static const struct {
    const char *text, *result;
    bool is_local;
} good[] = {
    {"10.0.0.1:443", "inet 10.0.0.1 443", false},
    {"[::1]:1", "inet6 ::1%0 1", false},
    {"[fe80::1%7]:65535", "inet6 fe80::1%7 65535", false},
    {"[fe80::1%lo]:80", "inet6 fe80::1%1 80", false},
    {"[::ffff:10.0.0.1]:80", "inet6 ::ffff:10.0.0.1%0 80", false},
    {"localhost:443", "name localhost 443", false},
    {"a.b.example:80", "name a.b.example 80", false},
    {"1.2.3:80", "name 1.2.3 80", false},
    {"10.0.0.01:80", "name 10.0.0.01 80", false},
    {"unix:/run/x", "unix /run/x", false},
    {"unix:run/x", "unix run/x", false},
    {"unix:///run/x", "unix /run/x", false},
    {"unix-abstract:x y", "unix @x y", false},
    {"/run/x", "unix /run/x", true},
    {"x:80", "unix x:80", true},
    {"@x", "unix @x", true},
    {"@@", "unix @@", true},
    {"unix:/run/x", "unix /run/x", true},
};

TEST(texts_become_socket_addresses_or_names)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(good); i++) {
        struct grebe__destination destination;

        assert_null(
            grebe__destination_parse(good[i].text, good[i].is_local, &destination));
        assert_string_equal(describe(&destination), good[i].result);
    }
}

static const struct {
    const char *text, *error;
    bool is_local;
} bad[] = {
    {"", "the port is missing", false},
    {"localhost", "the port is missing", false},
    {"10.0.0.1", "the port is missing", false},
    {"localhost:", "the port is missing", false},
    {"[::1]", "the port is missing", false},
    {"[::1]:", "the port is missing", false},
    {":80", "the host is empty", false},
    {"[]:80", "the host is empty", false},
    {"::1:80", "an IPv6 address needs brackets: [address]:port", false},
    {"[localhost]:80", "not an IPv6 address in the brackets", false},
    {"[::1%nosuchzone]:80", "not an IPv6 address in the brackets", false},
    {"[fe80::1%4294967296]:80", "not an IPv6 address in the brackets", false},
    {"a:0", "the port is not a number from 1 to 65535", false},
    {"a:65536", "the port is not a number from 1 to 65535", false},
    {"a:18446744073709551617", "the port is not a number from 1 to 65535", false},
    {"a:80x", "the port is not a number from 1 to 65535", false},
    {"a:-1", "the port is not the name of a service", false},
    {"a:no-such-service", "the port is not the name of a service", false},
    {"unix:", "the socket path is empty", false},
    {"", "the socket path is empty", true},
    {"@", "the abstract socket name is empty", true},
    {"unix-abstract:", "the abstract socket name is empty", false},
};

TEST(nonsense_is_refused_with_its_reason)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(bad); i++) {
        struct grebe__destination destination;
        const char *error =
            grebe__destination_parse(bad[i].text, bad[i].is_local, &destination);

        assert_non_null(error);
        assert_string_equal(error, bad[i].error);
    }
}

/* sun_path has 108 bytes: 107 and a NUL, or a NUL and 107. */
TEST(socket_paths_have_107_bytes_at_most)
{
    char text[1 + 108 + 1];
    struct grebe__destination destination;

    memset(text, 'x', sizeof text);
    text[0] = '@';
    text[1 + 107] = '\0';
    assert_null(grebe__destination_parse(text, true, &destination));
    assert_int_equal(destination.socket.length,
                     offsetof(struct sockaddr_un, sun_path) + 108);
    assert_null(grebe__destination_parse(text + 1, true, &destination));
    text[1 + 107] = 'x';
    text[1 + 108] = '\0';
    assert_string_equal(grebe__destination_parse(text, true, &destination),
                        "the abstract socket name is longer than 107 bytes");
    assert_string_equal(grebe__destination_parse(text + 1, true, &destination),
                        "the socket path is longer than 107 bytes");
}

TEST(hosts_have_255_bytes_at_most)
{
    char text[256 + 4];
    struct grebe__destination destination;

    memset(text, 'a', sizeof text);
    memcpy(text + 255, ":80", 4);
    assert_null(grebe__destination_parse(text, false, &destination));
    assert_int_equal(strlen(destination.host), 255);
    memcpy(text + 255, "a:80", 5);
    assert_string_equal(grebe__destination_parse(text, false, &destination),
                        "the host is longer than 255 bytes");
}

TEST(a_port_may_be_a_services_name)
{
    struct grebe__destination destination;

    if (access("/etc/services", R_OK) != 0) {
        print_message("skipped: no /etc/services here\n");
        skip();
    }
    assert_null(grebe__destination_parse("10.0.0.1:https", false, &destination));
    assert_string_equal(describe(&destination), "inet 10.0.0.1 443");
}

/* ---- For people --------------------------------------------------------------------- */

static const struct {
    const char *text, *shown;
    uint8_t n_ip;
    uint16_t port;
    bool is_unix;
} shown[] = {
    {"10.0.0.1:443", "10.0.0.1:443", 4, 443, false},
    {"[fe80::1%lo]:80", "[fe80::1]:80", 16, 80, false},
    {"[::]:65535", "[::]:65535", 16, 65535, false},
    {"unix:/run/x", "unix:/run/x", 0, 0, true},
    {"unix-abstract:x y", "unix-abstract:x y", 0, 0, true},
};

TEST(a_socket_address_has_a_text)
{
    struct grebe__destination destination;
    struct grebe__socket_end end;
    char text[GREBE__ADDRESS_TEXT];

    for (size_t i = 0; i < GREBE_ARRAY_LEN(shown); i++) {
        assert_null(grebe__destination_parse(shown[i].text, false, &destination));
        grebe__socket_address_show(&destination.socket, text, &end);
        assert_ptr_equal(end.text, text);
        assert_string_equal(text, shown[i].shown);
        assert_int_equal(end.n_ip, shown[i].n_ip);
        assert_int_equal(end.port, shown[i].port);
        assert_int_equal(end.is_unix, shown[i].is_unix);
    }
}

TEST(the_longest_path_has_a_text)
{
    struct grebe__destination destination;
    struct grebe__socket_end end;
    char path[5 + 107 + 1] = "unix:", text[GREBE__ADDRESS_TEXT];

    memset(path + 5, 'x', 107);
    assert_null(grebe__destination_parse(path, false, &destination));
    grebe__socket_address_show(&destination.socket, text, &end);
    assert_string_equal(text, path);
}

/* As a client's end is, which nobody has given a name. */
TEST(a_socket_without_a_name_has_no_text)
{
    struct grebe__socket_address nameless = {.length = sizeof(sa_family_t)};
    struct grebe__socket_end end;
    char text[GREBE__ADDRESS_TEXT];

    nameless.as.any.sa_family = AF_UNIX;
    grebe__socket_address_show(&nameless, text, &end);
    assert_string_equal(text, "");
    grebe__socket_address_show(&(struct grebe__socket_address){.length = 0}, text, &end);
    assert_string_equal(text, "");
    assert_int_equal(end.n_ip, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_socket_addresses_or_names),
        cmocka_unit_test(nonsense_is_refused_with_its_reason),
        cmocka_unit_test(socket_paths_have_107_bytes_at_most),
        cmocka_unit_test(hosts_have_255_bytes_at_most),
        cmocka_unit_test(a_port_may_be_a_services_name),
        cmocka_unit_test(a_socket_address_has_a_text),
        cmocka_unit_test(the_longest_path_has_a_text),
        cmocka_unit_test(a_socket_without_a_name_has_no_text),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
