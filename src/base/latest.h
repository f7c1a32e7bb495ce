/* SPDX-License-Identifier: Apache-2.0 */
/* base/latest.h -- the latest of what several threads measured, and when: for any thread to
 * read, and for each of a crew to write without waiting for the others.
 *
 * Who has a number (base/crew.h) writes two cells of its own in turn, so that readers look at
 * one while the other one is filled, and then its version: how many writes came before, of
 * anybody, and in the lowest bits which cell.  The highest version is the latest.  A reader
 * whose cell was overtaken twice sees another version and looks again.  Writes that meet have
 * the same count, and one of them is lost; so is that of one of the others, who share a
 * number, when somebody else of them writes.  What is kept here is a measurement, and there
 * will be another.
 *
 * Loads of a cell are acquiring and stores releasing, so that whoever sees a store of the
 * next write also sees the version that came before it.
 */
#ifndef GREBE_BASE_LATEST_H
#define GREBE_BASE_LATEST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/crew.h"
#include "base/stamped.h"

enum {
    GREBE__LATEST_CELLS = 2 * GREBE__CREW_NUMBERS, /* two for each number, side by side */
    GREBE__LATEST_WRITE = GREBE__LATEST_CELLS, /* a version is writes * this + the cell */
};

struct grebe__latest {
    uint64_t versions[GREBE__CREW_NUMBERS]; /* atomic */
    uint32_t is_taken;                      /* atomic: one of the others writes */
    struct {
        _Alignas(16) uint64_t value; /* the bits of a double; atomic */
        uint64_t at_ns;              /* atomic */
    } cells[GREBE__LATEST_CELLS];
};

/* Before anybody else knows of it. */
static inline void grebe__latest_init(struct grebe__latest *latest, double value,
                                      uint64_t at_ns)
{
    memset(latest, 0, sizeof *latest);
    latest->cells[0].value = grebe__stamped_bits(value);
    latest->cells[0].at_ns = at_ns;
}

static inline uint64_t grebe__latest_version(const struct grebe__latest *latest)
{
    uint64_t highest = __atomic_load_n(&latest->versions[0], __ATOMIC_ACQUIRE);

    for (unsigned i = 1; i < GREBE__CREW_NUMBERS; i++) {
        uint64_t version = __atomic_load_n(&latest->versions[i], __ATOMIC_ACQUIRE);

        highest = version > highest ? version : highest;
    }
    return highest;
}

/* The version of what is read: below GREBE__LATEST_WRITE if nobody wrote yet. */
static inline uint64_t grebe__latest_read(const struct grebe__latest *latest,
                                          double *value, uint64_t *at_ns)
{
    uint64_t version, bits;
    unsigned cell;

    do {
        version = grebe__latest_version(latest);
        cell = (unsigned)(version % GREBE__LATEST_WRITE);
        bits = __atomic_load_n(&latest->cells[cell].value, __ATOMIC_ACQUIRE);
        *at_ns = __atomic_load_n(&latest->cells[cell].at_ns, __ATOMIC_ACQUIRE);
    } while (__atomic_load_n(&latest->versions[cell / 2], __ATOMIC_ACQUIRE) != version);
    *value = grebe__stamped_double(bits);
    return version;
}

/* True: the calling thread, which has `number`, may write, and has to.  False: another one
 * of those who share it is at it. */
static inline bool grebe__latest_take(struct grebe__latest *latest, unsigned number)
{
    return number != GREBE__CREW_OTHERS ||
           __atomic_exchange_n(&latest->is_taken, 1, __ATOMIC_ACQUIRE) == 0;
}

/* After `version`, which was read. */
static inline void grebe__latest_write(struct grebe__latest *latest, unsigned number,
                                       uint64_t version, double value, uint64_t at_ns)
{
    uint64_t mine = __atomic_load_n(&latest->versions[number], __ATOMIC_RELAXED);
    unsigned cell = 2 * number + (unsigned)(~mine & 1);

    version = version - version % GREBE__LATEST_WRITE + GREBE__LATEST_WRITE;
    __atomic_store_n(&latest->cells[cell].value, grebe__stamped_bits(value),
                     __ATOMIC_RELEASE);
    __atomic_store_n(&latest->cells[cell].at_ns, at_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&latest->versions[number], version + cell, __ATOMIC_RELEASE);
    if (number == GREBE__CREW_OTHERS)
        __atomic_store_n(&latest->is_taken, 0, __ATOMIC_RELEASE);
}

#endif
