/* SPDX-License-Identifier: Apache-2.0 */
#include "channel_args.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "output.h"
#include "payload.h"

#define AT(member) offsetof(struct channel_args, member)

const struct option_spec channel_options[] = {
    {OPTION_FLAG, '\0', "plaintext", AT(is_plaintext), NULL, NULL, 0,
     "no TLS; the default is TLS with the system's roots"},
    {OPTION_TEXT, '\0', "cacert", AT(ca), "FILE", NULL, 0,
     "trust the certificates that this CA has signed (PEM)"},
    {OPTION_TEXT, '\0', "cert", AT(cert), "FILE", NULL, 0,
     "client certificate chain for mTLS (PEM)"},
    {OPTION_TEXT, '\0', "key", AT(key), "FILE", NULL, 0, "its key (PEM)"},
    {OPTION_FLAG, '\0', "insecure", AT(skips_verification), NULL, NULL, 0,
     "TLS without verification: for experiments"},
    {OPTION_TEXT, '\0', "authority", AT(authority), "NAME", NULL, 0,
     "what servers are called by, instead of the target's name"},
    {OPTION_TEXT, '\0', "policy", AT(policy), "NAME", NULL, 0,
     "balance with round_robin, pick_first..., unless a service config says otherwise"},
    {OPTION_TEXT, '\0', "service-config", AT(service_config), "JSON", NULL, 0,
     "or @FILE: used if the resolver has none"},
    {OPTION_DURATION, '\0', "connect-timeout", AT(connect_timeout_ns), "TIME", NULL, 1,
     "for TCP, TLS and HTTP/2 of a connection together; 20s unless given; the longer the "
     "backoff gets, the longer may an attempt take"},
    {OPTION_DURATION, '\0', "keepalive-time", AT(keepalive_time_ns), "TIME", NULL, 1,
     "PING after this long without news; at least 10s"},
    {OPTION_TEXT, '\0', "tcp-congestion", AT(congestion), "NAME", NULL, 0,
     "TCP_CONGESTION of the sockets, as in cubic"},
    {OPTION_LIST, 'H', "header", AT(headers), "'NAME: VALUE'", NULL, 0,
     "metadata to send; values of NAME-bin in base64; may be repeated"},
    {OPTION_DURATION, '\0', "max-time", AT(max_time_ns), "TIME", NULL, 1,
     "the deadline of a call"},
    {OPTION_TEXT, '\0', "record", AT(record), "FILE", NULL, 0,
     "write down all that reaches the policy, for grebe replay"},
    {OPTION_TEXT, '\0', "record-metadata", AT(record_metadata), "NAMES", NULL, 0,
     "headers to be written down too, as in session-id,tenant, though the policy does not "
     "look at them"},
    {OPTION_TEXT, '\0', "channelz", AT(channelz), "FILE", NULL, 0,
     "at the end write down what channels and connections did, as JSON of "
     "grpc.channelz.v1"},
    {OPTION_FLAG, '\0', "wait-for-ready", AT(waits_for_ready), NULL, NULL, 0,
     "wait for a backend instead of failing while none is up"},
    {.kind = OPTION_END},
};

/* ---- Channel ----------------------------------------------------------------------- */

static int check(const char *verb, const struct channel_args *args)
{
    bool wants_tls = args->ca != NULL || args->cert != NULL || args->key != NULL ||
                     args->skips_verification;

    if (args->is_plaintext && wants_tls)
        return options_complain(
            verb, "--plaintext does not go with --cacert, --cert, --key or --insecure");
    if ((args->cert == NULL) != (args->key == NULL))
        return options_complain(verb, "--cert and --key go together");
    if (args->ca != NULL && args->skips_verification)
        return options_complain(verb, "--insecure would ignore --cacert: choose one");
    if (args->record_metadata != NULL && args->record == NULL)
        return options_complain(verb, "--record-metadata goes with --record");
    if (args->policy != NULL && grebe_balancer_get(args->policy) == NULL)
        return options_complain(verb, "--policy: there is no '%s'", args->policy);
    return EXIT_FINE;
}

