/* SPDX-License-Identifier: Apache-2.0 */
/* install/consumer.c -- the smallest program that needs all of libgrebe. */
#include <stdio.h>

#include <grebe/grebe.h>

int main(void)
{
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_call *call;
    struct grebe_diag diag;
    int code;

    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    /* Nobody listens on port 1: the call fails, and that is what it should do. */
    if (grebe_channel_new("ipv4:127.0.0.1:1", &options, &diag, &channel) != GREBE_OK) {
        fprintf(stderr, "%s\n", diag.text);
        return 1;
    }
    if (grebe_call_unary(channel, "/a.B/C", "", 0, NULL, &call) != GREBE_OK)
        return 1;
    code = grebe_call_status(call)->code;
    printf("grebe %s: %s\n", grebe_version(), grebe_call_status(call)->message);
    grebe_call_unref(call);
    grebe_channel_destroy(channel);
    return code == GREBE_STATUS_UNAVAILABLE ? 0 : 1;
}
