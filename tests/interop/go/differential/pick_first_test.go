// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"math/rand"
	"testing"
	"time"

	_ "google.golang.org/grpc/balancer/pickfirst"
)

// Which addresses are tried, when, and which one is used.
//
// grpc-go leaves TRANSIENT_FAILURE when an address of a new list begins to connect; grebe stays
// until one is READY (gRFC A62).
func TestPickFirst(t *testing.T) {
	compareAll(t, policy{
		name:       "pick_first",
		nSteps:     80,
		nEndpoints: 1,
		keys:       1,
		steps: []weighted{
			{45, (*generator).move}, {20, (*generator).pick}, {10, (*generator).update},
			{4, (*generator).resolverError}, {6, (*generator).exitIdle}, {15, (*generator).advance},
		},
		config:   func(*rand.Rand) string { return `{}` },
		advances: []time.Duration{time.Millisecond, 250 * time.Millisecond, time.Second},
		forgive: func(theirs, ours *seen) {
			if theirs.state == "CONNECTING" && ours.state == "TRANSIENT_FAILURE" {
				theirs.state = ours.state
				if theirs.pick == "queue" && ours.pick == "fail" {
					theirs.pick = ours.pick
				}
			}
		},
		isSame: samePick,
	}, nil)
}
