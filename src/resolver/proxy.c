/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/proxy.h"

#include <string.h>

#include "base/base64.h"
#include "base/diag.h"
#include "base/ip.h"
#include "base/text.h"
#include "resolver/host_port.h"

enum { HOST_MAX = 255, CREDENTIALS_MAX = 1024, ADDRESS_BYTES = 320 };

/* ---- The proxy's address -------------------------------------------------------------- */

/* Parts of the URL, none of them ended by a NUL. */
struct url {
    const char *user_info; /* NULL: none */
    size_t user_info_length;
    const char *host;
    size_t host_length;
};

/* NULL, or what is wrong. */
static const char *cut_url(const char *text, struct url *out)
{
    const char *scheme_end = strstr(text, "://"), *at, *end;

    if (scheme_end != NULL) {
        if (!grebe__ascii_equal_fold(text, (size_t)(scheme_end - text), "http"))
            return "proxy: only http:// proxies are known";
        text = scheme_end + 3;
    }
    end = text + strcspn(text, "/?#");
    if (*end != '\0' && strcmp(end, "/") != 0)
        return "proxy: nothing may follow host and port";
    out->user_info = NULL;
    out->user_info_length = 0;
    at = end;
    while (at > text && at[-1] != '@')
        at--;
    if (at > text) {
        out->user_info = text;
        out->user_info_length = (size_t)(at - text) - 1;
        text = at;
    }
    out->host = text;
    out->host_length = (size_t)(end - text);
    return NULL;
}

/* It becomes a part of requests and messages. */
static bool is_host(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f ||
            strchr("\"\\<>^`{|}", text[i]) != NULL)
            return false;
    return length <= HOST_MAX;
}

static bool is_port(const char *text, size_t length)
{
    uint64_t port;

    return grebe__parse_u64(text, length, &port) && port >= 1 && port <= 65535;
}

static int set_address(struct grebe__proxy *proxy, const struct grebe_mem *mem,
                       const struct url *url, struct grebe_diag *diag)
{
    struct grebe__host_port parts;
    char address[ADDRESS_BYTES];
    const char *flaw = grebe__host_port_split(url->host, url->host_length, "80", &parts);

    if (flaw == NULL && url->host[0] == ':')
        flaw = "missing host";
    if (flaw == NULL && !is_host(parts.host, parts.host_length))
        flaw = "not a host";
    if (flaw == NULL && !is_port(parts.port, parts.port_length))
        flaw = "the port is not a number from 1 to 65535";
    if (flaw != NULL) {
        grebe__diag_quote(diag, url->host, url->host_length,
                          "proxy: %s; write http://host:port", flaw);
        return GREBE_ERR_INVALID;
    }
    grebe__host_port_join(&parts, address, sizeof address);
    proxy->address = grebe_mem_strdup(mem, address);
    return proxy->address == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

/* ---- Credentials ------------------------------------------------------------------------ */

/* "user:password", without the URL's escapes; how long, or -1 if it cannot be. */
static int decode(const char *text, size_t length, char out[CREDENTIALS_MAX + 1])
{
    bool has_password = memchr(text, ':', length) != NULL;
    int n = 0;

    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];

        if (n == CREDENTIALS_MAX)
            return -1;
        if (c == '%') {
            if (i + 2 >= length || grebe__hex_value(text[i + 1]) < 0 ||
                grebe__hex_value(text[i + 2]) < 0)
                return -1;
            c = grebe__hex_value(text[i + 1]) * 16 + grebe__hex_value(text[i + 2]);
            i += 2;
        }
        out[n++] = (char)c;
    }
    if (!has_password)
        out[n++] = ':';
    return n;
}

/* RFC 7617, with the padding that some proxies insist on. */
static int set_authorization(struct grebe__proxy *proxy, const struct grebe_mem *mem,
                             const struct url *url, struct grebe_diag *diag)
{
    static const char prefix[] = "Basic ";
    char plain[CREDENTIALS_MAX + 1], *end;
    size_t length;
    int n;

    if (url->user_info == NULL)
        return GREBE_OK;
    n = decode(url->user_info, url->user_info_length, plain);
    if (n < 0) {
        grebe_diag_set(diag,
                       "proxy: malformed credentials; write "
                       "http://user:password@host:port, with %%XX for what is special");
        return GREBE_ERR_INVALID;
    }
    length = grebe__base64_encoded_length((size_t)n);
    proxy->authorization = grebe_mem_alloc(mem, sizeof prefix + length + 3);
    if (proxy->authorization == NULL)
        return GREBE_ERR_NOMEM;
    memcpy(proxy->authorization, prefix, sizeof prefix - 1);
    end = proxy->authorization + sizeof prefix - 1;
    grebe__base64_encode(plain, (size_t)n, end);
    for (; length % 4 != 0; length++)
        end[length] = '=';
    end[length] = '\0';
    return GREBE_OK;
}

