/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/child_policy.h"

#include <stdio.h>

int grebe__child_policy_read(const struct grebe_json *json, struct grebe_diag *diag,
                             struct grebe_lb_config **out)
{
    const struct grebe_json *list = NULL;
    int error = grebe_json_get_array(json, "childPolicy", &list, diag);

    if (error != GREBE_OK)
        return error;
    if (list == NULL) {
        grebe_diag_set(diag, "childPolicy: ChildPolicy must be specified");
        return GREBE_ERR_CONFIG;
    }
    error = grebe_lb_config_parse(list, diag, out);
    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "childPolicy");
    return error;
}

int grebe__child_policy_missing(struct grebe_client_conn *cc, const char *policy)
{
    struct grebe_status status;
    char text[256];

    snprintf(text, sizeof text,
             "%s needs a configuration: name it in loadBalancingConfig, with one",
             policy);
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    grebe_client_conn_update_state(
        cc, GREBE_TRANSIENT_FAILURE,
        grebe_picker_failing(grebe_client_conn_mem(cc), &status));
    return GREBE_ERR_CONFIG;
}
