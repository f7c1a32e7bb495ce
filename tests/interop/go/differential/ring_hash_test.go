// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	_ "google.golang.org/grpc/balancer/ringhash"
	"google.golang.org/grpc/connectivity"
)

// isIdle tells whether an endpoint has no connection, and none that is being made.
func (g *generator) isIdle(e endpoint) bool {
	for _, address := range e.addresses {
		for _, sc := range g.world.subconns {
			if sc.address == address && (sc.state != connectivity.Idle || sc.isAsked) {
				return false
			}
		}
	}
	return true
}

// manyWithoutKey are calls whose hash is chance (gRFC A76).  They would connect an endpoint that
// is IDLE, by chance as well, so that there must be none.
func (g *generator) manyWithoutKey() {
	for _, e := range g.listed {
		if g.isIdle(e) {
			return
		}
	}
	g.many()
}

// connectMost has calls with keys connect the endpoints whose they are, in every other script.
func connectMost(g *generator) {
	if g.Intn(2) == 0 {
		return
	}
	for range 40 {
		g.pick()
		for _, sc := range g.subconns() {
			if sc.state == connectivity.Idle && sc.isAsked {
				g.set(sc, connectivity.Connecting)
				g.set(sc, connectivity.Ready)
				break
			}
		}
	}
	g.manyWithoutKey()
}

// Which endpoint each key goes to, on rings of all sizes, with weights and hash keys, and which
// connections are made for it.  Calls without a key go anywhere, as often as the ring has it: what
// grpc-go draws for them has no seed, and shares are compared.
func TestRingHash(t *testing.T) {
	compareAll(t, policy{
		name:       "ring_hash_experimental",
		nSteps:     80,
		nEndpoints: 1,
		keys:       40,
		setUp:      connectMost,
		steps: []weighted{
			{40, (*generator).move}, {38, (*generator).pick}, {8, (*generator).manyWithoutKey}, {10, (*generator).update},
			{4, (*generator).resolverError}, {2, (*generator).exitIdle}, {6, (*generator).advance},
		},
		config: func(r *rand.Rand) string {
			smallest := 1 + r.Intn(300)
			return fmt.Sprintf(`{"minRingSize": %d, "maxRingSize": %d, "requestHashHeader": "key"}`,
				smallest, smallest+r.Intn(300))
		},
		advances: []time.Duration{time.Millisecond, 250 * time.Millisecond, time.Second},
		isSame: func(s step) error {
			if s.wanted.counts != nil {
				return sameChances(s)
			}
			return samePick(s)
		},
	}, nil)
}
