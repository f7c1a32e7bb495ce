/* SPDX-License-Identifier: Apache-2.0 */
/* What a socket does not take is sent later, once, and in order. */
#include "support/test.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/outbox.h"
#include "support/mem.h"

enum { TOTAL = 300000 };

struct bench {
    struct test_mem mem;
    struct grebe__outbox outbox;
    int ends[2]; /* ours, the peer's */
    unsigned char sent[TOTAL], heard[TOTAL];
    size_t n_heard;
};

static void init(struct bench *bench)
{
    const int small = 30000;

    memset(bench, 0, sizeof *bench);
    test_mem_init(&bench->mem);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, bench->ends), 0);
    setsockopt(bench->ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    for (size_t i = 0; i < TOTAL; i++)
        bench->sent[i] = (unsigned char)(i * 2654435761u >> 11);
}

static void fini(struct bench *bench)
{
    grebe__outbox_clear(&bench->outbox, &bench->mem.interface);
    close(bench->ends[0]);
    close(bench->ends[1]);
    assert_int_equal(bench->mem.n_live, 0);
}

/* The bytes [from, to), in three pieces of different size. */
static int send_part(struct bench *bench, size_t from, size_t to)
{
    size_t third = (to - from) / 3;
    unsigned char *bytes = bench->sent + from;
    struct iovec pieces[3] = {
        {bytes, third}, {bytes + third, 1}, {bytes + third + 1, to - from - third - 1}};

    return grebe__outbox_send(&bench->outbox, &bench->mem.interface, bench->ends[0],
                              pieces, 3, to - from);
}

static size_t hear(struct bench *bench, size_t size)
{
    size_t room = TOTAL - bench->n_heard;
    ssize_t n =
        recv(bench->ends[1], bench->heard + bench->n_heard, size < room ? size : room, 0);

    bench->n_heard += n > 0 ? (size_t)n : 0;
    return n > 0 ? (size_t)n : 0;
}

TEST(what_fits_leaves_nothing_behind)
{
    static struct bench bench;

    init(&bench);
    assert_int_equal(send_part(&bench, 0, 1000), 0);
    assert_true(grebe__outbox_is_empty(&bench.outbox));
    assert_int_equal(bench.mem.n_live, 0);
    assert_int_equal(hear(&bench, TOTAL), 1000);
    assert_memory_equal(bench.heard, bench.sent, 1000);
    fini(&bench);
}

TEST(what_does_not_fit_comes_later_and_in_order)
{
    static struct bench bench;
    unsigned n_resumed = 0;

    init(&bench);
    /* The second part may not overtake what is left of the first. */
    assert_int_equal(send_part(&bench, 0, TOTAL - 50000), 0);
    assert_false(grebe__outbox_is_empty(&bench.outbox));
    hear(&bench, 100000);
    assert_int_equal(send_part(&bench, TOTAL - 50000, TOTAL), 0);
    while (!grebe__outbox_is_empty(&bench.outbox)) {
        hear(&bench, 20000);
        assert_int_equal(
            grebe__outbox_resume(&bench.outbox, &bench.mem.interface, bench.ends[0]), 0);
        n_resumed++;
    }
    while (hear(&bench, TOTAL) > 0) {
    }
    assert_true(n_resumed > 2);
    assert_int_equal(bench.n_heard, TOTAL);
    assert_memory_equal(bench.heard, bench.sent, TOTAL);
    assert_int_equal(bench.mem.n_live, 0);
    fini(&bench);
}

TEST(errors_are_errnos_and_no_signal)
{
    static struct bench bench;

    init(&bench);
    assert_int_equal(send_part(&bench, 0, TOTAL), 0);
    close(bench.ends[1]);
    assert_int_equal(
        grebe__outbox_resume(&bench.outbox, &bench.mem.interface, bench.ends[0]), EPIPE);
    grebe__outbox_clear(&bench.outbox, &bench.mem.interface);
    assert_int_equal(send_part(&bench, 0, 10), EPIPE);
    bench.ends[1] = -1;
    fini(&bench);
}

TEST(running_out_of_memory_is_an_errno)
{
    static struct bench bench;

    init(&bench);
    bench.mem.fail_at = 1;
    assert_int_equal(send_part(&bench, 0, TOTAL), ENOMEM);
    fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_leaves_nothing_behind),
        cmocka_unit_test(what_does_not_fit_comes_later_and_in_order),
        cmocka_unit_test(errors_are_errnos_and_no_signal),
        cmocka_unit_test(running_out_of_memory_is_an_errno),
    };

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
