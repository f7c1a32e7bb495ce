/* SPDX-License-Identifier: Apache-2.0 */
/* core/backoff.h -- how long to wait before trying again.
 *
 * Delay n is base * multiplier^n, capped, times a random factor in [1 - jitter,
 * 1 + jitter).  Delay 0 is the base exactly.  The jitter comes after the cap, so 144 s is
 * reachable with a cap of 120 s.
 *
 * Source: gRPC connection backoff protocol; the numbers are grpc-go's.
 */
#ifndef GREBE_CORE_BACKOFF_H
#define GREBE_CORE_BACKOFF_H

#include <stdint.h>

struct grebe__backoff_policy {
    uint64_t base_ns;
    double multiplier;
    double jitter;
    uint64_t max_ns;
};

/* 1 s, 1.6, 0.2, 120 s. */
extern const struct grebe__backoff_policy grebe__backoff_default;

/* `unit` is uniform in [0, 1). */
uint64_t grebe__backoff_delay_ns(const struct grebe__backoff_policy *policy, unsigned n,
                                 double unit);

#endif
