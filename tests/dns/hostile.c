/* SPDX-License-Identifier: Apache-2.0 */
/* hostile.c -- what a DNS server may do to a channel, and what becomes of it.
 *
 *     hostile SERVER GREBE
 *
 * All attacks of hostile.py happen at the same time, each to a channel of its own: first
 * the server answers well and calls succeed, then it misbehaves for some seconds, and then
 * it is good again and names another backend.  All the while each channel makes calls:
 *
 *   none fails, none goes where an attack points to, what is logged is bounded and fit for
 *   a terminal, and in the end the other backend is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <grebe/grebe.h>

#include "support/client.h"
#include "support/process.h"

#define SECOND UINT64_C(1000000000)

#define ATTACK_NS     (6 * SECOND)  /* two or three resolutions each, with backoff */
#define RECOVERY_NS   (20 * SECOND) /* three backoffs are 2, 3 and 5 s */
#define CALL_GAP_NS   (SECOND / 10)
#define MAX_LINES     12 /* of log, by one attack */
#define MAX_LINE      700
#define MAX_CPU_NS    (3 * SECOND / 2) /* of the attack; a quarter of one core */
#define MAX_GROWTH_KB (32 * 1024)

enum phase { BEFORE, ATTACK, AFTER, N_PHASES };

/* A channel, and what happened to it. */
struct victim {
    const char *attack;
    bool is_service; /* resolved by SRV */
    struct grebe_channel *channel;
    enum phase phase;
    uint32_t n_calling;
    uint32_t n_good[N_PHASES], n_failed[N_PHASES];
    bool is_recovered; /* the other backend has answered */
    char failure[256]; /* of the last call that failed */
    unsigned n_lines;
    bool has_odd_line;
    char line[MAX_LINE]; /* the last one, or the one that is odd */
};

static struct victim victims[] = {
    {.attack = "garbage"},
    {.attack = "nothing"},
    {.attack = "five_bytes"},
    {.attack = "header_only"},
    {.attack = "promises"},
    {.attack = "long_data"},
    {.attack = "short_data"},
    {.attack = "long_address"},
    {.attack = "loop_of_one"},
    {.attack = "loop_of_two"},
    {.attack = "loop_in_alias"},
    {.attack = "pointer_beyond"},
    {.attack = "strange_label"},
    {.attack = "endless_name"},
    {.attack = "wrong_number"},
    {.attack = "wrong_name"},
    {.attack = "wrong_type"},
    {.attack = "no_question"},
    {.attack = "two_questions"},
    {.attack = "other_port"},
    {.attack = "other_address"},
    {.attack = "late"},
    {.attack = "twice"},
    {.attack = "silence"},
    {.attack = "rcodes"},
    {.attack = "aliases_in_circles"},
    {.attack = "foreign_records"},
    {.attack = "flood"},
    {.attack = "huge_datagram"},
    {.attack = "forever"},
    {.attack = "truncated_again"},
    {.attack = "hang_up"},
    {.attack = "tcp_silence"},
    {.attack = "half_a_message"},
    {.attack = "empty_messages"},
    {.attack = "tcp_garbage"},
    {.attack = "drip"},
    {.attack = "many_aliases"},
    {.attack = "many_records"},
    {.attack = "srv_short", .is_service = true},
    {.attack = "srv_loop", .is_service = true},
    {.attack = "srv_long_name", .is_service = true},
    {.attack = "srv_odd_names", .is_service = true},
    {.attack = "srv_no_ports", .is_service = true},
    {.attack = "srv_flood", .is_service = true},
    {.attack = "txt_short"},
    {.attack = "txt_odd"},
    {.attack = "txt_wrong"},
    {.attack = "txt_nested"},
    {.attack = "txt_large"},
};
#define N_VICTIMS (sizeof victims / sizeof victims[0])

static struct {
    struct process dns, backend;
    struct grebe_loop *loop;
    unsigned port; /* of both backends, 127.0.0.2 and 127.0.0.3 */
    int trap;      /* listens where attacks point to */
    bool is_trap_sprung;
    uint64_t cpu_ns; /* of the attack */
    long growth_kb;  /* likewise */
} world;

