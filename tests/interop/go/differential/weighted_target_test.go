// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"
)

// sameChances compares two rows of n calls, each of which chance sent on its way.  What one
// backend took of them differs by no more than seven standard deviations of such a difference
// (once in 390 billion by chance).
func sameChances(s step) error {
	n := 0
	addresses := map[string]bool{}
	for address, count := range s.wanted.counts {
		n += count
		addresses[address] = true
	}
	for address := range s.found.counts {
		addresses[address] = true
	}
	for address := range addresses {
		wanted, found := s.wanted.counts[address], s.found.counts[address]
		p := float64(wanted+found) / float64(2*n)
		if math.Abs(float64(wanted-found)) > 7*math.Sqrt(2*float64(n)*p*(1-p))+2 {
			return fmt.Errorf("%q took %d calls in grpc-go, %d in grebe (%v, %v)", address, wanted, found, s.wanted.counts, s.found.counts)
		}
	}
	return nil
}

// What the targets are together, which connections there are, and the targets' shares of calls.
//
// A target that failed and tries again counts as failed, for grpc-go until it says a second time
// that it is CONNECTING, for grebe until it says anything else.  While all have failed chance says
// whose answer a call gets: an error, or that it waits for one that tries again.
func TestWeightedTarget(t *testing.T) {
	const nTargets = 3
	compareAll(t, policy{
		name:       "weighted_target_experimental",
		nSteps:     120,
		nEndpoints: 4,
		children:   nTargets,
		keys:       1,
		steps: []weighted{
			{60, (*generator).move}, {20, (*generator).many}, {10, (*generator).pick}, {8, (*generator).update},
			{3, (*generator).resolverError}, {2, (*generator).exitIdle}, {6, (*generator).advance},
		},
		config: func(r *rand.Rand) string {
			var targets []string
			for i := range nTargets {
				targets = append(targets, fmt.Sprintf(`"p%d": {"weight": %d, "childPolicy": [{"round_robin": {}}]}`, i, 1+r.Intn(5)))
			}
			return fmt.Sprintf(`{"targets": {%s}}`, strings.Join(targets, ", "))
		},
		advances: []time.Duration{time.Millisecond, time.Second},
		forgive: func(theirs, ours *seen) {
			if ours.state != "TRANSIENT_FAILURE" {
				return
			}
			if theirs.state == "CONNECTING" {
				theirs.state = ours.state
			}
			if theirs.pick == "queue" && ours.pick == "fail" || theirs.pick == "fail" && ours.pick == "queue" {
				theirs.pick = ours.pick
			}
		},
		isSame: sameChances,
	}, nil)
}
