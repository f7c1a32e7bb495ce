/* SPDX-License-Identifier: Apache-2.0 */
/* support/one_subconn.h -- a policy that gives all addresses to one subconn, as the oldest
 * ones did, and shows the test what it hears.
 *
 * Named "one_subconn"; a new list of addresses goes to the same subconn.
 */
#ifndef SUPPORT_ONE_SUBCONN_H
#define SUPPORT_ONE_SUBCONN_H

#include <grebe/balancer.h>

/* Of the policy built last. */
struct one_subconn {
    struct grebe_subconn *subconn;
    struct grebe_client_conn *cc;
    enum grebe_connectivity state;
    char states[256]; /* all it heard: "CONNECTING, READY" */
    char error[256];  /* with the last TRANSIENT_FAILURE; else "" */
    unsigned n_heard;
};

extern struct one_subconn one;

/* Forgets what it heard. */
void one_subconn_register(void);
void one_subconn_unregister(void);

#endif
