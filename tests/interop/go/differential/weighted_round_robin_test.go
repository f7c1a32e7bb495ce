// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	v3orcapb "github.com/cncf/xds/go/xds/data/orca/v3"
	_ "google.golang.org/grpc/balancer/weightedroundrobin"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
)

// load is what a backend says of itself.  No weight is below a hundredth of another, and none above
// ten times the mean: grebe keeps weights within that, as gRPC's C++ does and grpc-go does not, so
// that nobody starves.
func (g *generator) load() (load *v3orcapb.OrcaLoadReport, forLab string) {
	load = &v3orcapb.OrcaLoadReport{
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
	return load, fmt.Sprintf(`{"rps_fractional": %v, "application_utilization": %v, "cpu_utilization": %v, "eps": %v}`,
		load.RpsFractional, load.ApplicationUtilization, load.CpuUtilization, load.Eps)
}

// report is a load report out of band, of one backend that is READY.
func (g *generator) report() {
	var ready []*subConn
	for _, sc := range g.subconns() {
		if sc.state == connectivity.Ready {
			ready = append(ready, sc)
		}
	}
	if len(ready) == 0 {
		return
	}
	sc := ready[g.Intn(len(ready))]
	load, forLab := g.load()
	line := g.script.say(`{"do": "oob", "address": "%s", "load": %s}`, sc.address, forLab)
	g.world.report(sc, load)
	g.did(line, 0)
}

// reportOfCall is the end of a call, and the load report that comes with it.
func (g *generator) reportOfCall() {
	if len(g.open) == 0 {
		return
	}
	id := g.closeOne()
	load, forLab := g.load()
	line := g.script.say(`{"do": "done", "id": %d, "load": %s}`, id, forLab)
	g.world.done(id, codes.OK, load)
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

// Shares under load reports, through blackout, expiry and changes of the list.
func compareWeights(t *testing.T, told string, isOutOfBand bool, report weighted, setUp func(*generator)) {
	compareAll(t, policy{
		name:       "weighted_round_robin",
		told:       told,
		nSteps:     120,
		nEndpoints: 2,
		setUp:      setUp,
		steps: []weighted{
			{40, (*generator).move}, {25, (*generator).many}, report,
			{3, (*generator).update}, {1, (*generator).resolverError}, {15, (*generator).advance},
		},
		config: func(r *rand.Rand) string {
			return fmt.Sprintf(`{"enableOobLoadReport": %v, "oobReportingPeriod": "%ds", "blackoutPeriod": "%ds", "weightExpirationPeriod": "%ds", "weightUpdatePeriod": "%vs", "errorUtilizationPenalty": %v}`,
				isOutOfBand, 1+r.Intn(5), r.Intn(3), 2+r.Intn(8), float64(100+r.Intn(1000))/1000, float64(r.Intn(8))/4)
		},
		advances: []time.Duration{10 * time.Millisecond, 400 * time.Millisecond, time.Second, 2500 * time.Millisecond},
		isSame:   sameShares,
	}, nil)
}

func TestWeightedRoundRobinOutOfBand(t *testing.T) {
	compareWeights(t, "with reports out of band, ", true, weighted{50, (*generator).report}, nil)
}

func TestWeightedRoundRobinOfCalls(t *testing.T) {
	compareWeights(t, "with reports of calls, ", false, weighted{80, (*generator).reportOfCall}, holdSome)
}

// holdSome opens calls to one backend after the other, each while it is the only one that is READY:
// later each call's end can report for the same backend on both sides, which begin their turns
// anywhere.
func holdSome(g *generator) {
	for _, e := range g.listed {
		var sc *subConn
		for _, other := range g.world.subconns {
			if other.address == e.addresses[0] {
				sc = other
			}
		}
		for _, state := range []connectivity.State{connectivity.Connecting, connectivity.Ready} {
			g.set(sc, state)
		}
		for range 12 {
			g.hold()
		}
		g.set(sc, connectivity.Idle)
	}
}
