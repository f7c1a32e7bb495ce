/* SPDX-License-Identifier: Apache-2.0 */
/* Files that change under real eyes: written, renamed, swapped, gone, and back. */
#include "support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "core/file.h"
#include "io/loop.h"
#include "support/mem.h"

/* A watch of "file" in a folder of its own, as the driver tells it. */
struct bench {
    struct test_mem mem;
    struct grebe_loop *loop;
    struct grebe__file_watch watch;
    char folder[64], path[96], other[96];
    unsigned n_reads;
    char text[256]; /* of the last reading, or "error: ..." */
};

static void on_read(struct grebe__file_watch *watch,
                    const struct grebe__file_reading *reading)
{
    struct bench *b = grebe_container_of(watch, struct bench, watch);

    b->n_reads++;
    if (reading->error != NULL)
        snprintf(b->text, sizeof b->text, "error: %s", reading->error);
    else
        snprintf(b->text, sizeof b->text, "%.*s", (int)reading->length, reading->bytes);
}

static const char *in_folder(struct bench *b, const char *name)
{
    snprintf(b->other, sizeof b->other, "%s/%s", b->folder, name);
    return b->other;
}

static void init(struct bench *b)
{
    memset(b, 0, sizeof *b);
    strcpy(b->folder, "/tmp/grebe-test-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    strcpy(b->path, in_folder(b, "file"));
    assert_int_equal(grebe_loop_new(test_mem_init(&b->mem), &b->loop), GREBE_OK);
    b->watch =
        (struct grebe__file_watch){.path = b->path, .max_bytes = 100, .on_read = on_read};
}

static void in_turn(struct bench *b, bool begins)
{
    struct grebe__env *env = &b->loop->env;

    assert_true(grebe__loop_try_drive(b->loop));
    grebe__env_enter(env);
    if (begins)
        env->files->watch(env, &b->watch);
    else
        env->files->cancel(env, &b->watch);
    grebe__env_leave(env);
    grebe__loop_stop_driving(b->loop);
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char name[512];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (unlink(name) != 0)
            remove_folder(name);
    }
    if (folder != NULL)
        closedir(folder);
    rmdir(path);
}

static void fini(struct bench *b)
{
    in_turn(b, false);
    grebe_loop_unref(b->loop);
    remove_folder(b->folder);
    assert_int_equal(b->mem.n_live, 0);
}

/* ---- What happens to files ------------------------------------------------------------- */

static void write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void write_file(struct bench *b, const char *text)
{
    write_to(b->path, text);
}

/* As editors do. */
static void replace_file(struct bench *b, const char *text)
{
    write_to(in_folder(b, "file.new"), text);
    assert_int_equal(rename(b->other, b->path), 0);
}

/* ---- What is heard of it --------------------------------------------------------------- */

static void hear_within(struct bench *b, const char *text, uint64_t limit_ns)
{
    uint64_t give_up_ns = grebe_now_ns() + limit_ns;

    while (strcmp(b->text, text) != 0) {
        if (grebe_now_ns() > give_up_ns)
            fail_msg("heard \"%s\", not \"%s\"", b->text, text);
        assert_int_equal(grebe_loop_turn(b->loop, 20), GREBE_OK);
    }
}

/* Told by the directory: much sooner than the clock. */
static void hear(struct bench *b, const char *text)
{
    hear_within(b, text, 900 * MS);
}

static void hear_nothing_for(struct bench *b, uint64_t time_ns)
{
    uint64_t until_ns = grebe_now_ns() + time_ns;
    unsigned n = b->n_reads;

    while (grebe_now_ns() < until_ns)
        assert_int_equal(grebe_loop_turn(b->loop, 20), GREBE_OK);
    assert_int_equal(b->n_reads, n);
}

/* It was there for longer than a file system's clock may be coarse. */
static void start_old(struct bench *b, const char *text)
{
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    init(b);
    write_file(b, text);
    utimensat(AT_FDCWD, b->path, times, 0);
    in_turn(b, true);
    assert_int_equal(b->n_reads, 0);
    hear(b, text);
}

TEST(contents_are_read_first_and_after_each_write)
{
    struct bench b;

    start_old(&b, "one");
    hear_nothing_for(&b, 200 * MS);
    write_file(&b, "two");
    hear(&b, "two");
    write_file(&b, "one");
    hear(&b, "one");
    write_file(&b, "");
    hear(&b, "");
    fini(&b);
}

TEST(file_that_takes_its_place_is_read)
{
    struct bench b;

    start_old(&b, "one");
    for (int i = 0; i < 3; i++) {
        replace_file(&b, "two");
        hear(&b, "two");
        replace_file(&b, "six"); /* as long, and written at the same time */
        hear(&b, "six");
    }
    fini(&b);
}

TEST(file_that_goes_is_an_error_and_comes_back)
{
    struct bench b;

    start_old(&b, "one");
    unlink(b.path);
    hear(&b, "error: no such file or directory");
    hear_nothing_for(&b, 200 * MS);
    write_file(&b, "two");
    hear(&b, "two");
    fini(&b);
}

