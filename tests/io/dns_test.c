/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups against a server on the loopback that answers by the first label of the name:
 *
 *   a         10.1.0.1 for 60 s and 10.1.0.2 for 30 s       A only
 *   aaaa      2001:db8::1 for 90 s                          AAAA only
 *   both      one of each
 *   only4     both, but questions for AAAA are dropped      only6     likewise for A
 *   alias     a CNAME for 20 s to a name of 60 s
 *   zero      10.1.0.4, not to be kept
 *   many      10.2.0.1 to 10.2.0.5
 *   services  SRV: 0 5 80 for "a" and 1 0 81 for "b"
 *   texts     TXT: "one", "two" in one record and "three" in another
 *   nothing   NOERROR without answers     nxdomain, servfail, refused    what they say
 *   silent    no answer at all            garbage      promises what it does not hold
 *   long      does not fit; over TCP it is never answered
 */
#include "support/test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grebe/error.h>

#include "base/assert.h"
#include "base/text.h"
#include "core/dns.h"
#include "io/dns.h"
#include "io/dns_socket.h"
#include "io/loop.h"
#include "support/mem.h"

/* ---- The server ------------------------------------------------------------------- */

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_TXT = 16, TYPE_AAAA = 28, TYPE_SRV = 33 };
enum { NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5 };

struct server {
    int fd, listener;
    char text[64]; /* "127.0.0.1:1234" */
    unsigned n_queries;
};

/* A port that is free for UDP may be taken for TCP. */
static bool try_server(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;

    *server = (struct server){
        .fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0),
        .listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0),
    };
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof address), 0);
    getsockname(server->fd, (struct sockaddr *)&address, &length);
    snprintf(server->text, sizeof server->text, "127.0.0.1:%u", ntohs(address.sin_port));
    return bind(server->listener, (struct sockaddr *)&address, length) == 0 &&
           listen(server->listener, 64) == 0;
}

static struct server new_server(void)
{
    struct server server;

    while (!try_server(&server)) {
        close(server.fd);
        close(server.listener);
    }
    return server;
}

static void close_server(struct server *server)
{
    close(server->fd);
    close(server->listener);
}

/* A message in the making: the query it answers comes first. */
struct reply {
    unsigned char bytes[512];
    size_t length;
    unsigned n_answers;
};

static void put(struct reply *reply, const void *bytes, size_t length)
{
    memcpy(reply->bytes + reply->length, bytes, length);
    reply->length += length;
}

static void put_u16(struct reply *reply, unsigned value)
{
    const unsigned char bytes[2] = {(unsigned char)(value >> 8), (unsigned char)value};

    put(reply, bytes, 2);
}

/* A record of `name`, which is a compression pointer into the message. */
static void put_record(struct reply *reply, unsigned name, unsigned type, unsigned ttl,
                       const void *data, unsigned length)
{
    put_u16(reply, 0xc000 | name);
    put_u16(reply, type);
    put_u16(reply, 1);
    put_u16(reply, 0);
    put_u16(reply, ttl);
    put_u16(reply, length);
    put(reply, data, length);
    reply->n_answers++;
}

static void put_address(struct reply *reply, unsigned name, unsigned asked,
                        const char *text, unsigned ttl)
{
    bool is_v6 = strchr(text, ':') != NULL;
    unsigned char data[16];

    if (asked != (is_v6 ? TYPE_AAAA : TYPE_A))
        return;
    inet_pton(is_v6 ? AF_INET6 : AF_INET, text, data);
    put_record(reply, name, asked, ttl, data, is_v6 ? 16 : 4);
}