int channel_check_target(const char *verb, const char *target)
{
    static const char scheme_bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    size_t length = strspn(target, scheme_bytes);
    char scheme[32];

    if (length == 0 || length >= sizeof scheme ||
        strncmp(target + length, "://", strlen("://")) != 0)
        return EXIT_FINE;
    for (size_t i = 0; i < length; i++)
        scheme[i] = (char)tolower((unsigned char)target[i]);
    scheme[length] = '\0';
    if (grebe_resolver_get(scheme) != NULL)
        return EXIT_FINE;
    return options_complain(verb,
                            "TARGET: nobody resolves '%s'; there are dns, ipv4, ipv6, "
                            "unix, unix-abstract, passthrough, file and those of --load",
                            scheme);
}

int channel_refused(const char *verb, int result, const struct grebe_diag *diag)
{
    if (result == GREBE_ERR_NOMEM || result == GREBE_ERR_SYSTEM)
        return options_fail(verb, "%s", diag->text);
    return options_complain(verb, "%s", diag->text);
}

static int make_credentials(const char *verb, const struct channel_args *args,
                            struct grebe_credentials **out)
{
    struct grebe_tls_options options = GREBE_TLS_OPTIONS_INIT;
    struct grebe_diag diag;
    int result;

    if (args->is_plaintext) {
        *out = grebe_credentials_insecure();
        return EXIT_FINE;
    }
    options.ca_file = args->ca;
    options.cert_file = args->cert;
    options.key_file = args->key;
    options.skips_verification = args->skips_verification;
    result = grebe_credentials_tls(&options, &diag, out);
    return result == GREBE_OK ? EXIT_FINE : channel_refused(verb, result, &diag);
}

/* JSON as it was given or from a file; out->bytes NULL if there is none. */
static int load_service_config(const char *verb, const struct channel_args *args,
                               struct payload *out)
{
    char error[256];

    *out = (struct payload){NULL, 0};
    if (args->service_config == NULL)
        return EXIT_FINE;
    if (!payload_load(args->service_config, out, error, sizeof error))
        return options_complain(verb, "--service-config: %s", error);
    return EXIT_FINE;
}

static int make_channel(const char *verb, const char *target,
                        const struct grebe_channel_options *options,
                        struct grebe_channel **out)
{
    struct grebe_diag diag;
    int result = grebe_channel_new(target, options, &diag, out);

    return result == GREBE_OK ? EXIT_FINE : channel_refused(verb, result, &diag);
}

/* An attempt may take as long as the backoff behind it: the first of these must not make
 * the timeout longer than it was asked for. */
static void set_connect_timeout(uint64_t timeout_ns,
                                struct grebe_channel_options *options)
{
    if (timeout_ns == 0)
        return;
    options->min_connect_timeout_ns = timeout_ns;
    if (timeout_ns < options->backoff_base_ns)
        options->backoff_base_ns = timeout_ns;
}

/* Between the channel and the verb's own log: did the recording come to its end?  A process
 * of the tool has one channel. */
static struct {
    grebe_log_fn on_log;
    void *arg;
    char cut[512]; /* why it did not */
} recording;

static void watch_recording(void *arg, enum grebe_log_level level, const char *message)
{
    static const char subject[] = "recording: ";

    (void)arg;
    if (level >= GREBE_LOG_WARNING && strncmp(message, subject, strlen(subject)) == 0)
        snprintf(recording.cut, sizeof recording.cut, "%s", message + strlen(subject));
    if (recording.on_log != NULL)
        recording.on_log(recording.arg, level, message);
}

int channel_open(const char *verb, const char *target, const struct channel_args *args,
                 struct grebe_loop *loop, grebe_log_fn on_log, void *log_arg,
                 struct grebe_channel **out)
{
    struct grebe_channel_options options;
    struct payload service_config;
    int code = check(verb, args);