/* ---- Victims ------------------------------------------------------------------------ */

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct victim *victim = arg;

    if (level < GREBE_LOG_WARNING || victim->has_odd_line)
        return;
    victim->n_lines++;
    snprintf(victim->line, sizeof victim->line, "%s", message);
    victim->has_odd_line = strlen(message) >= MAX_LINE;
    for (const char *c = message; *c != '\0'; c++)
        victim->has_odd_line = victim->has_odd_line || *c < ' ' || *c > '~';
}

static void open_victim(struct victim *victim)
{
    struct grebe_channel_options options;
    struct grebe_diag diag = {""};
    char target[160];

    if (victim->is_service)
        snprintf(target, sizeof target, "dns://%s/_grpc._tcp.%s.hostile",
                 world.dns.address, victim->attack);
    else
        snprintf(target, sizeof target, "dns://%s/%s.hostile:%u", world.dns.address,
                 victim->attack, world.port);
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.loop = world.loop;
    options.policy = "round_robin";
    options.dns_min_interval_ns = SECOND / 10;
    options.dns_lookup_timeout_ns = SECOND;
    options.on_log = on_log;
    options.log_arg = victim;
    if (grebe_channel_new(target, &options, &diag, &victim->channel) != GREBE_OK)
        fail_msg("%s", diag.text);
}

static void on_done(void *arg, struct grebe_call *call)
{
    struct victim *victim = arg;
    const char *peer = grebe_call_peer(call);

    victim->n_calling--;
    if (grebe_call_status(call)->code != GREBE_STATUS_OK) {
        victim->n_failed[victim->phase]++;
        snprintf(victim->failure, sizeof victim->failure, "%.250s",
                 grebe_call_status(call)->message);
    } else if (strncmp(peer, "127.0.0.2:", 10) == 0) {
        victim->n_good[victim->phase]++;
    } else if (victim->phase == AFTER && strncmp(peer, "127.0.0.3:", 10) == 0) {
        victim->is_recovered = true;
    } else {
        victim->n_failed[victim->phase]++;
        snprintf(victim->failure, sizeof victim->failure, "a call went to %s", peer);
    }
    grebe_call_unref(call);
}

static void call_all(enum phase phase)
{
    const struct client_request request = {.method = "/grebe.test.Echo/Echo",
                                           .message = "x",
                                           .message_length = 1,
                                           .timeout_ns = 5000 * CLIENT_MS};

    for (size_t i = 0; i < N_VICTIMS; i++) {
        victims[i].phase = phase;
        victims[i].n_calling++;
        client_start(victims[i].channel, &request, on_done, &victims[i]);
    }
}

static bool is_anyone_calling(void)
{
    for (size_t i = 0; i < N_VICTIMS; i++)
        if (victims[i].n_calling > 0)
            return true;
    return false;
}

static bool have_all_recovered(void)
{
    for (size_t i = 0; i < N_VICTIMS; i++)
        if (!victims[i].is_recovered)
            return false;
    return true;
}

/* Calls of everyone, every now and then, for so long. */
static void run_phase(enum phase phase, uint64_t duration_ns)
{
    uint64_t now_ns = grebe_now_ns(), end_ns = now_ns + duration_ns;
    uint64_t next_ns = now_ns;

    while (now_ns < end_ns && !(phase == AFTER && have_all_recovered())) {
        if (now_ns >= next_ns) {
            call_all(phase);
            next_ns += CALL_GAP_NS;
        }
        grebe_loop_turn(world.loop, 10);
        now_ns = grebe_now_ns();
    }
    while (is_anyone_calling())
        grebe_loop_turn(world.loop, 10);
}

/* ---- The world ---------------------------------------------------------------------- */

static int listen_at(const char *ip, unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    inet_pton(AF_INET, ip, &address.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

/* Tells the server until it has heard: its inbox may be full. */
static void order(const char *text)
{
    const struct timeval patience = {.tv_usec = 200000};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port =
                                      htons((uint16_t)atoi(process_port(&world.dns)))};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char reply[8];
    ssize_t n = -1;

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int i = 0; i < 50 && n != 4; i++) {
        assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
        n = recv(fd, reply, sizeof reply, 0);
    }
    assert_int_equal(n, 4);
    close(fd);
}

static unsigned free_port(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int fd = listen_at("127.0.0.2", 0);

    getsockname(fd, (struct sockaddr *)&address, &length);
    close(fd);
    return ntohs(address.sin_port);
}

