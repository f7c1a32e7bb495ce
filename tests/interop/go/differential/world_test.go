// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	v3orcapb "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/experimental/balancer/weight"
	estats "google.golang.org/grpc/experimental/stats"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/ringhash"
	"google.golang.org/grpc/serviceconfig"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"grebe.test/interop/hierarchy"
)

// world is what grebe lab is for grpc-go: one balancer, a client conn that only writes down
// what it is asked for, and subconns that do what they are told to.  All of it lives in a
// bubble of testing/synctest, where time moves when everybody waits for it.
type world struct {
	balancer.ClientConn // has what nobody asks for
	policy              balancer.Balancer
	config              serviceconfig.LoadBalancingConfig

	serial sync.Mutex  // held while something is delivered to the policy
	queue  chan func() // deliveries that the policy's own requests cause

	mu        sync.Mutex // of what follows
	published bool
	state     connectivity.State
	picker    balancer.Picker
	subconns  []*subConn // that were not shut down, oldest first
	seen      seen
	held      map[int]balancer.PickResult // calls that are open, by id
	nPicks    int
}

// seen is what a policy did in one step of a script, of which what is told by String() has to
// be the same on both sides.
type seen struct {
	state     string // published last; "" before the first
	connects  []string
	shutdowns []string
	live      []string
	pick      string // what the call was told, if the step was one
	update    string // what the policy answered, if the step was an update

	address string         // where the call went
	counts  map[string]int // where many calls went; "" for those that went nowhere
}

func (s seen) String() string {
	sort.Strings(s.connects)
	sort.Strings(s.shutdowns)
	sort.Strings(s.live)
	return fmt.Sprintf("state %s; connects %v; shutdowns %v; live %v; pick %s; update %s",
		s.state, s.connects, s.shutdowns, s.live, s.pick, s.update)
}

// ---- Subconns ----

type subConn struct {
	balancer.SubConn // likewise
	world            *world
	address          string
	listener         func(balancer.SubConnState)
	health           func(balancer.SubConnState)
	state            connectivity.State
	isAsked          bool // to connect, and has not begun

	producer      balancer.Producer
	closeProducer func()
	reports       chan *v3orcapb.OrcaLoadReport // for the stream that is open; nil: none is
}

func (sc *subConn) Connect() {
	w := sc.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if sc.state == connectivity.Idle && !sc.isAsked {
		sc.isAsked = true
		w.seen.connects = append(w.seen.connects, sc.address)
	}
}

func (sc *subConn) Shutdown() {
	w := sc.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if sc.state == connectivity.Shutdown {
		return
	}
	sc.state = connectivity.Shutdown
	w.seen.shutdowns = append(w.seen.shutdowns, sc.address)
	for i, other := range w.subconns {
		if other == sc {
			w.subconns = append(w.subconns[:i:i], w.subconns[i+1:]...)
			break
		}
	}
	w.queue <- func() { sc.listener(balancer.SubConnState{ConnectivityState: connectivity.Shutdown}) }
}

// RegisterHealthListener hears READY at once, as where no health service is configured.
func (sc *subConn) RegisterHealthListener(listener func(balancer.SubConnState)) {
	w := sc.world
	w.mu.Lock()
	defer w.mu.Unlock()
	sc.health = listener
	if listener == nil {
		return
	}
	w.queue <- func() {
		w.mu.Lock()
		isCurrent := sc.state == connectivity.Ready && sc.health != nil
		w.mu.Unlock()
		if isCurrent {
			listener(balancer.SubConnState{ConnectivityState: connectivity.Ready})
		}
	}
}

// GetOrBuildProducer is asked for load reports out of band only.
func (sc *subConn) GetOrBuildProducer(builder balancer.ProducerBuilder) (balancer.Producer, func()) {
	if sc.producer == nil {
		sc.producer, sc.closeProducer = builder.Build(&reporter{sc})
	}
	return sc.producer, func() {}
}

// dropProducer is what a channel does when the state changes.
func (sc *subConn) dropProducer() {
	if sc.producer == nil {
		return
	}
	sc.closeProducer()
	sc.producer = nil
}

// ---- The client conn ----