    grebe_channel_options_init(&options);
    if (code == EXIT_FINE)
        code = channel_check_target(verb, target);
    if (code == EXIT_FINE)
        code = output_check_file(verb, "--channelz", args->channelz);
    if (code == EXIT_FINE)
        code = make_credentials(verb, args, &options.credentials);
    if (code != EXIT_FINE)
        return code;
    code = load_service_config(verb, args, &service_config);
    options.service_config = (const char *)service_config.bytes;
    options.loop = loop;
    options.authority = args->authority;
    options.policy = args->policy;
    recording.on_log = on_log;
    recording.arg = log_arg;
    options.on_log = on_log == NULL && args->record == NULL ? NULL : watch_recording;
    options.tcp_congestion = args->congestion;
    proxy_apply(&args->proxy, true, &options);
    options.record_path = args->record;
    options.record_metadata = args->record_metadata;
    set_connect_timeout(args->connect_timeout_ns, &options);
    if (args->keepalive_time_ns != 0)
        options.keepalive_time_ns = args->keepalive_time_ns;
    if (code == EXIT_FINE)
        code = make_channel(verb, target, &options, out);
    payload_free(&service_config);
    grebe_credentials_unref(options.credentials);
    return code;
}

static void write_piece(void *file, const char *text, size_t length)
{
    fwrite(text, 1, length, file);
}

/* Errors of the library and of the system have words of their own. */
static bool write_channelz(const char *verb, const char *path)
{
    FILE *file = fopen(path, "w");
    int result = file == NULL ? GREBE_OK : grebe_channelz_json_all(write_piece, file);
    bool is_written = file != NULL && result == GREBE_OK && fputc('\n', file) != EOF;
    const char *why = result == GREBE_OK ? strerror(errno) : grebe_strerror(result);

    if (file != NULL && fclose(file) != 0 && is_written) {
        is_written = false;
        why = strerror(errno);
    }
    if (!is_written)
        options_fail(verb, "--channelz: %s: %s", path, why);
    return is_written;
}

int channel_close(const char *verb, const struct channel_args *args,
                  struct grebe_channel *channel)
{
    bool is_written = true;

    if (channel != NULL && args->channelz != NULL)
        is_written = write_channelz(verb, args->channelz);
    grebe_channel_destroy(channel);
    if (channel != NULL && *recording.cut != '\0') {
        options_fail(verb, "--record: %s", recording.cut);
        is_written = false;
    }
    return is_written ? EXIT_FINE : EXIT_FAILED;
}

/* The first policy that the process knows, as the service config's rules have it. */
static bool policy_of_config(const char *text, struct channel_policy *out)
{
    json_t *config = json_loads(text, 0, NULL), *policy;
    const char *name = NULL;
    size_t i;

    json_array_foreach(json_object_get(config, "loadBalancingConfig"), i, policy)
    {
        name = json_object_iter_key(json_object_iter(policy));
        if (name != NULL && grebe_balancer_get(name) != NULL)
            break;
        name = NULL;
    }
    if (name != NULL)
        snprintf(out->name, sizeof out->name, "%s", name);
    json_decref(config);
    return name != NULL;
}

void channel_policy_init(struct channel_policy *policy, const struct channel_args *args)
{
    const char *config = args->service_config;
    bool is_known = false;
    char error[256];
    struct payload payload;

    if (config != NULL && payload_load(config, &payload, error, sizeof error)) {
        is_known = policy_of_config((const char *)payload.bytes, policy);
        payload_free(&payload);
    }
    if (!is_known)
        snprintf(policy->name, sizeof policy->name, "%s",
                 args->policy != NULL ? args->policy : "pick_first");
}

void channel_policy_on_log(struct channel_policy *policy, const char *message)
{
    static const char before[] = "Channel switches to new LB policy \"";

    if (strncmp(message, before, sizeof before - 1) == 0)
        snprintf(policy->name, sizeof policy->name, "%.*s",
                 (int)strcspn(message + sizeof before - 1, "\""),
                 message + sizeof before - 1);
}