TEST(file_may_come_after_its_watch)
{
    struct bench b;

    init(&b);
    in_turn(&b, true);
    hear(&b, "error: no such file or directory");
    replace_file(&b, "one");
    hear(&b, "one");
    fini(&b);
}

/* A volume of Kubernetes: file -> ..data/file, ..data -> ..1, and then another. */
TEST(symbolic_link_may_be_swapped_on_the_way)
{
    struct bench b;

    init(&b);
    for (int i = 1; i <= 2; i++) {
        char name[32], text[32];

        snprintf(name, sizeof name, "..%d", i);
        mkdir(in_folder(&b, name), 0755);
        snprintf(name, sizeof name, "..%d/file", i);
        snprintf(text, sizeof text, "version %d", i);
        write_to(in_folder(&b, name), text);
    }
    assert_int_equal(symlink("..1", in_folder(&b, "..data")), 0);
    assert_int_equal(symlink("..data/file", b.path), 0);
    in_turn(&b, true);
    hear(&b, "version 1");
    assert_int_equal(symlink("..2", in_folder(&b, "..data_tmp")), 0);
    {
        char target[128];

        snprintf(target, sizeof target, "%s/..data", b.folder);
        assert_int_equal(rename(b.other, target), 0);
    }
    hear(&b, "version 2");
    fini(&b);
}

/* Nothing tells of a change behind a link but the clock.  What was written just before it
 * was read may have been written again since, and look the same: it is read twice. */
TEST(change_in_another_folder_is_seen_in_time)
{
    struct bench b, young;

    init(&b);
    mkdir(in_folder(&b, "elsewhere"), 0755);
    write_to(in_folder(&b, "elsewhere/real"), "one");
    assert_int_equal(symlink("elsewhere/real", b.path), 0);
    in_turn(&b, true);
    hear(&b, "one");
    init(&young);
    write_file(&young, "x");
    in_turn(&young, true);
    hear(&young, "x");
    write_to(in_folder(&b, "elsewhere/real"), "two");
    hear_within(&b, "two", 8 * SECOND);
    while (young.n_reads == 1)
        assert_int_equal(grebe_loop_turn(young.loop, 20), GREBE_OK);
    assert_string_equal(young.text, "x");
    fini(&b);
    fini(&young);
}

TEST(old_file_is_read_once)
{
    struct bench b;

    start_old(&b, "one");
    hear_nothing_for(&b, 5500 * MS);
    fini(&b);
}

/* A link leads elsewhere while the folder has no rest. */
TEST(busy_folder_delays_nothing)
{
    struct bench b;
    char target[128];

    start_old(&b, "one");
    unlink(b.path);
    write_to(in_folder(&b, "1"), "one");
    write_to(in_folder(&b, "2"), "two");
    assert_int_equal(symlink("1", in_folder(&b, "link")), 0);
    assert_int_equal(symlink("link", b.path), 0);
    hear(&b, "one");
    snprintf(target, sizeof target, "%s/link", b.folder);
    assert_int_equal(symlink("2", in_folder(&b, "next")), 0);
    assert_int_equal(rename(b.other, target), 0);
    for (int i = 0; i < 20; i++) {
        write_to(in_folder(&b, "noise"), "x");
        assert_int_equal(grebe_loop_turn(b.loop, 10), GREBE_OK);
        usleep(10000);
    }
    assert_string_equal(b.text, "two");
    fini(&b);
}

TEST(folder_may_come_later_and_be_exchanged)
{
    struct bench b;
    char old[96], new[96];

    init(&b);
    snprintf(b.path, sizeof b.path, "%s/sub/file", b.folder);
    in_turn(&b, true);
    hear(&b, "error: no such file or directory");
    strcpy(new, in_folder(&b, "sub"));
    strcpy(old, in_folder(&b, "old"));
    mkdir(new, 0755);
    write_file(&b, "one");
    hear_within(&b, "one", 3 * SECOND); /* by the clock */
    write_file(&b, "two");
    hear(&b, "two"); /* by the folder */
    assert_int_equal(rename(new, old), 0);
    hear(&b, "error: no such file or directory");
    mkdir(new, 0755);
    write_file(&b, "three");
    hear_within(&b, "three", 3 * SECOND);
    fini(&b);
}

TEST(other_files_of_the_folder_are_no_reason_to_read)
{
    struct bench b;

    start_old(&b, "one");
    for (int i = 0; i < 5; i++) {
        write_to(in_folder(&b, "other"), "noise");
        hear_nothing_for(&b, 80 * MS);
    }
    fini(&b);
}