/* The name in the question stands at offset 12 of every message. */
static unsigned fill(struct reply *reply, const char *label, unsigned type)
{
    static const char target[] = "\x6target\0";

    if (strcmp(label, "a") == 0 || strcmp(label, "both") == 0 ||
        strncmp(label, "only", 4) == 0) {
        put_address(reply, 12, type, "10.1.0.1", 60);
        put_address(reply, 12, type, "10.1.0.2", 30);
    }
    if (strcmp(label, "zero") == 0)
        put_address(reply, 12, type, "10.1.0.4", 0);
    for (char last = '1'; strcmp(label, "many") == 0 && last <= '5'; last++)
        put_address(reply, 12, type, (char[]){'1', '0', '.', '2', '.', '0', '.', last, 0},
                    60);
    if (strcmp(label, "services") == 0 && type == TYPE_SRV) {
        put_record(reply, 12, type, 60, "\0\0\0\5\0\x50\1a\0", 9);
        put_record(reply, 12, type, 40, "\0\1\0\0\0\x51\1b\0", 9);
    }
    if (strcmp(label, "texts") == 0 && type == TYPE_TXT) {
        put_record(reply, 12, type, 60, "\3one\3two", 8);
        put_record(reply, 12, type, 50, "\5three", 6);
    }
    if (strcmp(label, "aaaa") == 0 || strcmp(label, "both") == 0 ||
        strncmp(label, "only", 4) == 0)
        put_address(reply, 12, type, "2001:db8::1", 90);
    if (strcmp(label, "alias") == 0) {
        unsigned at = (unsigned)reply->length + 12; /* where the target's name will be */

        put_record(reply, 12, TYPE_CNAME, 20, target, sizeof target - 1);
        put_address(reply, at, type, "10.1.0.3", 60);
    }
    return strcmp(label, "nxdomain") == 0   ? NXDOMAIN
           : strcmp(label, "servfail") == 0 ? SERVFAIL
           : strcmp(label, "refused") == 0  ? REFUSED
                                            : NOERROR;
}

static void answer(struct server *server, const unsigned char *query, size_t length,
                   const struct sockaddr *from, socklen_t from_length)
{
    struct reply reply = {.length = 0};
    char label[64] = "";
    size_t end = 12;
    unsigned code;

    memcpy(label, query + 13, query[12]);
    while (query[end] != 0)
        end += query[end] + 1u;
    end += 5;
    if (strcmp(label, "silent") == 0 ||
        strcmp(label, query[end - 3] == TYPE_A ? "only6" : "only4") == 0)
        return;
    put(&reply, query, end); /* without what follows the question */
    code = fill(&reply, label, query[end - 3]);
    reply.bytes[2] |= strcmp(label, "long") == 0 ? 0x82 : 0x80;
    reply.bytes[3] = (unsigned char)(0x80 | code);
    reply.bytes[6] = 0;
    reply.bytes[7] = (unsigned char)reply.n_answers;
    memset(reply.bytes + 8, 0, 4);
    if (strcmp(label, "garbage") == 0)
        reply.bytes[7] = 3; /* none of which is there */
    (void)length;
    sendto(server->fd, reply.bytes, reply.length, 0, from, from_length);
}

static void serve(struct server *server)
{
    unsigned char query[512];
    struct sockaddr_storage from;
    socklen_t from_length = sizeof from;
    ssize_t n;

    while ((n = recvfrom(server->fd, query, sizeof query, 0, (struct sockaddr *)&from,
                         &from_length)) > 0) {
        server->n_queries++;
        answer(server, query, (size_t)n, (struct sockaddr *)&from, from_length);
    }
}

/* ---- A lookup and what came of it ------------------------------------------------- */

enum { MAX_ANSWERS = 3 };

struct inquiry {
    struct grebe__lookup lookup;
    struct grebe_loop *loop;
    unsigned n_done;
    bool was_in_turn;
    enum grebe__lookup_outcome outcome;
    size_t n_left_out;
    uint64_t first_ttl_ns;
    char answers[512]; /* "10.1.0.1 60, 10.1.0.2 30", "0 5 80 a.test. 60" */
    char error[256];
};