int grebe__proxy_init(struct grebe__proxy *out, const struct grebe_mem *mem,
                      const char *url, const char *no_proxy, struct grebe_diag *diag)
{
    struct grebe__proxy made = {NULL, NULL, NULL, false};
    struct url parts;
    const char *flaw = cut_url(url, &parts);
    int error;

    if (flaw != NULL) {
        grebe_diag_set(diag, "%s; write http://host:port", flaw);
        return GREBE_ERR_INVALID;
    }
    error = set_address(&made, mem, &parts, diag);
    if (error == GREBE_OK)
        error = set_authorization(&made, mem, &parts, diag);
    if (error == GREBE_OK && no_proxy != NULL) {
        made.no_proxy = grebe_mem_strdup(mem, no_proxy);
        error = made.no_proxy == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
    }
    if (error == GREBE_OK)
        *out = made;
    else
        grebe__proxy_fini(&made, mem);
    return error;
}

void grebe__proxy_fini(struct grebe__proxy *proxy, const struct grebe_mem *mem)
{
    grebe_mem_free(mem, proxy->address);
    grebe_mem_free(mem, proxy->authorization);
    grebe_mem_free(mem, proxy->no_proxy);
}

/* ---- Who is reached without it ------------------------------------------------------------ */

struct asked {
    const char *host;
    size_t host_length;
    const char *port;
    size_t port_length;
    struct grebe__ip ip;
};

static bool is_same_name(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (grebe__ascii_lower(a[i]) != grebe__ascii_lower(b[i]))
            return false;
    return true;
}

/* `domain` with its leading dot. */
static bool is_below(const struct asked *asked, const char *domain, size_t length)
{
    return asked->host_length > length &&
           is_same_name(asked->host + asked->host_length - length, domain, length);
}

static bool is_this_machine(const struct asked *asked)
{
    static const char name[] = ".localhost";

    if (asked->ip.family != GREBE__IP_NONE)
        return grebe__ip_is_loopback(&asked->ip);
    return is_below(asked, name, sizeof name - 1) ||
           (asked->host_length == sizeof name - 2 &&
            is_same_name(asked->host, name + 1, sizeof name - 2));
}

static bool is_in_block(const struct asked *asked, const char *entry, size_t length,
                        const char *slash)
{
    struct grebe__ip block = grebe__ip_parse(entry, (size_t)(slash - entry));
    uint64_t n_bits;

    return block.family != GREBE__IP_NONE &&
           grebe__parse_u64(slash + 1, (size_t)(entry + length - slash) - 1, &n_bits) &&
           n_bits <= (block.family == GREBE__IP_V4 ? 32 : 128) &&
           grebe__ip_is_in(&asked->ip, &block, (unsigned)n_bits);
}

/* "example.com", ".example.com", "*.example.com". */
static bool is_in_domain(const struct asked *asked, const char *entry, size_t length)
{
    if (length >= 2 && memcmp(entry, "*.", 2) == 0) {
        entry++;
        length--;
    }
    if (length > 0 && entry[0] == '.')
        return is_below(asked, entry, length);
    if (asked->host_length < length ||
        !is_same_name(asked->host + asked->host_length - length, entry, length))
        return false;
    return asked->host_length == length ||
           asked->host[asked->host_length - length - 1] == '.';
}

static const char any_port[] = "*";

static bool is_in_entry(const struct asked *asked, const char *entry, size_t length)
{
    const char *slash = memchr(entry, '/', length);
    struct grebe__host_port parts;
    struct grebe__ip ip;

    if (length == 1 && entry[0] == '*')
        return true;
    if (slash != NULL)
        return is_in_block(asked, entry, length, slash);
    if (grebe__host_port_split(entry, length, any_port, &parts) != NULL)
        return false;
    if (parts.port != any_port &&
        (parts.port_length != asked->port_length ||
         memcmp(parts.port, asked->port, asked->port_length) != 0))
        return false;
    ip = grebe__ip_parse(parts.host, parts.host_length);
    if (ip.family != GREBE__IP_NONE)
        return grebe__ip_is_in(&asked->ip, &ip, ip.family == GREBE__IP_V4 ? 32 : 128);
    return asked->ip.family == GREBE__IP_NONE &&
           is_in_domain(asked, parts.host, parts.host_length);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_in_list(const struct asked *asked, const char *list)
{
    for (;;) {
        size_t length = strcspn(list, ","), n = length;
        const char *entry = list;

        for (; n > 0 && is_space(*entry); n--)
            entry++;
        while (n > 0 && is_space(entry[n - 1]))
            n--;
        if (n > 0 && is_in_entry(asked, entry, n))
            return true;
        if (list[length] == '\0')
            return false;
        list += length + 1;
    }
}

bool grebe__proxy_spares(const struct grebe__proxy *proxy, const char *host,
                         size_t host_length, const char *port, size_t port_length)
{
    struct asked asked = {
        .host = host,
        .host_length = host_length,
        .port = port,
        .port_length = port_length,
    };

    if (host_length > 0 && host[host_length - 1] == '.')
        asked.host_length--; /* the root */
    asked.ip = grebe__ip_parse(asked.host, asked.host_length);
    return is_this_machine(&asked) ||
           (proxy->no_proxy != NULL && is_in_list(&asked, proxy->no_proxy));
}
