/* SPDX-License-Identifier: Apache-2.0 */
/* interop/interop.c -- the cases that every foreign server has to pass.
 *
 *     interop CERTIFICATES COMMAND [ARGUMENT...]
 *
 * COMMAND starts a server that keeps the contract of README.md.
 */
#include <stdio.h>

#include "cases.h"
#include "world.h"

int main(int argc, char *argv[])
{
    if (argc < 3) {
        fprintf(stderr, "usage: interop CERTIFICATES COMMAND [ARGUMENT...]\n");
        return 2;
    }
    world_certificates = argv[1];
    world_command = (const char *const *)argv + 2;
    return run_calls() + run_health() + run_orca() == 0 ? 0 : 1;
}
