/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy_args.h"

#include <stdlib.h>

#define AT(member) offsetof(struct proxy_args, member)

const struct option_spec proxy_options[] = {
    {OPTION_TEXT, '\0', "proxy", AT(proxy), "URL", NULL, 0,
     "connect through http://[USER:PASSWORD@]HOST:PORT, '' for none; call and bench take "
     "HTTPS_PROXY unless given"},
    {OPTION_TEXT, '\0', "no-proxy", AT(no_proxy), "LIST", NULL, 0,
     "but not to these: names, addresses, blocks, with commas; likewise NO_PROXY"},
    {OPTION_FLAG, '\0', "local-dns", AT(resolves_locally), NULL, NULL, 0,
     "with a proxy: look names up here, and balance over what they resolve to"},
    {.kind = OPTION_END},
};

static const char *get(const char *name, const char *lower)
{
    const char *value = getenv(name);

    return value != NULL ? value : getenv(lower);
}

void proxy_apply(const struct proxy_args *args, bool uses_environment,
                 struct grebe_channel_options *options)
{
    options->proxy = args->proxy;
    options->no_proxy = args->no_proxy;
    options->resolves_names_locally = args->resolves_locally;
    if (uses_environment && args->proxy == NULL)
        options->proxy = get("HTTPS_PROXY", "https_proxy");
    if (uses_environment && args->no_proxy == NULL)
        options->no_proxy = get("NO_PROXY", "no_proxy");
}
