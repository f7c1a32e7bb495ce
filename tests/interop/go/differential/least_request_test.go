// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"

	_ "google.golang.org/grpc/balancer/leastrequest"
)

// draws follows the calls of scripts on one side, and compares where they went with gRFC A48:
// of so many draws with replacement the first with the fewest calls.  The law gives each READY
// endpoint a probability; summed over all picks, load and choice have to be what it says, within
// five standard deviations of their sum (once in 1.7 million runs by chance).
type draws struct {
	n                      int
	off, variance          float64 // of the load that was picked
	minimum, minimumSpread float64 // of picking one of those with the fewest
}

// probabilities are those of each load, by A48.
func probabilities(loads []int, nDraws int) []float64 {
	n := float64(len(loads))
	atLeast := func(load int) float64 { // that all draws have so many calls or more
		count := 0
		for _, other := range loads {
			if other >= load {
				count++
			}
		}
		return math.Pow(float64(count)/n, float64(nDraws))
	}
	result := make([]float64, len(loads))
	for i, load := range loads {
		alike := 0
		for _, other := range loads {
			if other == load {
				alike++
			}
		}
		result[i] = (atLeast(load) - atLeast(load+1)) / float64(alike)
	}
	return result
}

func (d *draws) add(loads []int, picked, nDraws int) {
	mean, square, least, pLeast, hit := 0.0, 0.0, math.MaxInt, 0.0, 0.0
	p := probabilities(loads, nDraws)
	for _, load := range loads {
		least = min(least, load)
	}
	for i, load := range loads {
		mean += p[i] * float64(load)
		square += p[i] * float64(load) * float64(load)
		if load == least {
			pLeast += p[i]
		}
	}
	if loads[picked] == least {
		hit = 1
	}
	d.n++
	d.off += float64(loads[picked]) - mean
	d.variance += square - mean*mean
	d.minimum += hit - pLeast
	d.minimumSpread += pLeast * (1 - pLeast)
}

// sigmas are how far the two sums are from what they should be.
func (d *draws) sigmas() (load, minimum float64) {
	return d.off / math.Sqrt(d.variance), d.minimum / math.Sqrt(d.minimumSpread)
}

// endpointOf tells an endpoint by any of its addresses, as fillPool() makes them.
func endpointOf(address string) string {
	return address[strings.LastIndex(address, "."):]
}

// follow adds the calls of a script; `side` takes one side of a step.  An endpoint that leaves
// READY forgets its calls, unless it was the last.
func (d *draws) follow(s *script, nDraws int, side func(step) seen) {
	calls := map[int]*int{} // the counters of those that are open, by id
	counters := map[string]*int{}
	id := 0
	for _, step := range s.steps {
		var said struct {
			Do string
			ID int
		}
		if json.Unmarshal([]byte(step.line), &said) != nil {
			continue
		}
		switch said.Do {
		case "pick":
			calls[id] = d.pick(step.ready, side(step), nDraws, counters)
			id++
		case "done":
			*calls[said.ID]--
		}
		forget(counters, step.ready)
	}
}

func forget(counters map[string]*int, ready []string) {
	isReady := map[string]bool{}
	for _, address := range ready {
		isReady[endpointOf(address)] = true
	}
	for endpoint := range counters {
		if len(ready) > 0 && !isReady[endpoint] {
			delete(counters, endpoint)
		}
	}
}

// pick gives the counter of the endpoint that was picked; nil: the call waits, or fails.
func (d *draws) pick(ready []string, told seen, nDraws int, counters map[string]*int) *int {
	var loads []int
	picked := -1
	for i, address := range ready {
		counter, isKnown := counters[endpointOf(address)]
		if !isKnown {
			counter = new(int)
			counters[endpointOf(address)] = counter
		}
		loads = append(loads, *counter)
		if address == told.address {
			picked = i
		}
	}
	if picked < 0 {
		return nil
	}
	d.add(loads, picked, nDraws)
	counter := counters[endpointOf(ready[picked])]
	*counter++
	return counter
}

// States and connections are compared step by step; where calls go is chance, and both sides
// have to keep its law.
func TestLeastRequest(t *testing.T) {
	var theirs, ours draws
	nDraws := 0
	compareAll(t, policy{
		name:       "least_request_experimental",
		nSteps:     160,
		nEndpoints: 2,
		steps: []weighted{
			{40, (*generator).move}, {80, (*generator).hold}, {50, (*generator).done},
			{5, (*generator).update}, {2, (*generator).resolverError}, {2, (*generator).advance},
		},
		config: func(r *rand.Rand) string {
			nDraws = 2 + r.Intn(4)
			return fmt.Sprintf(`{"choiceCount": %d}`, nDraws)
		},
		advances: []time.Duration{time.Millisecond, 250 * time.Millisecond},
		isSame:   func(step) error { return nil },
	}, func(s *script) {
		theirs.follow(s, nDraws, func(s step) seen { return s.wanted })
		ours.follow(s, nDraws, func(s step) seen { return s.found })
	})
	for name, d := range map[string]*draws{"grpc-go": &theirs, "grebe": &ours} {
		load, minimum := d.sigmas()
		t.Logf("%s: %d calls; load %.2f sigma, least loaded %.2f sigma", name, d.n, load, minimum)
		if math.Abs(load) > 5 || math.Abs(minimum) > 5 {
			t.Errorf("%s does not choose as gRFC A48 says", name)
		}
	}
}
