/* SPDX-License-Identifier: Apache-2.0 */
/* An example balancer as it stands, for pickers_test.c. */
#define main example_main
int example_main(int argc, char *argv[]);
#include "reported_load_picker.c"
#undef main

/* The program's own main() is not what is tested here. */
int shares_main(const char *policy, build_fn build_policy, int argc, char *argv[])
{
    (void)policy, (void)build_policy, (void)argc, (void)argv;
    return 2;
}

extern const struct grebe_balancer_builder reported_load;

const struct grebe_balancer_builder reported_load = {
    .api = GREBE_BALANCER_API,
    .name = "reported_load",
    .build = build,
};
