/* SPDX-License-Identifier: Apache-2.0 */
/* hello.c -- one call over all backends of a name.
 *
 *     cc hello.c -o hello $(pkg-config --cflags --libs grebe)
 *     ./hello dns:///greeter.example:50051
 */
#include <stdio.h>

#include <grebe/grebe.h>

int main(int argc, char *argv[])
{
    const char *target = argc > 1 ? argv[1] : "localhost:50051";
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_diag diag;
    struct grebe_call *call;
    size_t length;

    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.policy = "round_robin";
    if (grebe_channel_new(target, &options, &diag, &channel) != GREBE_OK) {
        fprintf(stderr, "%s\n", diag.text);
        return 2;
    }
    if (grebe_call_unary(channel, "/hello.Greeter/Hello", "hi", 2, NULL, &call) !=
        GREBE_OK)
        return 2;
    if (grebe_call_status(call)->code == GREBE_STATUS_OK) {
        const char *response = grebe_call_response(call, &length);

        printf("%s: %.*s\n", grebe_call_peer(call), (int)length, response);
    } else {
        fprintf(stderr, "%s\n", grebe_call_status(call)->message);
    }
    grebe_call_unref(call);
    grebe_channel_destroy(channel);
    return 0;
}
