/* SPDX-License-Identifier: Apache-2.0 */
#include "support/recording.h"

#include <stdio.h>
#include <string.h>

#include "support/test.h"

static struct recording the_recording;
static struct replayed the_replay;

/* ---- Recording ------------------------------------------------------------------------ */

static bool on_write(struct grebe__record_sink *sink, const char *line, size_t length)
{
    struct recording *recording = grebe_container_of(sink, struct recording, sink);

    if (recording->has_no_room)
        return false;
    assert_true(length > 1 && line[length - 1] == '\n');
    assert_true(recording->length + length < RECORDING_BYTES);
    memcpy(recording->text + recording->length, line, length);
    recording->length += length;
    recording->text[recording->length] = '\0';
    return true;
}

static const char *on_failure(struct grebe__record_sink *sink)
{
    return grebe_container_of(sink, struct recording, sink)->failure;
}

struct recording *recording_start(void)
{
    the_recording.sink = (struct grebe__record_sink){on_write, on_failure};
    the_recording.has_no_room = false;
    the_recording.failure = NULL;
    the_recording.length = 0;
    the_recording.text[0] = '\0';
    return &the_recording;
}

/* ---- Lines ------------------------------------------------------------------------------ */

/* Not with strcspn() and strstr(): under AddressSanitizer they look at all of the text. */
static size_t line_length(const struct recording *recording, const char *line)
{
    const char *end = recording->text + recording->length;
    const char *newline = memchr(line, '\n', (size_t)(end - line));

    return (size_t)((newline == NULL ? end : newline) - line);
}

/* Where the n-th line that has `part` begins, and its number; NULL: there is none. */
static char *find(const struct recording *recording, const char *part, unsigned n,
                  uint32_t *number)
{
    const char *line = recording->text;

    *number = 0;
    while (line < recording->text + recording->length) {
        size_t length = line_length(recording, line);

        ++*number;
        if (memmem(line, length, part, strlen(part)) != NULL && --n == 0)
            return (char *)(uintptr_t)line;
        line += length + 1;
    }
    *number = 0;
    return NULL;
}

unsigned recording_count(const struct recording *recording, const char *part)
{
    const char *line = recording->text;
    unsigned n = 0;

    while (line < recording->text + recording->length) {
        size_t length = line_length(recording, line);

        n += memmem(line, length, part, strlen(part)) != NULL;
        line += length + 1;
    }
    return n;
}

const char *recording_find(const struct recording *recording, const char *part,
                           unsigned n)
{
    static char copy[65536];
    uint32_t number;
    const char *line = find(recording, part, n, &number);

    if (line == NULL)
        return NULL;
    snprintf(copy, sizeof copy, "%.*s", (int)line_length(recording, line), line);
    return copy;
}

uint32_t recording_line(const struct recording *recording, const char *part, unsigned n)
{
    uint32_t number;

    find(recording, part, n, &number);
    return number;
}

static void replace(struct recording *recording, char *at, size_t length, const char *by)
{
    size_t by_length = strlen(by);
    char *rest = at + length, *end = recording->text + recording->length;

    memmove(at + by_length, rest, (size_t)(end + 1 - rest));
    memcpy(at, by, by_length);
    recording->length += by_length - length;
}

void recording_change(struct recording *recording, const char *part, unsigned n,
                      const char *by)
{
    uint32_t number;
    char *line = find(recording, part, n, &number);

    assert_non_null(line);
    replace(recording, memmem(line, line_length(recording, line), part, strlen(part)),
            strlen(part), by);
}

void recording_drop(struct recording *recording, const char *part, unsigned n)
{
    uint32_t number;
    char *line = find(recording, part, n, &number);

    assert_non_null(line);
    replace(recording, line, line_length(recording, line) + 1, "");
}

/* ---- Replay ----------------------------------------------------------------------------- */

static void on_difference(void *arg, const struct lab_difference *difference)
{
    struct replayed *replayed = arg;
    size_t used = strlen(replayed->differences);

    if (used == 0) {
        snprintf(replayed->recorded, sizeof replayed->recorded, "%s",
                 difference->recorded);
        snprintf(replayed->now, sizeof replayed->now, "%s", difference->now);
    }
    if (used + 64 < sizeof replayed->differences)
        snprintf(replayed->differences + used, sizeof replayed->differences - used,
                 "%sline %u: %s", used > 0 ? ", " : "", (unsigned)difference->line,
                 difference->is_pick ? "pick" : "other");
}

static void give_lines(struct lab_replay *replay, const struct recording *recording)
{
    struct replayed *replayed = &the_replay;
    const char *line = recording->text;

    while (line < recording->text + recording->length && replayed->error == GREBE_OK) {
        size_t length = line_length(recording, line);

        replayed->line++;
        replayed->error = lab_replay_line(replay, line, length, &replayed->diag);
        line += length + 1;
    }
}

struct replayed *recording_replay(const struct recording *recording,
                                  const struct grebe_mem *mem)
{
    struct lab_replay *replay;

    memset(&the_replay, 0, sizeof the_replay);
    replay = lab_replay_new(&(struct lab_replay_options){
        .mem = mem, .on_difference = on_difference, .arg = &the_replay});
    if (replay == NULL) {
        the_replay.error = GREBE_ERR_NOMEM;
        return &the_replay;
    }
    give_lines(replay, recording);
    the_replay.result = lab_replay_result(replay);
    snprintf(the_replay.policy, sizeof the_replay.policy, "%s", the_replay.result.policy);
    lab_replay_destroy(replay);
    return &the_replay;
}
