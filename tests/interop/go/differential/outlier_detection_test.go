// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/xds" // has outlier_detection
)

// Who is ejected, when, and for how long, over ring_hash, which leaves nothing to chance: an
// endpoint that is ejected shows in the keys that go elsewhere.
//
// Left out is what grebe does otherwise on purpose.  Where an ejected endpoint has a new
// connection, grpc-go leaves its child CONNECTING until the ejection is over, and grebe tells it
// TRANSIENT_FAILURE at once: no connections are lost.  Where both algorithms find an endpoint,
// grpc-go ejects it twice: one of them is configured.  Where an ejected endpoint is removed,
// grpc-go goes on counting it: none is.  Percentages between 0 and 100 are chance.
//
// The second endpoint fails for a while, and is ejected for longer and longer; then it does well
// for a moment, in which some of its ejections are forgotten, and fails again.
func TestOutlierDetection(t *testing.T) {
	nCalls := 0
	compareAll(t, policy{
		name:       "outlier_detection_experimental",
		nSteps:     400,
		nEndpoints: 3,
		keys:       60,
		losesNone:  true,
		dropsNone:  true,
		steps: []weighted{
			{30, (*generator).move}, {120, (*generator).pick}, {3, (*generator).update},
			{1, (*generator).resolverError}, {16, (*generator).advance},
		},
		config: func(r *rand.Rand) string {
			nCalls = 0
			rules := fmt.Sprintf(`"successRateEjection": {"stdevFactor": %d, `, r.Intn(2000))
			if r.Intn(2) == 0 {
				rules = fmt.Sprintf(`"failurePercentageEjection": {"threshold": %d, `, r.Intn(100))
			}
			rules += fmt.Sprintf(`"enforcementPercentage": %d, "minimumHosts": %d, "requestVolume": %d}, `,
				100*min(1, r.Intn(8)), 1+r.Intn(4), 1+r.Intn(4))
			return fmt.Sprintf(`{"interval": "%ds", "baseEjectionTime": "%ds", "maxEjectionTime": "%ds", "maxEjectionPercent": 100, %s"childPolicy": [{"ring_hash_experimental": {"minRingSize": 20, "maxRingSize": 40, "requestHashHeader": "key"}}]}`,
				1+r.Intn(2), 1+r.Intn(3), r.Intn(20), rules)
		},
		outcome: func(r *rand.Rand, address string) codes.Code {
			nCalls++
			isWell := nCalls%90 >= 70
			if strings.Contains(address, "2:80") && !isWell || strings.Contains(address, "5:80") && r.Intn(10) < 7 || r.Intn(20) == 0 {
				return codes.Unavailable
			}
			return codes.OK
		},
		advances: []time.Duration{100 * time.Millisecond, time.Second, 1500 * time.Millisecond, 4 * time.Second},
		isSame:   samePick,
	}, nil)
}
