// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
)

// policy is what the generator has to know of one, and how its picks are compared.
type policy struct {
	name       string // in service configs
	told       string // how it is driven, ends with ", "; or ""
	config     func(r *rand.Rand) string
	nSteps     int
	nEndpoints int // at least
	steps      []weighted
	outcome    func(r *rand.Rand, address string) codes.Code // how calls to it end; nil: well
	advances   []time.Duration
	keys       int              // of calls, how many there are
	children   int              // endpoints have the path "p0", "p1"..., so many of them; 0: none
	setUp      func(*generator) // after the first update; or nil
	losesNone  bool             // connections that are READY stay so
	dropsNone  bool             // endpoints stay listed
	isSame     func(step) error
	forgive    func(theirs, ours *seen) // makes the same what may be different; or nil
}

// weighted is something that may happen, and how often.
type weighted struct {
	share int
	do    func(*generator)
}

// samePick is for policies that leave nothing to chance.
func samePick(s step) error {
	if s.found.address != s.wanted.address {
		return fmt.Errorf("the call went to %q in grpc-go, to %q in grebe", s.wanted.address, s.found.address)
	}
	return nil
}

// generator writes a script while grpc-go lives through it: what may happen next depends on
// what its policy has asked for.
type generator struct {
	*rand.Rand
	policy    policy
	world     *world
	script    script
	pool      []endpoint // that updates choose from
	listed    []endpoint // by the last one
	hasConfig bool
	config    string
	nFailing  int            // connections, of four: one, or three in every other script
	open      []int          // calls, by id
	backend   map[int]string // of these
}

// childOf tells which child the i-th endpoint of the pool is for: each has one at least.
func (g *generator) childOf(i int) int {
	if n := g.policy.children; n > 0 && i >= n {
		return g.Intn(n)
	}
	return i
}

// An update chooses from these: addresses are never shared, for a script names subconns by
// theirs.  Where there are children, the second number is the child's.
func (g *generator) fillPool() {
	for i := range g.policy.nEndpoints + g.Intn(10) {
		var e endpoint
		network := "10.0"
		if g.policy.children > 0 {
			child := g.childOf(i)
			network = fmt.Sprintf("10.%d", child)
			e.path = []string{fmt.Sprintf("p%d", child)}
		}
		e.addresses = append(e.addresses, fmt.Sprintf("%s.0.%d:80", network, i+1))
		if g.Intn(4) == 0 {
			e.addresses = append(e.addresses, fmt.Sprintf("%s.1.%d:80", network, i+1))
		}
		if g.Intn(2) == 0 {
			e.weight = uint32(1 + g.Intn(20))
		}
		if g.Intn(3) == 0 {
			e.hashKey = fmt.Sprintf("host-%d", g.Intn(1000000))
		}
		g.pool = append(g.pool, e)
	}
}

func (e endpoint) forLab() map[string]any {
	made := map[string]any{"addresses": e.addresses}
	if e.weight > 0 {
		made["weight"] = e.weight
	}
	if e.hashKey != "" {
		made["hash_key"] = e.hashKey
	}
	if e.path != nil {
		made["path"] = e.path
	}
	return made
}

func (g *generator) update() {
	chosen := []endpoint{}
	lab := []map[string]any{}
	for _, i := range g.Perm(len(g.pool)) {
		isFirst := i < g.policy.children // of a child, which is never without
		if g.hasConfig && !g.policy.dropsNone && !isFirst && g.Intn(4) == 0 {
			continue
		}
		if g.hasConfig && g.Intn(10) == 0 {
			g.pool[i].weight = uint32(1 + g.Intn(20))
		}
		chosen = append(chosen, g.pool[i])
		lab = append(lab, g.pool[i].forLab())
	}
	g.listed = chosen
	list, _ := json.Marshal(lab)
	config := ""
	if !g.hasConfig {
		config = fmt.Sprintf(`, "config": [{"%s": %s}]`, g.policy.name, g.config)
		g.hasConfig = true
	}
	line := g.script.say(`{"do": "update", "endpoints": %s%s}`, list, config)
	g.world.update(chosen)
	g.did(line, 0)
}

func (g *generator) did(line string, took time.Duration) {
	g.script.did(line, took, g.ready(), g.world.take())
}

// pick is a call that ends at once.
func (g *generator) pick() {
	key := fmt.Sprintf("key-%d", g.Intn(g.policy.keys))
	code := codes.OK
	address, id := g.world.pick(key)
	if g.policy.outcome != nil && address != "" {
		code = g.policy.outcome(g.Rand, address)
	}
	line := g.script.say(`{"do": "pick", "metadata": {"key": "%s"}, "status": %d}`, key, code)
	if address != "" {
		g.world.done(id, code, nil)
	}
	g.did(line, 0)
}

// pickUsable is a pick where somebody can be used.
func (g *generator) pickUsable() {
	if g.world.state == connectivity.Ready || g.world.state == connectivity.Idle {
		g.pick()
	}
}

