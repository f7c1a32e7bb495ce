/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <grebe/status.h>

#include "base/assert.h"
#include "h2/codes.h"

static const struct {
    uint32_t error;
    const char *name;
    const char *label;
    int status;
} errors[] = {
    {0, "NO_ERROR", "GOAWAY NO_ERROR", GREBE_STATUS_INTERNAL},
    {1, "PROTOCOL_ERROR", "GOAWAY PROTOCOL_ERROR", GREBE_STATUS_INTERNAL},
    {2, "INTERNAL_ERROR", "GOAWAY INTERNAL_ERROR", GREBE_STATUS_INTERNAL},
    {3, "FLOW_CONTROL_ERROR", "GOAWAY FLOW_CONTROL_ERROR",
     GREBE_STATUS_RESOURCE_EXHAUSTED},
    {4, "SETTINGS_TIMEOUT", "GOAWAY SETTINGS_TIMEOUT", GREBE_STATUS_INTERNAL},
    {5, "STREAM_CLOSED", "GOAWAY STREAM_CLOSED", GREBE_STATUS_INTERNAL},
    {6, "FRAME_SIZE_ERROR", "GOAWAY FRAME_SIZE_ERROR", GREBE_STATUS_INTERNAL},
    {7, "REFUSED_STREAM", "GOAWAY REFUSED_STREAM", GREBE_STATUS_UNAVAILABLE},
    {8, "CANCEL", "GOAWAY CANCEL", GREBE_STATUS_CANCELLED},
    {9, "COMPRESSION_ERROR", "GOAWAY COMPRESSION_ERROR", GREBE_STATUS_INTERNAL},
    {10, "CONNECT_ERROR", "GOAWAY CONNECT_ERROR", GREBE_STATUS_INTERNAL},
    {11, "ENHANCE_YOUR_CALM", "GOAWAY ENHANCE_YOUR_CALM",
     GREBE_STATUS_RESOURCE_EXHAUSTED},
    {12, "INADEQUATE_SECURITY", "GOAWAY INADEQUATE_SECURITY",
     GREBE_STATUS_PERMISSION_DENIED},
    {13, "HTTP_1_1_REQUIRED", "GOAWAY HTTP_1_1_REQUIRED", GREBE_STATUS_INTERNAL},
    {14, "UNKNOWN", "GOAWAY UNKNOWN", GREBE_STATUS_UNKNOWN},
    {0x99, "UNKNOWN", "GOAWAY UNKNOWN", GREBE_STATUS_UNKNOWN},
    {UINT32_MAX, "UNKNOWN", "GOAWAY UNKNOWN", GREBE_STATUS_UNKNOWN},
};

TEST(http2_errors_have_names_and_statuses)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(errors); i++) {
        assert_string_equal(grebe__h2_error_name(errors[i].error), errors[i].name);
        assert_string_equal(grebe__h2_goaway_label(errors[i].error), errors[i].label);
        assert_int_equal(grebe__h2_error_status(errors[i].error), errors[i].status);
    }
}

static const struct {
    int http, status;
} answers[] = {
    {400, GREBE_STATUS_INTERNAL},          {401, GREBE_STATUS_UNAUTHENTICATED},
    {403, GREBE_STATUS_PERMISSION_DENIED}, {404, GREBE_STATUS_UNIMPLEMENTED},
    {429, GREBE_STATUS_UNAVAILABLE},       {431, GREBE_STATUS_INTERNAL},
    {502, GREBE_STATUS_UNAVAILABLE},       {503, GREBE_STATUS_UNAVAILABLE},
    {504, GREBE_STATUS_UNAVAILABLE},       {200, GREBE_STATUS_UNKNOWN},
    {302, GREBE_STATUS_UNKNOWN},           {415, GREBE_STATUS_UNKNOWN},
    {500, GREBE_STATUS_UNKNOWN},           {0, GREBE_STATUS_UNKNOWN},
    {999, GREBE_STATUS_UNKNOWN},
};

TEST(http_answers_have_statuses)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(answers); i++)
        assert_int_equal(grebe__http_status(answers[i].http), answers[i].status);
}

TEST(http_answers_have_reasons)
{
    assert_string_equal(grebe__http_reason(503), "Service Unavailable");
    assert_string_equal(grebe__http_reason(299), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http2_errors_have_names_and_statuses),
        cmocka_unit_test(http_answers_have_statuses),
        cmocka_unit_test(http_answers_have_reasons),
    };

    return cmocka_run_group_tests_name("codes", tests, NULL, NULL);
}
