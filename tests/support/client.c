/* SPDX-License-Identifier: Apache-2.0 */
#include "support/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct grebe_channel *client_open(const char *target, const char *policy,
                                  struct grebe_credentials *credentials)
{
    struct grebe_channel_options options;
    struct grebe_channel *channel = NULL;
    struct grebe_diag diag = {""};

    grebe_channel_options_init(&options);
    options.policy = policy;
    options.credentials =
        credentials == NULL ? grebe_credentials_insecure() : credentials;
    if (grebe_channel_new(target, &options, &diag, &channel) != GREBE_OK)
        fail_msg("%s: %s", target, diag.text);
    return channel;
}

static struct grebe_call_options call_options(const struct client_request *request)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;

    options.timeout_ns =
        request->timeout_ns == 0 ? 20000 * CLIENT_MS : request->timeout_ns;
    options.metadata = request->metadata;
    options.authority = request->authority;
    options.wait_for_ready = request->waits_for_ready ? GREBE_YES : GREBE_DEFAULT;
    return options;
}

struct grebe_call *client_call(struct grebe_channel *channel,
                               const struct client_request *request)
{
    struct grebe_call_options options = call_options(request);
    struct grebe_call *call = NULL;

    assert_int_equal(grebe_call_unary(channel, request->method, request->message,
                                      request->message_length, &options, &call),
                     GREBE_OK);
    grebe_metadata_unref(request->metadata);
    return call;
}

struct grebe_call *client_start(struct grebe_channel *channel,
                                const struct client_request *request,
                                grebe_call_done_fn on_done, void *arg)
{
    struct grebe_call_options options = call_options(request);
    struct grebe_call *call = NULL;

    assert_int_equal(grebe_call_start_unary(channel, request->method, request->message,
                                            request->message_length, &options, on_done,
                                            arg, &call),
                     GREBE_OK);
    grebe_metadata_unref(request->metadata);
    return call;
}

struct grebe_metadata *client_metadata(const char *key, ...)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    va_list rest;

    assert_non_null(metadata);
    va_start(rest, key);
    while (key != NULL) {
        const char *value = va_arg(rest, const char *);

        assert_int_equal(grebe_metadata_add(metadata, key, value, strlen(value)),
                         GREBE_OK);
        key = va_arg(rest, const char *);
    }
    va_end(rest);
    return metadata;
}

void client_expect(const struct grebe_call *call, int code, const char *part)
{
    const struct grebe_status *status = grebe_call_status(call);
    char want[24], got[24];

    if (status->code == code && (part == NULL || strstr(status->message, part) != NULL))
        return;
    fail_msg("want %s \"...%s...\", got %s \"%s\"", grebe_status_code_name(code, want),
             part == NULL ? "" : part, grebe_status_code_name(status->code, got),
             status->message);
}

void client_copy_text(const struct grebe_call *call, char *buf, size_t size)
{
    const char *response;
    size_t length;

    client_expect(call, GREBE_STATUS_OK, NULL);
    response = grebe_call_response(call, &length);
    snprintf(buf, size, "%.*s", (int)length, response);
}

void client_expect_text(const struct grebe_call *call, const char *text)
{
    const void *response;
    size_t length;

    client_expect(call, GREBE_STATUS_OK, NULL);
    response = grebe_call_response(call, &length);
    assert_int_equal(length, strlen(text));
    assert_memory_equal(response, text, length);
}
