// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	v3orcapb "github.com/cncf/xds/go/xds/data/orca/v3"
	_ "google.golang.org/grpc/balancer/weightedroundrobin"
	"google.golang.org/grpc/connectivity"
)

// report is a load report out of band, of one backend that is READY.  No weight is below a
// hundredth of another, and none above ten times the mean: grebe keeps weights within that, as
// gRPC's C++ does and grpc-go does not, so that nobody starves.
func (g *generator) report() {
	var ready []*subConn
	for _, sc := range g.world.subconns {
		if sc.state == connectivity.Ready {
			ready = append(ready, sc)
		}
	}
	if len(ready) == 0 {
		return
	}
	sc := ready[g.Intn(len(ready))]
	load := &v3orcapb.OrcaLoadReport{
		RpsFractional:          float64(200 + g.Intn(1800)),
		ApplicationUtilization: float64(g.Intn(4)) / 4,
		CpuUtilization:         float64(4+g.Intn(12)) / 16,
		Eps:                    float64(g.Intn(2) * g.Intn(50)),
	}
	switch g.Intn(10) {
	case 0:
		load.RpsFractional = 0
	case 1:
		load.ApplicationUtilization, load.CpuUtilization = 0, 0
	}
	line := g.script.say(`{"do": "oob", "address": "%s", "load": {"rps_fractional": %v, "application_utilization": %v, "cpu_utilization": %v, "eps": %v}}`,
		sc.address, load.RpsFractional, load.ApplicationUtilization, load.CpuUtilization, load.Eps)
	g.world.report(sc, load)
	g.did(line, 0)
}

// sameShares compares windows of the same length of the same schedule.  It begins anywhere, and
// takes the backends in any order: a backend is passed once in each round, and the two windows
// are of n rounds more or less, n the number of backends, in each of which it is picked or not.
func sameShares(s step) error {
	n := len(s.wanted.counts)
	for address, wanted := range s.wanted.counts {
		if found := s.found.counts[address]; found < wanted-n-2 || found > wanted+n+2 {
			return fmt.Errorf("%s took %d calls in grpc-go, %d in grebe (%v, %v)", address, wanted, found, s.wanted.counts, s.found.counts)
		}
	}
	return nil
}

// Shares under load reports out of band, through blackout, expiry and changes of the list.
func TestWeightedRoundRobin(t *testing.T) {
	compareAll(t, policy{
		name:       "weighted_round_robin",
		nSteps:     120,
		nEndpoints: 2,
		steps: []weighted{
			{40, (*generator).move}, {25, (*generator).many}, {50, (*generator).report},
			{3, (*generator).update}, {1, (*generator).resolverError}, {15, (*generator).advance},
		},
		config: func(r *rand.Rand) string {
			return fmt.Sprintf(`{"enableOobLoadReport": true, "oobReportingPeriod": "%ds", "blackoutPeriod": "%ds", "weightExpirationPeriod": "%ds", "weightUpdatePeriod": "%vs", "errorUtilizationPenalty": %v}`,
				1+r.Intn(5), r.Intn(3), 2+r.Intn(8), float64(100+r.Intn(1000))/1000, float64(r.Intn(8))/4)
		},
		advances: []time.Duration{10 * time.Millisecond, 400 * time.Millisecond, time.Second, 2500 * time.Millisecond},
		isSame:   sameShares,
	}, nil)
}
