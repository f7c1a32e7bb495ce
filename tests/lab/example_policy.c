/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of an example program, EXAMPLE_FILE, for the registry under its own name. */
#include <grebe/registry.h>

/* One function and one main() for each example, in one program. */
#define PASTE_NOW(a, b) a##b
#define PASTE(a, b)     PASTE_NOW(a, b)
#define TEXT_NOW(a)     #a
#define TEXT(a)         TEXT_NOW(a)
#define REGISTER        PASTE(register_, EXAMPLE_NAME)
#define example_main    PASTE(main_of_, EXAMPLE_NAME)
#define main            example_main

int example_main(int argc, char *argv[]);
int REGISTER(void);

#include EXAMPLE_FILE

static const struct grebe_balancer_builder example = {
    .api = GREBE_BALANCER_API,
    .name = TEXT(EXAMPLE_NAME),
    .build = build,
};

int REGISTER(void)
{
#ifdef EXAMPLE_weighted_round_robin_picker
    weights[0].address = "10.0.0.1:80";
    weights[0].weight = 5;
    weights[1].address = "10.0.0.3:80";
    weights[1].weight = 2;
#endif
    return grebe_balancer_register(&example);
}
