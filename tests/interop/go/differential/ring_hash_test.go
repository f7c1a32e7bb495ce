// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	_ "google.golang.org/grpc/balancer/ringhash"
)

// Which endpoint each key goes to, on rings of all sizes, with weights and hash keys, and which
// connections are made for it.
func TestRingHash(t *testing.T) {
	compareAll(t, policy{
		name:       "ring_hash_experimental",
		nSteps:     80,
		nEndpoints: 1,
		keys:       40,
		steps: []weighted{
			{40, (*generator).move}, {38, (*generator).pick}, {10, (*generator).update},
			{4, (*generator).resolverError}, {2, (*generator).exitIdle}, {6, (*generator).advance},
		},
		config: func(r *rand.Rand) string {
			smallest := 1 + r.Intn(300)
			return fmt.Sprintf(`{"minRingSize": %d, "maxRingSize": %d, "requestHashHeader": "key"}`,
				smallest, smallest+r.Intn(300))
		},
		advances: []time.Duration{time.Millisecond, 250 * time.Millisecond, time.Second},
		isSame:   samePick,
	}, nil)
}
