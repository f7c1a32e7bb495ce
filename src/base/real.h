/* SPDX-License-Identifier: Apache-2.0 */
/* base/real.h -- doubles that any thread may read and write, each time whole.
 *
 * No two of them need be of the same moment: they are weights, rates and measurements.
 */
#ifndef GREBE_BASE_REAL_H
#define GREBE_BASE_REAL_H

static inline double grebe__real_get(const double *real)
{
    double value;

    __atomic_load(real, &value, __ATOMIC_RELAXED);
    return value;
}

static inline void grebe__real_set(double *real, double value)
{
    __atomic_store(real, &value, __ATOMIC_RELAXED);
}

#endif
