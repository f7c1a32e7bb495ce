/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf that servers send: load reports, with every call, and health. */
#include "fuzz/fuzz.h"

#include "messages/health.h"
#include "messages/load_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grebe__load_report report;
    int status;

    if (grebe__load_report_read(fuzz_mem(), data, size, &report) == GREBE_OK)
        grebe__load_report_fini(&report);
    (void)grebe__health_response_read(fuzz_mem(), data, size, &status);
    fuzz_none_left();
    return 0;
}