// hold is a call that stays open if it goes somewhere.
func (g *generator) hold() {
	address, id := g.world.pick("")
	line := g.script.say(`{"do": "pick", "done": "hold"}`)
	if address != "" {
		g.open = append(g.open, id)
		g.backend[id] = address
	}
	g.did(line, 0)
}

// many are calls enough for shares to show, and now and then for small ones, too.
func (g *generator) many() {
	n := max(2, 100*len(g.ready()))
	if g.Intn(80) == 0 {
		n = 20000
	}
	line := g.script.say(`{"do": "pick", "n": %d}`, n)
	g.world.pickMany(n)
	g.did(line, 0)
}

// subconns are those there are, by their addresses: grpc-go makes them in an order of its own,
// another one each time, and what a seed leads to must not depend on it.
func (g *generator) subconns() []*subConn {
	return slices.SortedFunc(slices.Values(g.world.subconns), func(a, b *subConn) int {
		return strings.Compare(a.address, b.address)
	})
}

// ready are the addresses of the connections that are READY.
func (g *generator) ready() []string {
	var ready []string
	for _, sc := range g.subconns() {
		if sc.state == connectivity.Ready {
			ready = append(ready, sc.address)
		}
	}
	return ready
}

// closeOne chooses one of the calls that are open, which is not any more.
func (g *generator) closeOne() int {
	i := g.Intn(len(g.open))
	id := g.open[i]
	g.open = append(g.open[:i:i], g.open[i+1:]...)
	return id
}

func (g *generator) done() {
	if len(g.open) == 0 {
		return
	}
	id := g.closeOne()
	code := codes.OK
	if g.policy.outcome != nil {
		code = g.policy.outcome(g.Rand, g.backend[id])
	}
	line := g.script.say(`{"do": "done", "id": %d, "status": %d}`, id, code)
	g.world.done(id, code, nil)
	g.did(line, 0)
}

// next is where a subconn may go from where it is; false: nowhere.
func (g *generator) next(sc *subConn) (connectivity.State, bool) {
	switch sc.state {
	case connectivity.Idle:
		return connectivity.Connecting, sc.isAsked
	case connectivity.Connecting:
		if g.Intn(4) < g.nFailing {
			return connectivity.TransientFailure, true
		}
		return connectivity.Ready, true
	case connectivity.Ready:
		return connectivity.Idle, !g.policy.losesNone && g.Intn(6) == 0
	default:
		return connectivity.Idle, true
	}
}

var labNames = map[connectivity.State]string{
	connectivity.Idle:             "IDLE",
	connectivity.Connecting:       "CONNECTING",
	connectivity.Ready:            "READY",
	connectivity.TransientFailure: "TRANSIENT_FAILURE",
}

func (g *generator) move() {
	subconns := g.subconns()
	g.Shuffle(len(subconns), func(i, j int) { subconns[i], subconns[j] = subconns[j], subconns[i] })
	for _, sc := range subconns {
		state, mayGo := g.next(sc)
		if !mayGo {
			continue
		}
		g.set(sc, state)
		return
	}
}

func (g *generator) set(sc *subConn, state connectivity.State) {
	line := g.script.say(`{"do": "subconn", "address": "%s", "state": "%s"}`, sc.address, labNames[state])
	g.world.set(sc, state)
	g.did(line, 0)
}

func (g *generator) advance() {
	by := g.policy.advances[g.Intn(len(g.policy.advances))]
	line := g.script.say(`{"do": "advance", "ms": %d}`, by.Milliseconds())
	g.world.advance(by)
	g.did(line, by)
}

func (g *generator) resolverError() {
	line := g.script.say(`{"do": "resolver_error", "error": "no such host"}`)
	g.world.resolverError("no such host")
	g.did(line, 0)
}

func (g *generator) exitIdle() {
	line := g.script.say(`{"do": "exit_idle"}`)
	g.world.exitIdle()
	g.did(line, 0)
}

func (g *generator) step() {
	sum := 0
	for _, s := range g.policy.steps {
		sum += s.share
	}
	n := g.Intn(sum)
	for _, s := range g.policy.steps {
		if n < s.share {
			s.do(g)
			return
		}
		n -= s.share
	}
}

// generate lives through a random script with grpc-go's policy, inside a bubble.
func generate(p policy, seed int64) (*script, error) {
	g := &generator{Rand: rand.New(rand.NewSource(seed)), policy: p, backend: map[int]string{}}
	g.nFailing = 1 + 2*g.Intn(2)
	g.config = p.config(g.Rand)
	g.fillPool()
	world, err := newWorld(p.name, g.config)
	if err != nil {
		return nil, err
	}
	g.world = world
	defer world.close()
	g.script.say(`{"do": "start", "seed": %d}`, seed)
	g.update()
	if p.setUp != nil {
		p.setUp(g)
	}
	for range p.nSteps {
		g.step()
	}
	return &g.script, nil
}
