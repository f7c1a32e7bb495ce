/* SPDX-License-Identifier: Apache-2.0 */
#include <grebe/metrics.h>

#include "base/ref.h"

struct grebe_recorder *grebe_recorder_ref(struct grebe_recorder *recorder)
{
    grebe__ref_get(&recorder->refs);
    return recorder;
}

void grebe_recorder_unref(struct grebe_recorder *recorder)
{
    if (recorder != NULL && grebe__ref_put(&recorder->refs))
        recorder->ops->destroy(recorder);
}
