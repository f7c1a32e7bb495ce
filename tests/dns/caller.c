/* SPDX-License-Identifier: Apache-2.0 */
/* caller.c -- calls a target all the time, and tells who answered when.
 *
 *     caller TARGET MIN_INTERVAL_MS [POLICY]
 *
 * One call after the other, 200 a second, each failing fast.  Each line on stdin ends a
 * phase and starts the next; what came of it is an object on stdout:
 *
 *   {"calls": 1200, "failed": {"UNAVAILABLE ...": 1}, "logged": 2, "stall": 0.003,
 *    "peers": {"127.0.0.1:80": {"calls": 600, "first": T, "last": T}}}
 *
 * with T in seconds of the wall clock.  "stall" is how late the latest call was: what a busy
 * machine took from us.  The end of stdin ends the program.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <grebe/grebe.h>
#include <jansson.h>

#define GAP_NS INT64_C(5000000)

struct phase {
    json_int_t n_calls, n_logged;
    uint64_t stall_ns;
    json_t *failed, *peers;
};

static struct phase phase;

static double wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void begin_phase(void)
{
    phase = (struct phase){.failed = json_object(), .peers = json_object()};
}

static void end_phase(void)
{
    json_t *result = json_pack("{s:I, s:o, s:I, s:f, s:o}", "calls", phase.n_calls,
                               "failed", phase.failed, "logged", phase.n_logged, "stall",
                               (double)phase.stall_ns * 1e-9, "peers", phase.peers);

    json_dumpf(result, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(result);
}

static void count(json_t *object, const char *name)
{
    json_t *n = json_object_get(object, name);

    json_object_set_new(object, name,
                        json_integer(n == NULL ? 1 : json_integer_value(n) + 1));
}

static void note_answer(const char *peer)
{
    json_t *entry = json_object_get(phase.peers, peer);

    if (entry == NULL) {
        entry = json_pack("{s:f}", "first", wall_clock());
        json_object_set_new(phase.peers, peer, entry);
    }
    count(entry, "calls");
    json_object_set_new(entry, "last", json_real(wall_clock()));
}

static void note_failure(const struct grebe_status *status)
{
    char text[512], name[24];

    snprintf(text, sizeof text, "%s: %.400s", grebe_status_code_name(status->code, name),
             status->message);
    count(phase.failed, text);
}

static void make_call(struct grebe_channel *channel)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct grebe_call *call;

    options.timeout_ns = INT64_C(10000000000);
    if (grebe_call_unary(channel, "/grebe.test.Echo/Echo", "x", 1, &options, &call) !=
        GREBE_OK)
        exit(1);
    phase.n_calls++;
    if (grebe_call_status(call)->code == GREBE_STATUS_OK)
        note_answer(grebe_call_peer(call));
    else
        note_failure(grebe_call_status(call));
    grebe_call_unref(call);
}

/* False at the end of stdin. */
static bool hear(void)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;

    while (poll(&fd, 1, 0) > 0) {
        if (read(STDIN_FILENO, &byte, 1) <= 0)
            return false;
        if (byte == '\n') {
            end_phase();
            begin_phase();
        }
    }
    return true;
}

/* The loop is driven by this thread: between two calls it has to be looked after, too. */
static void wait_for_next(struct grebe_loop *loop, uint64_t due_ns)
{
    uint64_t now_ns;

    while ((now_ns = grebe_now_ns()) < due_ns)
        grebe_loop_turn(loop, (int)((due_ns - now_ns) / 1000000) + 1);
    if (now_ns - due_ns > phase.stall_ns)
        phase.stall_ns = now_ns - due_ns;
}

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    (void)arg;
    if (level < GREBE_LOG_WARNING)
        return;
    phase.n_logged++;
    fprintf(stderr, "%s\n", message);
}

int main(int argc, char *argv[])
{
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_diag diag = {""};
    uint64_t due_ns;

    if (argc < 3)
        return 2;
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.dns_min_interval_ns = strtoull(argv[2], NULL, 10) * 1000000;
    options.policy = argc > 3 ? argv[3] : "round_robin";
    options.on_log = on_log;
    if (grebe_channel_new(argv[1], &options, &diag, &channel) != GREBE_OK) {
        fprintf(stderr, "%s\n", diag.text);
        return 1;
    }
    begin_phase();
    due_ns = grebe_now_ns();
    while (hear()) {
        make_call(channel);
        due_ns += GAP_NS;
        wait_for_next(grebe_channel_loop(channel), due_ns);
    }
    end_phase();
    grebe_channel_destroy(channel);
    return 0;
}