/* ---- Calls ------------------------------------------------------------------------- */

static bool is_binary(const char *name)
{
    size_t length = strlen(name);

    return length > 4 && strcasecmp(name + length - 4, "-bin") == 0;
}

/* What gRPC itself sends under these names, the library sends. */
static bool is_taken(const char *name)
{
    static const char *const taken[] = {
        "te",
        "user-agent",
        "content-type",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-accept-encoding",
        "grpc-status",
        "grpc-message",
        "grpc-message-type",
        "grpc-previous-rpc-attempts",
    };

    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcasecmp(name, taken[i]) == 0)
            return true;
    return false;
}

/* Which half of it cannot be sent. */
static int complain_of_header(const char *verb, const char *name, const char *text)
{
    static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    if (name[strspn(name, name_bytes)] != '\0')
        return options_complain(
            verb, "-H: '%s': a name has letters, digits, '-', '_' and '.'", name);
    return options_complain(verb,
                            "-H: '%s': a value is printable ASCII; give other bytes in "
                            "base64, to a name that ends in -bin",
                            text);
}

static int add_header(const char *verb, struct grebe_metadata *metadata, const char *text)
{
    char name[256];
    size_t length = strcspn(text, ":"), value_length;
    const char *value = text + length;
    uint8_t *decoded;
    int result;

    if (*value == '\0' || length == 0 || length >= sizeof name)
        return options_complain(verb, "-H: '%s' is not like 'name: value'", text);
    memcpy(name, text, length);
    name[length] = '\0';
    if (is_taken(name))
        return options_complain(
            verb, "-H: %s is gRPC's own, and not for callers to set%s", name,
            strcasecmp(name, "grpc-timeout") == 0 ? ": a deadline is --max-time" : "");
    for (value++; *value == ' '; value++)
        continue;
    decoded = malloc(strlen(value) + 1);
    if (decoded == NULL)
        return options_fail(verb, "out of memory");
    value_length = strlen(value);
    if (is_binary(name) && !base64_decode(value, decoded, &value_length)) {
        free(decoded);
        return options_complain(verb, "-H: the value of %s is not base64", name);
    }
    result = grebe_metadata_add(metadata, name, is_binary(name) ? (char *)decoded : value,
                                value_length);
    free(decoded);
    if (result == GREBE_ERR_INVALID)
        return complain_of_header(verb, name, text);
    if (result != GREBE_OK)
        return options_fail(verb, "-H: %s", grebe_strerror(result));
    return EXIT_FINE;
}

int channel_call_options(const char *verb, const struct channel_args *args,
                         struct grebe_call_options *out)
{
    struct grebe_metadata *metadata = NULL;
    int code = EXIT_FINE;

    if (args->headers.n > 0) {
        metadata = grebe_metadata_new(NULL);
        if (metadata == NULL)
            return options_fail(verb, "out of memory");
    }
    for (size_t i = 0; i < args->headers.n && code == EXIT_FINE; i++)
        code = add_header(verb, metadata, args->headers.items[i]);
    if (code != EXIT_FINE) {
        grebe_metadata_unref(metadata);
        return code;
    }
    *out = (struct grebe_call_options)GREBE_CALL_OPTIONS_INIT;
    out->metadata = metadata;
    out->timeout_ns = (int64_t)args->max_time_ns;
    out->wait_for_ready = args->waits_for_ready ? GREBE_YES : GREBE_DEFAULT;
    return EXIT_FINE;
}

bool channel_method(const char *text, char *buf, size_t size)
{
    const char *name = text + (*text == '/');
    const char *slash = strchr(name, '/');
    int n;

    if (slash == NULL || slash == name || slash[1] == '\0' ||
        strchr(slash + 1, '/') != NULL)
        return false;
    for (const char *c = name; *c != '\0'; c++)
        if (!isgraph((unsigned char)*c))
            return false;
    n = snprintf(buf, size, "/%s", name);
    return n >= 0 && (size_t)n < size;
}
