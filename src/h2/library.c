/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/library.h"

#include <stdint.h>
#include <string.h>

#include <grebe/error.h>

#include "h2/internal.h"

enum {
    SEND_BLOCK_MAX = 4 * 1024 * 1024, /* never reached: requests are refused before */
    /* One read may bring more PINGs than nghttp2 would queue answers for; the guard and
     * wants_read() are what bounds them. */
    OUTBOUND_ACK_MAX = 4096,
    OUTBOUND_QUEUE_MAX = 65536,
    /* Frames that nghttp2 calls suspicious; the first versions allowed a tenth. */
    GLITCHES_MAX = 10000,
    GLITCHES_PER_SECOND = 330,
    HEADER_TABLE_BYTES = 4096,
};

/* ---- Memory: the loop's pool ------------------------------------------------------- */

static void *pool_malloc(size_t size, void *pool)
{
    return grebe__pool_alloc(pool, size);
}

static void pool_free(void *block, void *pool)
{
    grebe__pool_free(pool, block);
}

static void *pool_calloc(size_t n, size_t size, void *pool)
{
    void *block;

    if (size > 0 && n > SIZE_MAX / size)
        return NULL;
    block = grebe__pool_alloc(pool, n * size);
    if (block != NULL)
        memset(block, 0, n * size);
    return block;
}

static void *pool_realloc(void *block, size_t size, void *pool)
{
    return grebe__pool_realloc(pool, block, size);
}

/* ---- Options ----------------------------------------------------------------------- */

static void set_options(nghttp2_option *option)
{
    nghttp2_option_set_no_auto_window_update(option, 1);
    /* nghttp2 assumes 100 until the peer says otherwise, and queues what is beyond. */
    nghttp2_option_set_peer_max_concurrent_streams(option, UINT32_MAX);
    nghttp2_option_set_max_reserved_remote_streams(option, 0);
    nghttp2_option_set_max_send_header_block_length(option, SEND_BLOCK_MAX);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, HEADER_TABLE_BYTES);
    nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACK_MAX);
    /* A grpc-message may begin or end with a space.  RFC 9113 8.2.1 forbids that, and
     * nghttp2 would drop such a field without a word. */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
    /* Distributions add these to versions that did not have them: each is looked for. */
#ifdef GREBE_HAVE_MAX_CONTINUATIONS
    nghttp2_option_set_max_continuations(option, GREBE__CONTINUATIONS_MAX);
#endif
#ifdef GREBE_HAVE_MAX_OUTBOUND_QUEUE_SIZE
    /* Counts our own RST_STREAM and WINDOW_UPDATE too: many calls cancelled behind a
     * slow socket are no reason to give up the connection. */
    nghttp2_option_set_max_outbound_queue_size(option, OUTBOUND_QUEUE_MAX);
#endif
#ifdef GREBE_HAVE_GLITCH_RATE_LIMIT
    nghttp2_option_set_glitch_rate_limit(option, GLITCHES_MAX, GLITCHES_PER_SECOND);
#endif
}

int grebe__h2_library_open(struct grebe__h2 *h2)
{
    nghttp2_mem mem = {h2->pool, pool_malloc, pool_free, pool_calloc, pool_realloc};
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    int result = GREBE_ERR_NOMEM;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return result;
    if (nghttp2_option_new(&option) == 0) {
        grebe__h2_set_input_callbacks(callbacks);
        grebe__h2_set_output_callbacks(callbacks);
        set_options(option);
        if (nghttp2_session_client_new3(&h2->session, callbacks, h2, option, &mem) == 0)
            result = GREBE_OK;
        nghttp2_option_del(option);
    }
    nghttp2_session_callbacks_del(callbacks);
    return result;
}