static void start_servers(const char *server, const char *tool)
{
    char listen_2[32], listen_3[32], port[8];
    const char *backend[] = {tool,       "backend", "--listen", listen_2,
                             "--listen", listen_3,  NULL};
    const char *dns[] = {"python3", server, port, NULL};

    world.port = free_port();
    snprintf(listen_2, sizeof listen_2, "127.0.0.2:%u", world.port);
    snprintf(listen_3, sizeof listen_3, "127.0.0.3:%u", world.port);
    snprintf(port, sizeof port, "%u", world.port);
    assert_true(process_start(&world.backend, backend));
    assert_true(process_start(&world.dns, dns));
    world.trap = listen_at("127.6.6.6", world.port);
}

static uint64_t cpu_ns(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * SECOND + (uint64_t)spent.tv_nsec;
}

static long max_rss_kb(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void play(void)
{
    uint64_t began_ns;
    long rss_kb;

    run_phase(BEFORE, SECOND / 2);
    order("!arm");
    began_ns = cpu_ns();
    rss_kb = max_rss_kb();
    run_phase(ATTACK, ATTACK_NS);
    world.cpu_ns = cpu_ns() - began_ns;
    world.growth_kb = max_rss_kb() - rss_kb;
    order("!calm 127.0.0.3");
    run_phase(AFTER, RECOVERY_NS);
    world.is_trap_sprung = accept(world.trap, NULL, NULL) >= 0;
}

static int stop_world(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VICTIMS; i++)
        grebe_channel_destroy(victims[i].channel);
    grebe_loop_unref(world.loop);
    close(world.trap);
    process_kill(&world.dns);
    process_kill(&world.backend);
    return 0;
}

static const char *server, *tool;

static int start_world(void **state)
{
    (void)state;
    start_servers(server, tool);
    assert_int_equal(grebe_loop_new(NULL, &world.loop), GREBE_OK);
    for (size_t i = 0; i < N_VICTIMS; i++)
        open_victim(&victims[i]);
    play();
    return 0;
}

/* ---- What became of it ---------------------------------------------------------------- */

static void survives(void **state)
{
    const struct victim *victim = *state;

    for (int phase = BEFORE; phase < N_PHASES; phase++)
        if (victim->n_failed[phase] > 0)
            fail_msg("%u calls failed in phase %d: %s", victim->n_failed[phase], phase,
                     victim->failure);
    assert_true(victim->n_good[BEFORE] > 0);
    assert_true(victim->n_good[ATTACK] > ATTACK_NS / CALL_GAP_NS / 2);
    if (!victim->is_recovered)
        fail_msg("the other backend was not found: %s", victim->line);
    if (victim->has_odd_line)
        fail_msg("a line of the log is too long, or not fit for a terminal");
    if (victim->n_lines > MAX_LINES)
        fail_msg("%u lines of log, the last is: %s", victim->n_lines, victim->line);
}

static void nobody_went_where_attacks_point(void **state)
{
    (void)state;
    assert_false(world.is_trap_sprung);
}

/* Sanitizers need more of both. */
static void attacks_cost_little(void **state)
{
    const char *sanitize = getenv("GREBE_SANITIZE");

    (void)state;
    if (sanitize != NULL && sanitize[0] != '\0')
        return;
    if (world.cpu_ns > MAX_CPU_NS)
        fail_msg("%u ms of CPU", (unsigned)(world.cpu_ns / 1000000));
    assert_in_range(world.growth_kb, 0, MAX_GROWTH_KB);
}

int main(int argc, char *argv[])
{
    struct CMUnitTest cases[N_VICTIMS + 2];

    if (argc != 3) {
        fprintf(stderr, "usage: hostile SERVER GREBE\n");
        return 2;
    }
    server = argv[1];
    tool = argv[2];
    for (size_t i = 0; i < N_VICTIMS; i++)
        cases[i] =
            (struct CMUnitTest){victims[i].attack, survives, NULL, NULL, &victims[i]};
    cases[N_VICTIMS] =
        (struct CMUnitTest)cmocka_unit_test(nobody_went_where_attacks_point);
    cases[N_VICTIMS + 1] = (struct CMUnitTest)cmocka_unit_test(attacks_cost_little);
    return cmocka_run_group_tests_name("hostile", cases, start_world, stop_world);
}
