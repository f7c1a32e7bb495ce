/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy there is, and who is reached without it. */
#include "support/test.h"

#include "base/assert.h"
#include "resolver/proxy.h"
#include "support/mem.h"

static const struct {
    const char *url, *address, *authorization;
} urls[] = {
    {"http://proxy:3128", "proxy:3128", NULL},
    {"http://proxy:3128/", "proxy:3128", NULL},
    {"HTTP://proxy", "proxy:80", NULL},
    {"proxy:3128", "proxy:3128", NULL},
    {"proxy", "proxy:80", NULL},
    {"10.0.0.9:8080", "10.0.0.9:8080", NULL},
    {"http://[2001:db8::9]:3128", "[2001:db8::9]:3128", NULL},
    {"http://[::1]", "[::1]:80", NULL},
    /* RFC 7617 2, and what is like it. */
    {"http://Aladdin:open%20sesame@proxy:1", "proxy:1",
     "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
    {"Aladdin:open%20sesame@proxy:1", "proxy:1", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
    {"http://user@proxy", "proxy:80", "Basic dXNlcjo="},
    {"http://user:@proxy", "proxy:80", "Basic dXNlcjo="},
    {"http://:pass@proxy", "proxy:80", "Basic OnBhc3M="},
    {"http://@proxy", "proxy:80", "Basic Og=="},
    {"http://a:b@c@proxy", "proxy:80", "Basic YTpiQGM="},
    {"http://u%3a:p%40%2F@proxy", "proxy:80", "Basic dTo6cEAv"},
};

TEST(proxy_is_read_from_its_url)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(urls); i++) {
        struct grebe__proxy proxy;
        struct grebe_diag diag;

        if (grebe__proxy_init(&proxy, NULL, urls[i].url, NULL, &diag) != GREBE_OK)
            fail_msg("%s: %s", urls[i].url, diag.text);
        assert_string_equal(proxy.address, urls[i].address);
        assert_int_equal(proxy.authorization == NULL, urls[i].authorization == NULL);
        if (proxy.authorization != NULL)
            assert_string_equal(proxy.authorization, urls[i].authorization);
        assert_null(proxy.no_proxy);
        grebe__proxy_fini(&proxy, NULL);
    }
}

static const struct {
    const char *url, *why;
} refused[] = {
    {"", "proxy: missing address; write http://host:port: \"\""},
    {"http://", "proxy: missing address; write http://host:port: \"\""},
    {"http://user:secret@", "proxy: missing address; write http://host:port: \"\""},
    {"https://proxy:1", "proxy: only http:// proxies are known; write http://host:port"},
    {"socks5://u:secret@proxy:1",
     "proxy: only http:// proxies are known; write http://host:port"},
    {"http://u:secret@proxy:1/path",
     "proxy: nothing may follow host and port; write http://host:port"},
    {"http://proxy:1?a",
     "proxy: nothing may follow host and port; write http://host:port"},
    {"http://:3128", "proxy: missing host; write http://host:port: \":3128\""},
    {"http://proxy:", "proxy: missing port after port-separator colon; write "
                      "http://host:port: \"proxy:\""},
    {"http://proxy:http",
     "proxy: the port is not a number from 1 to 65535; write http://host:port: "
     "\"proxy:http\""},
    {"http://proxy:0", "proxy: the port is not a number from 1 to 65535; write "
                       "http://host:port: \"proxy:0\""},
    {"http://proxy:65536", "proxy: the port is not a number from 1 to 65535; write "
                           "http://host:port: \"proxy:65536\""},
    {"http://pro xy:1", "proxy: not a host; write http://host:port: \"pro xy:1\""},
    {"http://proxy\r\nX:1",
     "proxy: not a host; write http://host:port: \"proxy\\x0d\\x0aX:1\""},
    {"http://u:secret%2@proxy:1", "proxy: malformed credentials; write "
                                  "http://user:password@host:port, with %XX for what is "
                                  "special"},
    {"http://u:secret%zz@proxy:1", "proxy: malformed credentials; write "
                                   "http://user:password@host:port, with %XX for what is "
                                   "special"},
};

TEST(what_is_no_proxy_is_refused_and_no_secret_shown)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++) {
        struct grebe__proxy proxy;
        struct grebe_diag diag = {""};

        assert_int_equal(grebe__proxy_init(&proxy, NULL, refused[i].url, NULL, &diag),
                         GREBE_ERR_INVALID);
        assert_string_equal(diag.text, refused[i].why);
        assert_null(strstr(diag.text, "secret"));
    }
}

TEST(lengths_are_bounded)
{
    for (int is_host = 0; is_host < 2; is_host++) {
        char url[1400] = "http://";
        struct grebe__proxy proxy;
        struct grebe_diag diag;
        size_t n = strlen(url), most = is_host ? 255 : 1024;

        for (size_t more = 0; more < 2; more++) {
            memset(url + n, 'x', most + more);
            strcpy(url + n + most + more, is_host ? ":1" : "@proxy:1");
            assert_int_equal(grebe__proxy_init(&proxy, NULL, url, NULL, &diag),
                             more ? GREBE_ERR_INVALID : GREBE_OK);
            if (!more)
                grebe__proxy_fini(&proxy, NULL);
        }
    }
}