func (w *world) NewSubConn(addresses []resolver.Address, options balancer.NewSubConnOptions) (balancer.SubConn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sc := &subConn{world: w, address: addresses[0].Addr, listener: options.StateListener}
	w.subconns = append(w.subconns, sc)
	return sc, nil
}

func (w *world) RemoveSubConn(sc balancer.SubConn) { sc.Shutdown() }

func (w *world) UpdateState(state balancer.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.published = true
	w.state = state.ConnectivityState
	w.picker = state.Picker
}

func (w *world) ResolveNow(resolver.ResolveNowOptions) {}
func (w *world) Target() string                        { return "lab:///" }
func (w *world) MetricsRecorder() estats.MetricsRecorder {
	return noMetrics{}
}

// noMetrics forgets all figures.
type noMetrics struct{ estats.MetricsRecorder }

func (noMetrics) RecordInt64Count(*estats.Int64CountHandle, int64, ...string)       {}
func (noMetrics) RecordFloat64Count(*estats.Float64CountHandle, float64, ...string) {}
func (noMetrics) RecordInt64Histo(*estats.Int64HistoHandle, int64, ...string)       {}
func (noMetrics) RecordFloat64Histo(*estats.Float64HistoHandle, float64, ...string) {}
func (noMetrics) RecordInt64Gauge(*estats.Int64GaugeHandle, int64, ...string)       {}
func (noMetrics) RecordInt64UpDownCount(*estats.Int64UpDownCountHandle, int64, ...string) {
}

// ---- Life ----

func newWorld(name, config string) (*world, error) {
	builder := balancer.Get(name)
	if builder == nil {
		return nil, fmt.Errorf("grpc-go has no %s", name)
	}
	parsed, err := builder.(balancer.ConfigParser).ParseConfig(json.RawMessage(config))
	if err != nil {
		return nil, err
	}
	w := &world{config: parsed, queue: make(chan func(), 4096), held: map[int]balancer.PickResult{}}
	go func() {
		for deliver := range w.queue {
			w.serial.Lock()
			deliver()
			w.serial.Unlock()
		}
	}()
	w.policy = builder.Build(w, balancer.BuildOptions{})
	return w, nil
}

func (w *world) close() {
	for _, sc := range w.subconns {
		sc.dropProducer()
	}
	w.deliver(w.policy.Close)
	close(w.queue)
}

// deliver is one event, and everything that it causes at once.
func (w *world) deliver(event func()) {
	w.serial.Lock()
	event()
	w.serial.Unlock()
	synctest.Wait()
}

// take ends a step: what was seen in it, and a microsecond, by which the lines of the lab are
// told apart.
func (w *world) take() seen {
	w.mu.Lock()
	result := w.seen
	if w.published {
		result.state = strings.ToUpper(w.state.String())
	}
	for _, sc := range w.subconns {
		result.live = append(result.live, sc.address)
	}
	w.seen = seen{}
	w.mu.Unlock()
	time.Sleep(time.Microsecond)
	synctest.Wait()
	return result
}

// ---- Events ----

// endpoint is one of the resolver's, for both sides.
type endpoint struct {
	addresses []string
	weight    uint32
	hashKey   string
	path      []string // to the child that it is for
}

func (e endpoint) forGo() resolver.Endpoint {
	var made resolver.Endpoint
	for _, address := range e.addresses {
		made.Addresses = append(made.Addresses, resolver.Address{Addr: address})
	}
	if e.weight > 0 {
		made = weight.Set(made, weight.EndpointInfo{Weight: e.weight})
	}
	if e.path != nil {
		made = hierarchy.Set(made, e.path)
	}
	return ringhash.SetHashKey(made, e.hashKey)
}

func (w *world) update(endpoints []endpoint) {
	var state resolver.State
	for _, e := range endpoints {
		state.Endpoints = append(state.Endpoints, e.forGo())
	}
	w.deliver(func() {
		err := w.policy.UpdateClientConnState(balancer.ClientConnState{ResolverState: state, BalancerConfig: w.config})
		w.seen.update = "ok"
		if err != nil {
			w.seen.update = "error"
		}
	})
}

func (w *world) resolverError(text string) {
	w.deliver(func() { w.policy.ResolverError(errors.New(text)) })
}

func (w *world) exitIdle() { w.deliver(w.policy.ExitIdle) }

func (w *world) advance(by time.Duration) {
	time.Sleep(by)
	synctest.Wait()
}

