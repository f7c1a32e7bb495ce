/* SPDX-License-Identifier: Apache-2.0 */
#include <xds/service/orca/v3/orca.pb-c.h>

#include "messages/load_report.h"

size_t grebe__load_request_write(uint64_t interval_ns,
                                 unsigned char out[GREBE__LOAD_REQUEST_MAX])
{
    Xds__Service__Orca__V3__OrcaLoadReportRequest request =
        XDS__SERVICE__ORCA__V3__ORCA_LOAD_REPORT_REQUEST__INIT;
    Google__Protobuf__Duration interval = GOOGLE__PROTOBUF__DURATION__INIT;

    interval.seconds = (int64_t)(interval_ns / 1000000000);
    interval.nanos = (int32_t)(interval_ns % 1000000000);
    request.report_interval = &interval;
    return xds__service__orca__v3__orca_load_report_request__pack(&request, out);
}