static void on_done(struct grebe__lookup *lookup,
                    const struct grebe__lookup_result *result)
{
    struct inquiry *inquiry = grebe_container_of(lookup, struct inquiry, lookup);
    struct grebe__text text = grebe__text_init(inquiry->answers, sizeof inquiry->answers);

    inquiry->n_done++;
    inquiry->was_in_turn = inquiry->loop->env.depth > 0;
    inquiry->outcome = result->outcome;
    inquiry->n_left_out = result->n_left_out;
    inquiry->first_ttl_ns = result->n == 0 ? 0 : result->answers[0].ttl_ns;
    for (size_t i = 0; i < result->n; i++) {
        const struct grebe__lookup_answer *answer = &result->answers[i];

        assert_int_equal(strlen(answer->text), answer->length);
        grebe__text_printf(&text, "%s", i == 0 ? "" : ", ");
        if (lookup->kind == GREBE__LOOKUP_SRV)
            grebe__text_printf(&text, "%u %u %u ", answer->priority, answer->weight,
                               answer->port);
        grebe__text_printf(&text, "%s %u", answer->text,
                           (unsigned)(answer->ttl_ns / SECOND));
    }
    if (result->outcome != GREBE__LOOKUP_FOUND)
        snprintf(inquiry->error, sizeof inquiry->error, "%s", result->error);
}

static void ask_for(struct inquiry *inquiry, struct grebe_loop *loop,
                    enum grebe__lookup_kind kind, const char *name, const char *server)
{
    *inquiry = (struct inquiry){
        .lookup = {.kind = kind,
                   .name = name,
                   .server = server,
                   .max_answers = MAX_ANSWERS,
                   .on_done = on_done},
        .loop = loop,
    };
    assert_true(grebe__loop_try_drive(loop));
    grebe__env_enter(&loop->env);
    loop->env.dns->lookup(&loop->env, &inquiry->lookup);
    assert_int_equal(inquiry->n_done, 0); /* not inside the function that asked */
    assert_non_null(inquiry->lookup.pending);
    grebe__env_leave(&loop->env);
    grebe__loop_stop_driving(loop);
}

static void ask(struct inquiry *inquiry, struct grebe_loop *loop, const char *name,
                const char *server)
{
    ask_for(inquiry, loop, GREBE__LOOKUP_ADDRESSES, name, server);
}

static void cancel(struct inquiry *inquiry)
{
    struct grebe__env *env = &inquiry->loop->env;

    assert_true(grebe__loop_try_drive(inquiry->loop));
    env->dns->cancel(env, &inquiry->lookup);
    assert_null(inquiry->lookup.pending);
    grebe__loop_stop_driving(inquiry->loop);
}

static void settle(struct inquiry *inquiry, struct server *server)
{
    uint64_t give_up_ns = grebe_now_ns() + 10 * SECOND;

    while (inquiry->n_done == 0) {
        assert_int_equal(grebe_loop_turn(inquiry->loop, 1), GREBE_OK);
        serve(server);
        assert_true(grebe_now_ns() < give_up_ns);
    }
    assert_int_equal(inquiry->n_done, 1);
    assert_true(inquiry->was_in_turn);
    assert_null(inquiry->lookup.pending);
}

static struct grebe_loop *new_loop(const struct grebe_mem *mem)
{
    struct grebe_loop *loop;

    assert_int_equal(grebe_loop_new(mem, &loop), GREBE_OK);
    /* Three tries of 20, 40 and 80 ms. */
    assert_int_equal(grebe__dns_set_timeout_ms(loop, 20), GREBE_OK);
    return loop;
}

/* ---- Tests ------------------------------------------------------------------------ */

enum {
    ADDRESSES = GREBE__LOOKUP_ADDRESSES,
    SRV = GREBE__LOOKUP_SRV,
    TXT = GREBE__LOOKUP_TXT,
    FOUND = GREBE__LOOKUP_FOUND,
    NOT_FOUND = GREBE__LOOKUP_NOT_FOUND,
    FAILED = GREBE__LOOKUP_FAILED,
};

