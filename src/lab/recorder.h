/* SPDX-License-Identifier: Apache-2.0 */
/* lab/recorder.h -- what policies record, told as it is recorded.
 *
 * Threading   One thread.
 */
#ifndef GREBE_LAB_RECORDER_H
#define GREBE_LAB_RECORDER_H

#include <grebe/metrics.h>

struct lab_recorder {
    struct grebe_recorder base;
    struct lab *lab;
};

/* Gives the lab's host a meter with this recorder in it. */
int lab__recorder_start(struct lab *lab);
/* All series end. */
void lab__recorder_stop(struct lab *lab);

#endif