/* A piece every 20 ms; turns go on in between. */
static void write_slowly(struct bench *b, int n_pieces)
{
    int fd = open(b->path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    for (int i = 0; i < n_pieces; i++) {
        uint64_t until_ns = grebe_now_ns() + 20 * MS;

        assert_int_equal(pwrite(fd, "piece", 5, 5 * (i % 10)), 5);
        while (grebe_now_ns() < until_ns)
            assert_int_equal(grebe_loop_turn(b->loop, 5), GREBE_OK);
    }
    close(fd);
}

TEST(slow_writer_is_let_finish)
{
    struct bench b;
    unsigned n;

    start_old(&b, "one");
    n = b.n_reads;
    write_slowly(&b, 10);
    hear(&b, "piecepiecepiecepiecepiecepiecepiecepiecepiecepiece");
    assert_int_equal(b.n_reads, n + 1);
    fini(&b);
}

TEST(writer_without_end_is_not_waited_for)
{
    struct bench b;
    unsigned n;

    start_old(&b, "one");
    n = b.n_reads;
    write_slowly(&b, 80); /* 1.6 s */
    assert_true(b.n_reads > n);
    assert_true(b.n_reads < n + 4);
    fini(&b);
}

/* ---- What is no file ----------------------------------------------------------------------- */

static void make_folder(struct bench *b)
{
    mkdir(b->path, 0755);
}

static void make_pipe(struct bench *b)
{
    mkfifo(b->path, 0644);
}

static void make_loop(struct bench *b)
{
    assert_int_equal(symlink("file", b->path), 0);
}

static void make_large(struct bench *b)
{
    char text[102];

    memset(text, 'x', 101);
    text[101] = '\0';
    write_file(b, text);
}

static const struct {
    void (*make)(struct bench *b);
    const char *error;
} flaws[] = {
    {make_folder, "error: it is a directory"},
    {make_pipe, "error: it is not a regular file"},
    {make_loop, "error: too many symbolic links encountered"},
    {make_large, "error: it has 101 bytes, 100 are allowed"},
};

TEST(what_cannot_be_read_is_an_error_once)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(flaws); i++) {
        struct bench b;

        init(&b);
        flaws[i].make(&b);
        in_turn(&b, true);
        hear(&b, flaws[i].error);
        hear_nothing_for(&b, 200 * MS);
        remove_folder(b.path);
        unlink(b.path);
        write_file(&b, "good");
        hear(&b, "good");
        fini(&b);
    }
}

TEST(file_of_the_largest_size_is_read_whole)
{
    struct bench b;
    char text[101];

    memset(text, 'y', 100);
    text[100] = '\0';
    start_old(&b, text);
    fini(&b);
}

/* ---- Life ------------------------------------------------------------------------------------ */

TEST(watch_can_be_given_up_at_any_time)
{
    for (unsigned n_turns = 0; n_turns < 5; n_turns++) {
        struct bench b;
        unsigned n;

        init(&b);
        write_file(&b, "one");
        in_turn(&b, true);
        for (unsigned i = 0; i < n_turns; i++)
            grebe_loop_turn(b.loop, 1);
        in_turn(&b, false);
        n = b.n_reads;
        write_file(&b, "two");
        for (unsigned i = 0; i < 5; i++)
            grebe_loop_turn(b.loop, 20);
        assert_int_equal(b.n_reads, n);
        in_turn(&b, true); /* and begun again */
        hear(&b, "two");
        fini(&b);
    }
}

TEST(watch_keeps_no_host_running)
{
    struct grebe_loop *own;
    struct bench b;
    uv_loop_t uv;

    init(&b);
    own = b.loop;
    write_file(&b, "one");
    assert_int_equal(uv_loop_init(&uv), 0);
    assert_int_equal(grebe_loop_attach(&uv, NULL, &b.loop), GREBE_OK);
    in_turn(&b, true);
    grebe__env_hold(&b.loop->env); /* a call that waits for the file */
    while (b.n_reads == 0)
        uv_run(&uv, UV_RUN_ONCE);
    grebe__env_release(&b.loop->env);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    in_turn(&b, false);
    grebe_loop_unref(b.loop);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&uv), 0);
    b.loop = own;
    fini(&b);
}

TEST(out_of_memory_is_an_error_and_passes)
{
    for (uint32_t n = 1; n <= 2; n++) {
        struct bench b;

        init(&b);
        write_file(&b, "one");
        b.mem.fail_at = b.mem.n_allocs + n;
        in_turn(&b, true);
        hear(&b, "error: out of memory");
        hear_within(&b, "one", 8 * SECOND);
        fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_are_read_first_and_after_each_write),
        cmocka_unit_test(file_that_takes_its_place_is_read),
        cmocka_unit_test(file_that_goes_is_an_error_and_comes_back),
        cmocka_unit_test(file_may_come_after_its_watch),
        cmocka_unit_test(symbolic_link_may_be_swapped_on_the_way),
        cmocka_unit_test(change_in_another_folder_is_seen_in_time),
        cmocka_unit_test(old_file_is_read_once),
        cmocka_unit_test(busy_folder_delays_nothing),
        cmocka_unit_test(folder_may_come_later_and_be_exchanged),
        cmocka_unit_test(other_files_of_the_folder_are_no_reason_to_read),
        cmocka_unit_test(slow_writer_is_let_finish),
        cmocka_unit_test(writer_without_end_is_not_waited_for),
        cmocka_unit_test(what_cannot_be_read_is_an_error_once),
        cmocka_unit_test(file_of_the_largest_size_is_read_whole),
        cmocka_unit_test(watch_can_be_given_up_at_any_time),
        cmocka_unit_test(watch_keeps_no_host_running),
        cmocka_unit_test(out_of_memory_is_an_error_and_passes),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
