/* SPDX-License-Identifier: Apache-2.0 */
/* base/stamped.h -- a number and when it was taken, for any thread to read and to replace,
 * without a lock.
 *
 * There are two cells: readers look at one while a writer fills the other, and then the
 * version changes, whose lowest bit says which is which.  A reader that was overtaken twice
 * sees another version and looks again.  Of writers that meet one wins and the others give
 * up: what is kept here is a measurement, and there will be another.
 *
 * Loads of a cell are acquiring and stores releasing, so that whoever sees a store of the
 * next write also sees the version that came before it.
 */
#ifndef GREBE_BASE_STAMPED_H
#define GREBE_BASE_STAMPED_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct grebe__stamped {
    struct {
        uint64_t value; /* the bits of a double; atomic */
        uint64_t at_ns; /* atomic */
    } cells[2];
    uint32_t version;  /* atomic: how many writes there were */
    uint32_t is_taken; /* atomic: somebody writes */
};

static inline uint64_t grebe__stamped_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double grebe__stamped_double(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Before anybody else knows of it. */
static inline void grebe__stamped_init(struct grebe__stamped *stamped, double value,
                                       uint64_t at_ns)
{
    memset(stamped, 0, sizeof *stamped);
    stamped->cells[0].value = grebe__stamped_bits(value);
    stamped->cells[0].at_ns = at_ns;
}

/* How many writes there were before what is read, cut to 32 bits. */
static inline uint32_t grebe__stamped_read(const struct grebe__stamped *stamped,
                                           double *value, uint64_t *at_ns)
{
    uint32_t version = __atomic_load_n(&stamped->version, __ATOMIC_ACQUIRE), seen;
    uint64_t bits;

    do {
        seen = version;
        bits = __atomic_load_n(&stamped->cells[seen & 1].value, __ATOMIC_ACQUIRE);
        *at_ns = __atomic_load_n(&stamped->cells[seen & 1].at_ns, __ATOMIC_ACQUIRE);
        version = __atomic_load_n(&stamped->version, __ATOMIC_ACQUIRE);
    } while (version != seen);
    *value = grebe__stamped_double(bits);
    return seen;
}

/* True: what is read from now on stays until write(), which has to follow.  False: another
 * thread is at it. */
static inline bool grebe__stamped_take(struct grebe__stamped *stamped)
{
    return __atomic_exchange_n(&stamped->is_taken, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void grebe__stamped_write(struct grebe__stamped *stamped, double value,
                                        uint64_t at_ns)
{
    uint32_t version = __atomic_load_n(&stamped->version, __ATOMIC_RELAXED) + 1;

    __atomic_store_n(&stamped->cells[version & 1].value, grebe__stamped_bits(value),
                     __ATOMIC_RELEASE);
    __atomic_store_n(&stamped->cells[version & 1].at_ns, at_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&stamped->version, version, __ATOMIC_RELEASE);
    __atomic_store_n(&stamped->is_taken, 0, __ATOMIC_RELEASE);
}

#endif