static const struct {
    int kind; /* an enum grebe__lookup_kind */
    const char *name;
    int outcome;         /* an enum grebe__lookup_outcome */
    const char *answers; /* or a part of the error */
} cases[] = {
    {ADDRESSES, "a.grebe.test", FOUND, "10.1.0.1 60, 10.1.0.2 30"},
    {ADDRESSES, "a.grebe.test.", FOUND, "10.1.0.1 60, 10.1.0.2 30"},
    {ADDRESSES, "aaaa.grebe.test", FOUND, "2001:db8::1 90"},
    {ADDRESSES, "alias.grebe.test", FOUND, "10.1.0.3 20"},
    {ADDRESSES, "zero.grebe.test", FOUND, "10.1.0.4 0"},
    {ADDRESSES, "10.9.8.7", FOUND, "10.9.8.7 0"},
    {ADDRESSES, "nothing.grebe.test", NOT_FOUND, "the host has no addresses"},
    {ADDRESSES, "nxdomain.grebe.test", NOT_FOUND, "no such host"},
    {ADDRESSES, "two..dots", NOT_FOUND, "not a host name"},
    {ADDRESSES, "servfail.grebe.test", FAILED, "no server gave a usable answer"},
    {ADDRESSES, "refused.grebe.test", FAILED, "no server gave a usable answer"},
    {ADDRESSES, "silent.grebe.test", FAILED, "no answer in time"},
    {ADDRESSES, "garbage.grebe.test", FAILED, "the answer makes no sense"},
    {SRV, "services.grebe.test", FOUND, "0 5 80 a. 60, 1 0 81 b. 40"},
    {SRV, "a.grebe.test", NOT_FOUND, "the name has no such records"},
    {SRV, "nxdomain.grebe.test", NOT_FOUND, "no such name"},
    {SRV, "servfail.grebe.test", FAILED, "no server gave a usable answer"},
    {SRV, "silent.grebe.test", FAILED, "no answer in time"},
    {SRV, "garbage.grebe.test", FAILED, "the answer makes no sense"},
    {TXT, "texts.grebe.test", FOUND, "onetwo 60, three 50"},
    {TXT, "nothing.grebe.test", NOT_FOUND, "the name has no such records"},
    {TXT, "nxdomain.grebe.test.", NOT_FOUND, "no such name"},
    {TXT, "two..dots", NOT_FOUND, "not a host name"},
};

TEST(answers_and_failures_are_told_apart)
{
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);

    for (size_t i = 0; i < GREBE_ARRAY_LEN(cases); i++) {
        struct inquiry inquiry;
        char error[256];

        ask_for(&inquiry, loop, (enum grebe__lookup_kind)cases[i].kind, cases[i].name,
                server.text);
        settle(&inquiry, &server);
        if ((int)inquiry.outcome != cases[i].outcome)
            fail_msg("%s: %d, \"%s\"", cases[i].name, inquiry.outcome, inquiry.error);
        assert_int_equal(inquiry.n_left_out, 0);
        if (inquiry.outcome == GREBE__LOOKUP_FOUND) {
            assert_string_equal(inquiry.answers, cases[i].answers);
            continue;
        }
        assert_string_equal(inquiry.answers, "");
        snprintf(error, sizeof error, "lookup %s at %s: %s", cases[i].name, server.text,
                 cases[i].answers);
        assert_string_equal(inquiry.error, error);
    }
    grebe_loop_unref(loop);
    close_server(&server);
}

TEST(there_is_a_limit_to_answers)
{
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);
    struct inquiry inquiry;

    ask(&inquiry, loop, "many.grebe.test", server.text);
    settle(&inquiry, &server);
    assert_string_equal(inquiry.answers, "10.2.0.1 60, 10.2.0.2 60, 10.2.0.3 60");
    assert_int_equal(inquiry.n_left_out, 2);
    grebe_loop_unref(loop);
    close_server(&server);
}

/* "Not to be kept" is something known: it must be told from "unknown". */
TEST(a_ttl_of_zero_is_a_ttl)
{
    static const char *const names[] = {"zero.grebe.test", "10.9.8.7"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        struct server server = new_server();
        struct grebe_loop *loop = new_loop(NULL);
        struct inquiry inquiry;

        ask(&inquiry, loop, names[i], server.text);
        settle(&inquiry, &server);
        assert_int_equal(inquiry.first_ttl_ns, 1);
        grebe_loop_unref(loop);
        close_server(&server);
    }
}

TEST(this_machine_has_a_name)
{
    struct grebe_loop *loop = new_loop(NULL);
    char expected[256] = "", name[256], cut[2];

    assert_int_equal(gethostname(expected, sizeof expected - 1), 0);
    loop->env.dns->host_name(&loop->env, name, sizeof name);
    assert_string_equal(name, expected);
    loop->env.dns->host_name(&loop->env, cut, sizeof cut);
    assert_true(strlen(cut) < sizeof cut);
    grebe_loop_unref(loop);
}

