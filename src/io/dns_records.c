/* SPDX-License-Identifier: Apache-2.0 */
/* The answer section is walked twice: to count and check, then to fill a block of just the
 * right size. */
#include "io/dns_records.h"

#include <string.h>

#include <grebe/error.h>

#include "base/text.h"

enum { HEADER_BYTES = 12, SRV_BYTES = 6, NAME_MAX_BYTES = 255, MAX_LABELS = 127 };
enum { TYPE_CNAME = 5, TYPE_TXT = 16, TYPE_SRV = 33, CLASS_IN = 1 };

/* A position in the message.  What lies beyond the end reads as 0, and is noticed. */
struct cursor {
    const unsigned char *message;
    size_t at, length;
    bool is_beyond;
};

struct record {
    unsigned type, class;
    uint32_t ttl_s;
    size_t at, length; /* of its data */
};

struct walk {
    enum grebe__lookup_kind kind;
    size_t max;
    struct grebe__dns_records *out; /* answers NULL: only count */
    char *text;                     /* where the next text goes, when filling */
    size_t n_bytes;                 /* of all texts */
    uint32_t alias_ttl_s;           /* the shortest of the aliases */
};

uint64_t grebe__dns_ttl_ns(uint32_t ttl_s)
{
    if (ttl_s == 0 || ttl_s > INT32_MAX) /* RFC 2181 8: the top bit makes it 0 */
        return 1;
    return (uint64_t)ttl_s * 1000000000;
}

/* ---- Bytes ------------------------------------------------------------------------- */

static unsigned next_u8(struct cursor *c)
{
    if (c->at >= c->length) {
        c->is_beyond = true;
        return 0;
    }
    return c->message[c->at++];
}

static unsigned next_u16(struct cursor *c)
{
    unsigned high = next_u8(c);

    return high << 8 | next_u8(c);
}

static void skip(struct cursor *c, size_t n)
{
    if (n > c->length - c->at)
        c->is_beyond = true;
    else
        c->at += n;
}

/* A name ends with an empty label, or with a pointer to elsewhere. */
static void skip_name(struct cursor *c)
{
    unsigned n;

    while ((n = next_u8(c)) != 0) {
        if (n >= 0xc0) {
            skip(c, 1);
            return;
        }
        if (n >= 0x40)
            c->is_beyond = true; /* no such label */
        skip(c, n);
        if (c->is_beyond)
            return;
    }
}

static bool is_host_byte(unsigned char c)
{
    return grebe__ascii_is_alpha((char)c) || grebe__ascii_is_digit((char)c) || c == '-' ||
           c == '_';
}

/* The name at `c`, each label with its dot, and a NUL.  False: no name at all, or beyond
 * the end.  *is_host: it could be one of a host.  A name has no use for more pointers than
 * it may have labels, which is also what a loop of pointers ends with. */
static bool read_name(struct cursor c, char buf[NAME_MAX_BYTES + 1], size_t *length,
                      bool *is_host)
{
    size_t n, used = 0, n_pointers = 0;

    *is_host = true;
    while ((n = next_u8(&c)) != 0) {
        if (n >= 0xc0) {
            size_t to = (n & 0x3f) << 8 | next_u8(&c);

            if (to > c.length || ++n_pointers > MAX_LABELS)
                return false;
            c.at = to;
            continue;
        }
        if (n >= 0x40 || n > c.length - c.at || used + n + 1 > NAME_MAX_BYTES)
            return false;
        for (size_t i = 0; i < n; i++)
            *is_host = *is_host && is_host_byte(c.message[c.at + i]);
        memcpy(buf + used, c.message + c.at, n);
        buf[used + n] = '.';
        used += n + 1;
        c.at += n;
    }
    if (used == 0)
        buf[used++] = '.'; /* the root */
    buf[used] = '\0';
    *length = used;
    return !c.is_beyond;
}

static struct record next_record(struct cursor *c)
{
    struct record record;

    skip_name(c);
    record.type = next_u16(c);
    record.class = next_u16(c);
    record.ttl_s = next_u16(c) << 16;
    record.ttl_s |= next_u16(c);
    record.length = next_u16(c);
    record.at = c->at;
    skip(c, record.length);
    return record;
}

/* ---- Records ----------------------------------------------------------------------- */

/* Room for one more answer, with `length` bytes of text; NULL when it is only counted, or
 * one too many. */
static struct grebe__lookup_answer *add(struct walk *walk, size_t length)
{
    struct grebe__dns_records *out = walk->out;
    struct grebe__lookup_answer *answer;

    if (out->n == walk->max) {
        out->n_left_out++;
        return NULL;
    }
    out->n++;
    walk->n_bytes += length + 1;
    if (out->answers == NULL)
        return NULL;
    answer = &out->answers[out->n - 1];
    *answer = (struct grebe__lookup_answer){.text = walk->text, .length = length};
    walk->text += length + 1;
    return answer;
}

