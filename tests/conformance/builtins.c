/* SPDX-License-Identifier: Apache-2.0 */
/* The names of all policies that grebe ships, one a line: as the registry's own list has
 * them, so that a new one is tested without being asked for. */
#include <stdio.h>

#include <grebe/balancer.h>

#include "registry/registry.h"

int main(void)
{
    for (size_t i = 0; grebe__builtin_balancers[i] != NULL; i++)
        printf("%s\n", grebe__builtin_balancers[i]->name);
    return 0;
}
