/* SPDX-License-Identifier: Apache-2.0 */
/* A busy connection, again and again, with each allocation failing in turn: whatever is
 * lost, every call that started ends once, and all memory comes back. */
#include "support/test.h"

#include <grebe/error.h>

#include "unit/h2/bench.h"

enum { CALLS = 7 };

static unsigned char big[200000];

/* A start may fail; a call that started is used as if nothing had happened. */
static void begin_call(struct call *call, size_t length, bool is_read, bool started[])
{
    struct bench *b = call->bench;
    size_t i = (size_t)(call - b->calls);

    if (b->transport == NULL || call_start(call) != GREBE_OK)
        return;
    started[i] = true;
    call_send(call, big, length, true);
    if (is_read) {
        call_receive(call);
        call_receive(call);
    }
}

static void serve(struct bench *b)
{
    h2_peer_settings_ack(b->peer);
    h2_peer_headers(b->peer, 1, 0, ":status", "200", "content-type", "application/grpc+x",
                    "x-a", "1", "x-b", "2", "x-c", "3", "x-d", "4", "k-bin", "AAEC,AQ",
                    NULL);
    h2_peer_message(b->peer, 1, 0, big, 150000);
    bench_deliver(b);
    h2_peer_headers(b->peer, 1, H2_END_STREAM, "grpc-status", "5", "grpc-message",
                    "no%20such%20thing", "grpc-status-details-bin", "CAUSBGxvbmc", NULL);
    h2_peer_begin(b->peer, 3);
    h2_peer_message(b->peer, 3, 0, "unread", 6);
    h2_peer_trailers(b->peer, 3, "0");
    h2_peer_headers(b->peer, 5, 0, ":status", "404", NULL);
    h2_peer_data(b->peer, 5, H2_END_STREAM, "<html>", 6);
    bench_deliver(b);
    h2_peer_rst_stream(b->peer, 7, 7);
    h2_peer_ping(b->peer, 0, "12345678");
    h2_peer_settings(b->peer, 3, 50, 0);
    h2_peer_goaway(b->peer, 9, 0, "bye");
    bench_deliver(b);
}

/* The pool has this much left, and gets no more. */
static void shrink_pool(struct bench *b, size_t n_left)
{
    enum { BLOCK = 2 * GREBE__POOL_GRAIN };

    assert_non_null(grebe__pool_alloc(&b->pool, GREBE__POOL_GRAIN));
    while ((size_t)(b->pool.bump_end - b->pool.bump) >= n_left + BLOCK)
        assert_non_null(grebe__pool_alloc(&b->pool, GREBE__POOL_GRAIN));
    b->mem.n_most = 60000;
}

struct shortage {
    uint32_t fail_at; /* this allocation fails; 0: none does */
    bool fails_onward;
    size_t n_pool; /* bytes that nghttp2 has for small things; 0: as many as it wants */
};

/* Returns how many allocations were made. */
static uint32_t run(const struct shortage *shortage)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    bool started[CALLS] = {false};
    struct bench b;
    uint32_t n_made;

    for (int i = 0; i < 30; i++)
        assert_int_equal(grebe_metadata_add(metadata, "k-bin", "value", 5), GREBE_OK);
    bench_init(&b);
    b.mem.counted.fail_at = shortage->fail_at;
    b.mem.fails_onward = shortage->fails_onward;
    if (shortage->n_pool > 0)
        shrink_pool(&b, shortage->n_pool);
    b.calls[0].stream.metadata = metadata;
    if (bench_connect(&b) == GREBE_OK) {
        bench_flush(&b);
        h2_peer_settings(b.peer, 0);
        bench_deliver(&b);
        for (size_t i = 0; i < CALLS - 1; i++)
            begin_call(&b.calls[i], i == 4 ? 100000 : 5, i != 1, started);
        bench_flush(&b);
        serve(&b);
        begin_call(&b.calls[CALLS - 1], 5, true, started);
        bench_lose(&b, "gone", "unknown");
        call_receive(&b.calls[1]);
    }
    for (size_t i = 0; i < CALLS; i++)
        assert_int_equal(b.calls[i].n_ends, started[i]);
    n_made = b.mem.counted.n_allocs;
    b.mem.counted.fail_at = 0;
    b.mem.n_most = 0;
    bench_close(&b);
    grebe_metadata_unref(metadata);
    return n_made;
}

TEST(each_allocation_may_fail)
{
    struct shortage shortage = {0};
    uint32_t n = run(&shortage);

    assert_true(n > 10);
    for (shortage.fail_at = 1; shortage.fail_at <= n; shortage.fail_at++)
        run(&shortage);
}

TEST(memory_may_run_out_for_good)
{
    struct shortage shortage = {.fails_onward = true};
    uint32_t n = run(&shortage);

    for (shortage.fail_at = 1; shortage.fail_at <= n; shortage.fail_at++)
        run(&shortage);
}

TEST(pool_may_run_dry_anywhere)
{
    struct shortage shortage = {.n_pool = GREBE__POOL_GRAIN};

    for (; shortage.n_pool < 24000; shortage.n_pool += GREBE__POOL_GRAIN)
        run(&shortage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(memory_may_run_out_for_good),
        cmocka_unit_test(pool_may_run_dry_anywhere),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
