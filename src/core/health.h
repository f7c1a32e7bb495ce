/* SPDX-License-Identifier: Apache-2.0 */
/* core/health.h -- is a backend that is connected also well?
 *
 * Asking is a feed to grpc.health.v1.Health/Watch on the subconn's own connection.  What
 * comes of it is a verdict: CONNECTING until the backend has answered, READY for SERVING,
 * TRANSIENT_FAILURE for everything else.  A backend without a health service is well.
 *
 * Two may ask, each when a connection is there and if the channel is to check health:
 *
 *   listener   a policy listens to the health of a READY subconn (grebe_client_conn_watch_
 *              health).  The state stays READY; the listener hears the verdicts.  The feed
 *              is a producer's, so it ends with the state.
 *   subconn    it was made with wants_health_check.  The verdict is its state, from the
 *              moment it is connected until it is not.
 *
 * A channel checks health if its service config names a service, unless the application
 * does not want it.  A config that cannot have the effect it asks for is told in the log,
 * once.
 *
 * Threading   The loop's thread.
 * Sources     gRFC A17, A61; gRPC health checking protocol; grpc-go package health.
 */
#ifndef GREBE_CORE_HEALTH_H
#define GREBE_CORE_HEALTH_H

#include <grebe/connectivity.h>
#include <grebe/status.h>

struct grebe__health;
struct grebe__service_config;
struct grebe__subconn;
struct grebe_channel;
struct grebe_subconn;

/* `error` goes with TRANSIENT_FAILURE. */
typedef void (*grebe__verdict_fn)(struct grebe__subconn *subconn,
                                  enum grebe_connectivity verdict,
                                  const struct grebe_status *error);

/* What to ask for, perhaps ""; NULL: do not ask. */
const char *grebe__health_service(const struct grebe_channel *channel);

/* Ask on the connection that `subconn` has, for what grebe__health_service() says. */
int grebe__health_new(struct grebe__subconn *subconn, grebe__verdict_fn on_verdict,
                      struct grebe__health **out);
void grebe__health_free(struct grebe__health *health); /* NULL: no-op */

/* health_listener.c: the listener of this subconn is new, or gone: start to ask, or stop. */
void grebe__health_listen(struct grebe_subconn *base);

enum { GREBE__HEALTH_TEXT = 16 };

/* What the backend says, for people: "NOT_SERVING", "no answer yet", "unimplemented", or
 * what went wrong with asking.  NULL: it is not asked.  Written to `buf`, or static, or
 * borrowed until the next verdict. */
const char *grebe__health_text(const struct grebe__subconn *subconn,
                               char buf[GREBE__HEALTH_TEXT]);

/* ---- health_config.c -------------------------------------------------------------------- */

void grebe__health_init(struct grebe_channel *channel);

/* channel->config took the place of `before` (NULL: there was none). */
void grebe__health_config_changed(struct grebe_channel *channel,
                                  const struct grebe__service_config *before);

/* A subconn is READY: if a service is named, the policy should ask about it. */
void grebe__health_expect(struct grebe_channel *channel);

/* The backend says SERVICE_UNKNOWN. */
void grebe__health_service_is_unknown(struct grebe__subconn *subconn);

/* Memory is short: the backend is taken for well. */
void grebe__health_is_not_checked(struct grebe__subconn *subconn);

#endif