/* Their order is RFC 6724's, which depends on the addresses this host has. */
TEST(both_families_are_asked_for)
{
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);
    struct inquiry inquiry;

    ask(&inquiry, loop, "both.grebe.test", server.text);
    settle(&inquiry, &server);
    assert_non_null(strstr(inquiry.answers, "10.1.0.1 60"));
    assert_non_null(strstr(inquiry.answers, "10.1.0.2 30"));
    assert_non_null(strstr(inquiry.answers, "2001:db8::1 90"));
    assert_int_equal(server.n_queries, 2);
    grebe_loop_unref(loop);
    close_server(&server);
}

/* c-ares would wait for the other one until it gives up, here after 1.4 s, and then tell the
 * TTLs.  What is found without it must not be kept. */
TEST(one_family_is_enough_if_the_other_is_not_answered)
{
    static const struct {
        const char *name;
        const char *answers;
    } names[] = {{"only4.grebe.test", "10.1.0.1 0, 10.1.0.2 0"},
                 {"only6.grebe.test", "2001:db8::1 0"}};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        struct server server = new_server();
        struct test_mem mem;
        struct grebe_loop *loop = new_loop(test_mem_init(&mem));
        struct inquiry inquiry;

        assert_int_equal(grebe__dns_set_timeout_ms(loop, 200), GREBE_OK);
        ask(&inquiry, loop, names[i].name, server.text);
        settle(&inquiry, &server);
        assert_string_equal(inquiry.answers, names[i].answers);
        grebe_loop_unref(loop); /* while c-ares is still waiting */
        assert_int_equal(mem.n_live, 0);
        close_server(&server);
    }
}

/* Whenever the lookup is cancelled, whoever is still asked then. */
TEST(a_cancelled_rescue_leaves_nothing_behind)
{
    for (uint64_t ms = 0; ms < 60; ms += 5) {
        struct server server = new_server();
        struct test_mem mem;
        struct grebe_loop *loop = new_loop(test_mem_init(&mem));
        struct inquiry inquiry;
        uint64_t end_ns = grebe_now_ns() + ms * MS;

        ask(&inquiry, loop, "silent.grebe.test", server.text);
        while (grebe_now_ns() < end_ns)
            grebe_loop_turn(loop, 1);
        cancel(&inquiry);
        for (unsigned i = 0; i < 200; i++)
            grebe_loop_turn(loop, 1);
        assert_int_equal(inquiry.n_done, 0);
        grebe_loop_unref(loop);
        assert_int_equal(mem.n_live, 0);
        close_server(&server);
    }
}

TEST(the_systems_resolver_knows_the_hosts_file)
{
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);
    struct inquiry inquiry;

    ask(&inquiry, loop, "localhost", NULL);
    settle(&inquiry, &server);
    assert_int_equal(inquiry.outcome, GREBE__LOOKUP_FOUND);
    assert_non_null(strstr(inquiry.answers, "127.0.0.1 0"));
    assert_int_equal(server.n_queries, 0);
    grebe_loop_unref(loop);
    close_server(&server);
}

TEST(a_server_that_is_not_there_is_a_failure)
{
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);
    struct inquiry inquiry;

    close_server(&server);
    ask(&inquiry, loop, "a.grebe.test", server.text);
    server.fd = server.listener = -1;
    settle(&inquiry, &server);
    assert_int_equal(inquiry.outcome, GREBE__LOOKUP_FAILED);
    grebe_loop_unref(loop);
}

TEST(a_server_needs_an_address)
{
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);
    struct inquiry inquiry;

    ask(&inquiry, loop, "a.grebe.test", "dns.example:53");
    settle(&inquiry, &server);
    assert_int_equal(inquiry.outcome, GREBE__LOOKUP_FAILED);
    assert_string_equal(inquiry.error,
                        "lookup a.grebe.test: the DNS server is not an IP address");
    grebe_loop_unref(loop);
    close_server(&server);
}

