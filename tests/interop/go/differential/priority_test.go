// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	_ "google.golang.org/grpc/xds" // has priority
)

// Which child is in use, when the next one is started, and what becomes of those behind: over
// ring_hash, which leaves nothing to chance, and round_robin, whose connections come by
// themselves.
//
// When no child is usable or waited for, grpc-go uses the last one, and grebe the first that is
// CONNECTING, as gRFC A56 has it: calls then wait that fail in grpc-go, and ring_hash would connect
// others for them, so none are made then.  Left out, too, is a child that
// runs and is left without endpoints: in the middle of the update grpc-go has the next one begin
// with the endpoints of before, or does not, as the order of a Go map has it.
func TestPriority(t *testing.T) {
	const nChildren = 3
	isSame := samePick
	compareAll(t, policy{
		name:       "priority_experimental",
		nSteps:     160,
		nEndpoints: 4,
		children:   nChildren,
		keys:       20,
		steps: []weighted{
			{60, (*generator).move}, {40, (*generator).pickUsable}, {8, (*generator).update},
			{3, (*generator).resolverError}, {2, (*generator).exitIdle}, {16, (*generator).advance},
		},
		config: func(r *rand.Rand) string {
			child := `{"round_robin": {}}`
			isSame = sameChild
			if r.Intn(2) == 0 {
				isSame = samePick
				child = `{"ring_hash_experimental": {"minRingSize": 20, "maxRingSize": 40, "requestHashHeader": "key"}}`
			}
			var children, names []string
			for i := range nChildren {
				children = append(children, fmt.Sprintf(`"p%d": {"config": [%s]}`, i, child))
				names = append(names, fmt.Sprintf(`"p%d"`, i))
			}
			return fmt.Sprintf(`{"priorities": [%s], "children": {%s}}`, strings.Join(names, ", "), strings.Join(children, ", "))
		},
		advances: []time.Duration{250 * time.Millisecond, time.Second, 4 * time.Second, 10 * time.Second, 14 * time.Minute, 15 * time.Minute},
		forgive: func(theirs, ours *seen) {
			if theirs.state == "TRANSIENT_FAILURE" && ours.state == "CONNECTING" {
				theirs.state = ours.state
				if theirs.pick == "fail" && ours.pick == "queue" {
					theirs.pick = ours.pick
				}
			}
		},
		isSame: func(s step) error { return isSame(s) },
	}, nil)
}

// sameChild is for calls that may go to any endpoint of a child.
func sameChild(s step) error {
	child := func(address string) string {
		network, _, _ := strings.Cut(strings.TrimPrefix(address, "10."), ".")
		return network
	}
	if child(s.found.address) != child(s.wanted.address) {
		return samePick(s)
	}
	return nil
}