/* ---- Who is reached without it ------------------------------------------------------------ */

static const struct {
    const char *list, *host, *port;
    bool is_spared;
} spared[] = {
    /* This machine. */
    {NULL, "localhost", "443", true},
    {NULL, "LocalHost", "443", true},
    {NULL, "localhost.", "443", true},
    {NULL, "a.localhost", "443", true},
    {NULL, "alocalhost", "443", false},
    {NULL, "localhost.example", "443", false},
    {NULL, "127.0.0.1", "443", true},
    {NULL, "127.9.9.9", "443", true},
    {NULL, "::1", "443", true},
    {NULL, "10.0.0.1", "443", false},
    {NULL, "example.com", "443", false},
    {"", "example.com", "443", false},
    {" , ,", "example.com", "443", false},
    /* Everybody. */
    {"*", "example.com", "443", true},
    {" * ", "10.0.0.1", "443", true},
    {"a,*", "example.com", "443", true},
    /* Names. */
    {"example.com", "example.com", "443", true},
    {"example.com", "EXAMPLE.com", "443", true},
    {"Example.Com", "example.com.", "443", true},
    {"example.com", "a.example.com", "443", true},
    {"example.com", "a.b.example.com", "443", true},
    {"example.com", "anexample.com", "443", false},
    {"example.com", "example.com.evil", "443", false},
    {"example.com", "com", "443", false},
    {".example.com", "example.com", "443", false},
    {".example.com", "a.example.com", "443", true},
    {"*.example.com", "example.com", "443", false},
    {"*.example.com", "a.example.com", "443", true},
    {"a.example.com", "example.com", "443", false},
    {"x , example.com\t,y", "example.com", "443", true},
    {"example", "10.0.0.1", "443", false},
    /* Ports. */
    {"example.com:443", "example.com", "443", true},
    {"example.com:443", "a.example.com", "443", true},
    {"example.com:443", "example.com", "44", false},
    {"example.com:443", "example.com", "4430", false},
    {"10.0.0.1:80", "10.0.0.1", "80", true},
    {"10.0.0.1:80", "10.0.0.1", "81", false},
    {"[::5]:80", "::5", "80", true},
    {"[::5]:80", "::5", "81", false},
    {"[::5]", "::5", "81", true},
    /* Addresses. */
    {"10.0.0.1", "10.0.0.1", "443", true},
    {"10.0.0.1", "10.0.0.10", "443", false},
    {"10.0.0.1", "110.0.0.1", "443", false},
    {"2001:db8::1", "2001:0db8:0::1", "443", true},
    {"0.0.1", "10.0.0.1", "443", false},
    {"10.0.0.0/8", "10.255.0.1", "443", true},
    {"10.0.0.0/8", "11.0.0.1", "443", false},
    {"10.0.0.0/33", "10.0.0.0", "443", false},
    {"10.0.0.0/", "10.0.0.0", "443", false},
    {"10.0.0.0/x", "10.0.0.0", "443", false},
    {"/8", "10.0.0.0", "443", false},
    {"0.0.0.0/0", "10.0.0.1", "443", true},
    {"0.0.0.0/0", "example.com", "443", false},
    {"2001:db8::/32", "2001:db8:5::1", "443", true},
    {"2001:db8::/32", "2001:db9::1", "443", false},
    {"::/129", "::5", "443", false},
};

TEST(some_are_reached_without_the_proxy)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(spared); i++) {
        struct grebe__proxy proxy;

        assert_int_equal(
            grebe__proxy_init(&proxy, NULL, "http://p:1", spared[i].list, NULL),
            GREBE_OK);
        if (grebe__proxy_spares(&proxy, spared[i].host, strlen(spared[i].host),
                                spared[i].port,
                                strlen(spared[i].port)) != spared[i].is_spared)
            fail_msg("\"%s\": %s:%s", spared[i].list == NULL ? "" : spared[i].list,
                     spared[i].host, spared[i].port);
        grebe__proxy_fini(&proxy, NULL);
    }
}

TEST(out_of_memory_makes_nothing)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct grebe__proxy proxy;
        struct test_mem mem;
        int error;

        test_mem_init(&mem);
        mem.fail_at = n;
        error = grebe__proxy_init(&proxy, &mem.interface, "http://u:p@h:1", "a,b", NULL);
        has_failed = mem.has_failed;
        assert_int_equal(error, has_failed ? GREBE_ERR_NOMEM : GREBE_OK);
        if (error == GREBE_OK)
            grebe__proxy_fini(&proxy, &mem.interface);
        assert_int_equal(mem.n_live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proxy_is_read_from_its_url),
        cmocka_unit_test(what_is_no_proxy_is_refused_and_no_secret_shown),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(some_are_reached_without_the_proxy),
        cmocka_unit_test(out_of_memory_makes_nothing),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