TEST(a_cancelled_lookup_says_nothing)
{
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);
    struct inquiry cancelled, cancelled_at_once, other;

    ask(&cancelled, loop, "a.grebe.test", server.text);
    ask(&other, loop, "aaaa.grebe.test", server.text);
    ask(&cancelled_at_once, loop, "10.9.8.7", server.text); /* its answer is on the way */
    cancel(&cancelled);
    cancel(&cancelled_at_once);
    settle(&other, &server);
    for (unsigned i = 0; i < 20; i++) {
        grebe_loop_turn(loop, 1);
        serve(&server);
    }
    assert_int_equal(cancelled.n_done, 0);
    assert_int_equal(cancelled_at_once.n_done, 0);
    assert_int_equal(other.n_done, 1);
    grebe_loop_unref(loop);
    close_server(&server);
}

TEST(many_lookups_share_a_server)
{
    enum { N = 200 };
    static struct inquiry inquiries[N];
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);

    assert_int_equal(grebe__dns_set_timeout_ms(loop, 1000), GREBE_OK);
    for (unsigned i = 0; i < N; i++)
        ask(&inquiries[i], loop, i % 2 == 0 ? "a.grebe.test" : "nxdomain.grebe.test",
            server.text);
    for (unsigned i = 0; i < N; i++) {
        if (inquiries[i].n_done == 0)
            settle(&inquiries[i], &server);
        assert_int_equal(inquiries[i].outcome,
                         i % 2 == 0 ? GREBE__LOOKUP_FOUND : GREBE__LOOKUP_NOT_FOUND);
    }
    grebe_loop_unref(loop);
    close_server(&server);
}

/* Each of them needs memory and sockets of its own: no more than a few are kept. */
TEST(servers_come_and_go)
{
    struct test_mem mem;
    struct grebe_loop *loop = new_loop(test_mem_init(&mem));
    uint32_t n_live_after[3];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 40; i++) {
            struct inquiry inquiry;
            char server[32];

            snprintf(server, sizeof server, "127.0.%u.%u:53", round, i + 1);
            ask(&inquiry, loop, "localhost", server); /* which no server is asked for */
            while (inquiry.n_done == 0)
                assert_int_equal(grebe_loop_turn(loop, 1), GREBE_OK);
        }
        n_live_after[round] = mem.n_live;
    }
    assert_int_equal(n_live_after[1], n_live_after[0]);
    assert_int_equal(n_live_after[2], n_live_after[0]);
    grebe_loop_unref(loop);
}

/* The end of a stream, and then a reset: whoever writes now gets SIGPIPE, unless he asks
 * for it not to come. */
static void hang_up(int fd)
{
    const struct linger at_once = {.l_onoff = 1};

    shutdown(fd, SHUT_WR);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

TEST(a_server_that_hangs_up_ends_no_process)
{
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);
    struct inquiry first, second;
    char bytes[512];
    int fd;

    /* The first question has arrived over TCP. */
    ask_for(&first, loop, GREBE__LOOKUP_TXT, "long.grebe.test", server.text);
    while ((fd = accept(server.listener, NULL, NULL)) < 0) {
        grebe_loop_turn(loop, 1);
        serve(&server);
    }
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
        grebe_loop_turn(loop, 1);

    /* The second one is about to be written when the connection breaks. */
    server.n_queries = 0;
    ask_for(&second, loop, GREBE__LOOKUP_TXT, "long.grebe.test", server.text);
    while (server.n_queries == 0) {
        grebe_loop_turn(loop, 0);
        serve(&server);
    }
    grebe_loop_turn(loop, 0); /* reads that the answer does not fit */
    hang_up(fd);
    settle(&first, &server);
    if (second.n_done == 0)
        settle(&second, &server);
    assert_int_equal(first.outcome, GREBE__LOOKUP_FAILED);
    assert_int_equal(second.outcome, GREBE__LOOKUP_FAILED);
    grebe_loop_unref(loop);
    close_server(&server);
}