func (w *world) set(sc *subConn, state connectivity.State) {
	sc.dropProducer()
	w.mu.Lock()
	sc.state = state
	sc.isAsked = false
	sc.health = nil
	w.mu.Unlock()
	told := balancer.SubConnState{ConnectivityState: state}
	if state == connectivity.TransientFailure {
		told.ConnectionError = errors.New("connection refused")
	}
	w.deliver(func() { sc.listener(told) })
}

// ask gives one call to the newest picker, with the key that ring_hash looks at unless that is
// "".
func (w *world) ask(key string) (result balancer.PickResult, answer string) {
	w.mu.Lock()
	picker := w.picker
	w.mu.Unlock()
	if picker == nil {
		return result, "queue"
	}
	ctx := context.Background()
	if key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "key", key)
	}
	result, err := picker.Pick(balancer.PickInfo{FullMethodName: "/lab.Lab/Call", Ctx: ctx})
	switch {
	case err == nil:
		return result, "complete"
	case errors.Is(err, balancer.ErrNoSubConnAvailable):
		return result, "queue"
	default:
		return result, "fail"
	}
}

// pick is one call, which stays open if it goes somewhere.
func (w *world) pick(key string) (address string, id int) {
	result, answer := w.ask(key)
	id = w.nPicks
	w.nPicks++
	if answer == "complete" {
		address = addressOf(result.SubConn)
		w.held[id] = result
	}
	synctest.Wait()
	w.mu.Lock()
	w.seen.pick, w.seen.address = answer, address
	w.mu.Unlock()
	return address, id
}

// pickMany are n calls that end at once, and well.
func (w *world) pickMany(n int) {
	counts := map[string]int{}
	for range n {
		result, answer := w.ask("")
		if answer != "complete" {
			counts[""]++
			continue
		}
		counts[addressOf(result.SubConn)]++
		if result.Done != nil {
			result.Done(balancer.DoneInfo{BytesSent: true, BytesReceived: true})
		}
	}
	w.nPicks += n
	synctest.Wait()
	w.mu.Lock()
	w.seen.counts = counts
	w.mu.Unlock()
}

// addressOf knows the subconn even where a policy has put one of its own around it.
func addressOf(sc balancer.SubConn) string {
	if own, ok := sc.(*subConn); ok {
		return own.address
	}
	return fmt.Sprint(sc)
}

// done ends a call that stayed open; its backend reports `load` with it, unless that is nil.
func (w *world) done(id int, code codes.Code, load *v3orcapb.OrcaLoadReport) {
	result := w.held[id]
	delete(w.held, id)
	if result.Done == nil {
		return
	}
	info := balancer.DoneInfo{BytesSent: true, BytesReceived: true}
	if code != codes.OK {
		info.Err = status.Error(code, "a failure of the script")
	}
	if load != nil {
		info.ServerLoad = load
	}
	result.Done(info)
	synctest.Wait()
}

// ---- Load reports ----

// reporter is the connection of a subconn, as far as load reports need one.
type reporter struct{ sc *subConn }

func (r *reporter) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return status.Error(codes.Unimplemented, "this is no server")
}

func (r *reporter) NewStream(ctx context.Context, _ *grpc.StreamDesc, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	reports := make(chan *v3orcapb.OrcaLoadReport)
	r.sc.world.mu.Lock()
	r.sc.reports = reports
	r.sc.world.mu.Unlock()
	return &reportStream{ctx: ctx, reports: reports}, nil
}

// reportStream brings what the script says until nobody wants it.
type reportStream struct {
	grpc.ClientStream
	ctx     context.Context
	reports chan *v3orcapb.OrcaLoadReport
}

func (s *reportStream) SendMsg(any) error { return nil }
func (s *reportStream) CloseSend() error  { return nil }
func (s *reportStream) RecvMsg(message any) error {
	select {
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	case report := <-s.reports:
		proto.Merge(message.(proto.Message), report)
		return nil
	}
}

// report is a load report that comes out of band, if somebody waits for it.
func (w *world) report(sc *subConn, load *v3orcapb.OrcaLoadReport) {
	if sc.producer == nil || sc.reports == nil {
		return
	}
	sc.reports <- load
	synctest.Wait()
}