static char *text_of(const struct grebe__lookup_answer *answer)
{
    return (char *)(uintptr_t)answer->text; /* we are still writing it */
}

static struct grebe__lookup_answer *take_srv(struct walk *walk,
                                             const struct cursor *message,
                                             const struct record *record, bool *is_sound)
{
    struct cursor c = *message;
    struct grebe__lookup_answer *answer, srv = {0};
    char name[NAME_MAX_BYTES + 1];
    size_t length;
    bool is_host;

    c.at = record->at;
    srv.priority = (uint16_t)next_u16(&c);
    srv.weight = (uint16_t)next_u16(&c);
    srv.port = (uint16_t)next_u16(&c);
    *is_sound = record->length > SRV_BYTES && read_name(c, name, &length, &is_host);
    if (!*is_sound)
        return NULL;
    if (!is_host || (srv.port == 0 && length > 1)) {
        walk->out->n_left_out++;
        return NULL;
    }
    answer = add(walk, length);
    if (answer == NULL)
        return NULL;
    answer->priority = srv.priority;
    answer->weight = srv.weight;
    answer->port = srv.port;
    memcpy(text_of(answer), name, length + 1);
    return answer;
}

/* Strings of up to 255 bytes, each with its length in front. */
static struct grebe__lookup_answer *take_txt(struct walk *walk,
                                             const struct cursor *message,
                                             const struct record *record, bool *is_sound)
{
    const unsigned char *at = message->message + record->at, *end = at + record->length;
    struct grebe__lookup_answer *answer;
    size_t length = 0, used = 0;

    while (at < end && *at < end - at) {
        length += *at;
        at += *at + 1;
    }
    *is_sound = at == end;
    answer = *is_sound ? add(walk, length) : NULL;
    if (answer == NULL)
        return NULL;
    for (at = message->message + record->at; at < end; at += *at + 1) {
        memcpy(text_of(answer) + used, at + 1, *at);
        used += *at;
    }
    text_of(answer)[used] = '\0';
    return answer;
}

static bool take(struct walk *walk, const struct cursor *message,
                 const struct record *record)
{
    bool is_srv = walk->kind == GREBE__LOOKUP_SRV, is_sound = true;
    struct grebe__lookup_answer *answer = NULL;

    if (record->class != CLASS_IN)
        return true;
    if (record->type == TYPE_CNAME && record->ttl_s < walk->alias_ttl_s)
        walk->alias_ttl_s = record->ttl_s;
    if (is_srv && record->type == TYPE_SRV)
        answer = take_srv(walk, message, record, &is_sound);
    if (!is_srv && record->type == TYPE_TXT)
        answer = take_txt(walk, message, record, &is_sound);
    if (answer != NULL)
        answer->ttl_ns = grebe__dns_ttl_ns(
            record->ttl_s < walk->alias_ttl_s ? record->ttl_s : walk->alias_ttl_s);
    return is_sound;
}

static int walk_answers(struct walk *walk, const unsigned char *message, size_t length)
{
    struct cursor c = {.message = message, .length = length, .at = 4};
    unsigned n_questions = next_u16(&c), n_answers = next_u16(&c);

    skip(&c, HEADER_BYTES - c.at);
    for (; n_questions > 0 && !c.is_beyond; n_questions--) {
        skip_name(&c);
        skip(&c, 4);
    }
    for (; n_answers > 0 && !c.is_beyond; n_answers--) {
        struct record record = next_record(&c);

        if (c.is_beyond || !take(walk, &c, &record))
            return GREBE_ERR_INVALID;
    }
    return c.is_beyond ? GREBE_ERR_INVALID : GREBE_OK;
}

int grebe__dns_records_parse(const struct grebe_mem *mem, const unsigned char *message,
                             size_t length, enum grebe__lookup_kind kind, size_t max,
                             struct grebe__dns_records *out)
{
    struct walk walk = {.kind = kind, .max = max, .out = out, .alias_ttl_s = UINT32_MAX};
    int result;

    *out = (struct grebe__dns_records){0};
    if (length < HEADER_BYTES)
        return GREBE_ERR_INVALID;
    result = walk_answers(&walk, message, length);
    if (result == GREBE_OK && out->n == 0)
        return GREBE_OK;
    if (result == GREBE_OK) {
        out->answers = grebe_mem_alloc(mem, out->n * sizeof *out->answers + walk.n_bytes);
        result = out->answers == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
    }
    if (result != GREBE_OK) {
        *out = (struct grebe__dns_records){0};
        return result;
    }
    walk.text = (char *)(out->answers + out->n);
    out->n = out->n_left_out = 0;
    return walk_answers(&walk, message, length);
}