/* What a server sends in between waits for the next turn, so that others have theirs. */
TEST(a_flood_is_read_in_portions)
{
    enum { N_PORTIONS = 2, N = (N_PORTIONS - 1) * GREBE__DNS_READS };
    struct server server = new_server();
    struct grebe_loop *loop = new_loop(NULL);
    struct inquiry inquiry;
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    unsigned char query[512];
    ssize_t n;

    ask_for(&inquiry, loop, GREBE__LOOKUP_TXT, "texts.grebe.test", server.text);
    while ((n = recvfrom(server.fd, query, sizeof query, 0, (struct sockaddr *)&from,
                         &length)) <= 0)
        grebe_loop_turn(loop, 1);
    for (unsigned i = 0; i < N; i++)
        sendto(server.fd, "flood", 5, 0, (struct sockaddr *)&from, length);
    answer(&server, query, (size_t)n, (struct sockaddr *)&from, length);
    for (unsigned turn = 0; turn < N_PORTIONS; turn++) {
        assert_int_equal(inquiry.n_done, 0);
        grebe_loop_turn(loop, 0);
    }
    settle(&inquiry, &server);
    assert_string_equal(inquiry.answers, "onetwo 60, three 50");
    assert_int_equal(server.n_queries, 0); /* it was not asked again */
    grebe_loop_unref(loop);
    close_server(&server);
}

TEST(a_loop_may_end_before_its_lookups)
{
    struct server server = new_server();
    struct test_mem mem;
    struct grebe_loop *loop = new_loop(test_mem_init(&mem));
    struct inquiry waiting, cancelled;

    ask(&waiting, loop, "silent.grebe.test", server.text);
    ask(&cancelled, loop, "silent.grebe.test", server.text);
    grebe_loop_turn(loop, 0);
    cancel(&cancelled);
    grebe_loop_unref(loop);
    assert_int_equal(waiting.n_done, 0);
    assert_int_equal(mem.n_live, 0);
    close_server(&server);
}

/* Whichever allocation fails: one answer, and nothing left behind. */
TEST(out_of_memory_is_an_answer_too)
{
    struct server server = new_server();
    bool has_failed = true;

    for (uint32_t at = 1; has_failed; at++) {
        struct test_mem mem;
        struct grebe_loop *loop;
        struct inquiry first, second, third;

        test_mem_init(&mem);
        assert_int_equal(grebe_loop_new(&mem.interface, &loop), GREBE_OK);
        mem.fail_at = mem.n_allocs + at;
        (void)!grebe__dns_set_timeout_ms(loop, 20);
        ask(&first, loop, "10.9.8.7", server.text);
        ask(&second, loop, "a.grebe.test", server.text);
        ask_for(&third, loop, GREBE__LOOKUP_SRV, "services.grebe.test", server.text);
        settle(&first, &server);
        if (second.n_done == 0)
            settle(&second, &server);
        if (third.n_done == 0)
            settle(&third, &server);
        has_failed = mem.has_failed;
        grebe_loop_unref(loop);
        assert_int_equal(first.n_done + second.n_done + third.n_done, 3);
        assert_int_equal(mem.n_live, 0);
    }
    close_server(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_failures_are_told_apart),
        cmocka_unit_test(there_is_a_limit_to_answers),
        cmocka_unit_test(a_ttl_of_zero_is_a_ttl),
        cmocka_unit_test(this_machine_has_a_name),
        cmocka_unit_test(both_families_are_asked_for),
        cmocka_unit_test(one_family_is_enough_if_the_other_is_not_answered),
        cmocka_unit_test(a_cancelled_rescue_leaves_nothing_behind),
        cmocka_unit_test(the_systems_resolver_knows_the_hosts_file),
        cmocka_unit_test(a_server_that_is_not_there_is_a_failure),
        cmocka_unit_test(a_server_needs_an_address),
        cmocka_unit_test(a_cancelled_lookup_says_nothing),
        cmocka_unit_test(many_lookups_share_a_server),
        cmocka_unit_test(servers_come_and_go),
        cmocka_unit_test(a_server_that_hangs_up_ends_no_process),
        cmocka_unit_test(a_flood_is_read_in_portions),
        cmocka_unit_test(a_loop_may_end_before_its_lookups),
        cmocka_unit_test(out_of_memory_is_an_answer_too),
    };

    return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
