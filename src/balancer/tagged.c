/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/tagged.h"

int grebe__tagged_subconn(struct grebe_client_conn *cc,
                          const struct grebe_subconn_options *options, size_t size,
                          void **tag, struct grebe_subconn **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    void *made = grebe_mem_zalloc(mem, size);
    int result;

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    result = grebe_client_conn_new_subconn(cc, options, out);
    if (result == GREBE_OK)
        *tag = made;
    else
        grebe_mem_free(mem, made);
    return result;
}
