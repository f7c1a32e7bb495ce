/* SPDX-License-Identifier: Apache-2.0 */
/* bench/congestion.c -- preloaded into a client that cannot be told: each of its TCP sockets
 * gets the congestion control named by BENCH_CC.  With pacing (BBR) a loopback load
 * measures the pacer.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

__attribute__((visibility("default"))) int socket(int domain, int type, int protocol)
{
    const char *name = getenv("BENCH_CC");
    int (*next)(int, int, int);
    int fd;

    *(void **)&next = dlsym(RTLD_NEXT, "socket");
    fd = next(domain, type, protocol);
    if (fd >= 0 && name != NULL && domain != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name));
    return fd;
}
