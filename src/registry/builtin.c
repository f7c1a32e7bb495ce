/* SPDX-License-Identifier: Apache-2.0 */
/* registry/builtin.c -- the one place that knows every policy and resolver we ship. */
#include <stddef.h>

#include "balancer/aperture.h"
#include "balancer/deterministic_subsetting.h"
#include "balancer/least_request.h"
#include "balancer/load_aware.h"
#include "balancer/maglev.h"
#include "balancer/outlier_detection.h"
#include "balancer/p2c_ewma.h"
#include "balancer/pick_first.h"
#include "balancer/priority.h"
#include "balancer/priority_load.h"
#include "balancer/random_subsetting.h"
#include "balancer/rendezvous.h"
#include "balancer/ring_hash.h"
#include "balancer/round_robin.h"
#include "balancer/slow_start.h"
#include "balancer/static_weighted_round_robin.h"
#include "balancer/weighted_round_robin.h"
#include "balancer/weighted_target.h"
#include "balancer/zone_aware.h"
#include "registry/registry.h"
#include "resolver/dns.h"
#include "resolver/file.h"
#include "resolver/ip.h"
#include "resolver/passthrough.h"
#include "resolver/unix.h"

const struct grebe_balancer_builder *const grebe__builtin_balancers[] = {
    &grebe__aperture,
    &grebe__aperture_experimental,
    &grebe__bounded_load_ring_hash,
    &grebe__deterministic_subsetting,
    &grebe__least_request,
    &grebe__least_request_experimental,
    &grebe__least_request_full,
    &grebe__load_aware,
    &grebe__maglev,
    &grebe__maglev_experimental,
    &grebe__outlier_detection,
    &grebe__outlier_detection_experimental,
    &grebe__p2c_ewma,
    &grebe__p2c_experimental,
    &grebe__pick_first,
    &grebe__priority,
    &grebe__priority_experimental,
    &grebe__priority_load,
    &grebe__priority_load_experimental,
    &grebe__random_subsetting,
    &grebe__random_subsetting_experimental,
    &grebe__rendezvous,
    &grebe__rendezvous_hash_experimental,
    &grebe__ring_hash,
    &grebe__ring_hash_experimental,
    &grebe__round_robin,
    &grebe__slow_start,
    &grebe__static_weighted_round_robin,
    &grebe__weighted_round_robin,
    &grebe__weighted_round_robin_experimental,
    &grebe__weighted_target,
    &grebe__weighted_target_experimental,
    &grebe__zone_aware,
    &grebe__zone_aware_experimental,
    NULL,
};

const struct grebe_resolver_builder *const grebe__builtin_resolvers[] = {
    &grebe__dns_resolver,  &grebe__passthrough_resolver,
    &grebe__unix_resolver, &grebe__unix_abstract_resolver,
    &grebe__ipv4_resolver, &grebe__ipv6_resolver,
    &grebe__file_resolver, NULL,
};
