// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
	"time"

	orcapb "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/base"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/orca"
	"google.golang.org/protobuf/proto"

	_ "google.golang.org/grpc/balancer/weightedroundrobin"
)

// A recorder is a policy that picks the one backend there is and keeps what it reports.
type recorder struct {
	name     string
	interval time.Duration // of out-of-band reports; 0: none are wanted
	mu       sync.Mutex
	calls    []*orcapb.OrcaLoadReport // nil: a call without a report
	reports  []*orcapb.OrcaLoadReport
	times    []time.Time // of the reports
}

// newRecorder registers the policy and opens a channel that uses it.
func newRecorder(t *test, b *backend, interval time.Duration) (*recorder, *grpc.ClientConn) {
	r := &recorder{name: fmt.Sprintf("recorder_%d", time.Now().UnixNano()), interval: interval}
	balancer.Register(base.NewBalancerBuilder(r.name, r, base.Config{}))
	return r, dial(t, b, fmt.Sprintf(`{"loadBalancingConfig": [{%q: {}}]}`, r.name))
}

// Build listens to a backend once it is READY.
func (r *recorder) Build(info base.PickerBuildInfo) balancer.Picker {
	for sc := range info.ReadySCs {
		if r.interval > 0 {
			orca.RegisterOOBListener(sc, r, orca.OOBListenerOptions{ReportInterval: r.interval})
		}
		return &picker{r, sc}
	}
	return base.NewErrPicker(balancer.ErrNoSubConnAvailable)
}

func (r *recorder) OnLoadReport(report *orcapb.OrcaLoadReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, proto.Clone(report).(*orcapb.OrcaLoadReport))
	r.times = append(r.times, time.Now())
}

// outOfBand is what has come so far.
func (r *recorder) outOfBand() []*orcapb.OrcaLoadReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*orcapb.OrcaLoadReport{}, r.reports...)
}

// lastCall is the report of the last call that ended.
func (r *recorder) lastCall() *orcapb.OrcaLoadReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[len(r.calls)-1]
}

type picker struct {
	r  *recorder
	sc balancer.SubConn
}

func (p *picker) Pick(balancer.PickInfo) (balancer.PickResult, error) {
	return balancer.PickResult{SubConn: p.sc, Done: func(done balancer.DoneInfo) {
		load, _ := done.ServerLoad.(*orcapb.OrcaLoadReport)
		p.r.mu.Lock()
		defer p.r.mu.Unlock()
		p.r.calls = append(p.r.calls, load)
	}}, nil
}

func expectLoad(t *test, got, want *orcapb.OrcaLoadReport) {
	if !proto.Equal(got, want) {
		t.fatalf("the load is {%v} instead of {%v}", got, want)
	}
}

const fixedValues = "cpu=0.4,mem=0.25,app=1.5,qps=100,eps=0,util.disk=0.5,named.queue=-3"

func fixedLoad() *orcapb.OrcaLoadReport {
	return &orcapb.OrcaLoadReport{
		CpuUtilization: 0.4, MemUtilization: 0.25, ApplicationUtilization: 1.5, RpsFractional: 100,
		Utilization: map[string]float64{"disk": 0.5}, NamedMetrics: map[string]float64{"queue": -3},
	}
}

func loadsComeWithCalls(t *test) {
	r, conn := newRecorder(t, startBackend(t, 1, "--orca", fixedValues), 0)
	call(t, conn)
	expectLoad(t, r.lastCall(), fixedLoad())
}

func aCallsOwnValuesWin(t *test) {
	r, conn := newRecorder(t, startBackend(t, 1, "--orca", fixedValues), 0)
	call(t, conn, "grebe-orca", "mem=0,eps=20,util.disk=0.6,util.net=0.1,cost.rows=7")
	want := fixedLoad()
	want.MemUtilization, want.Eps = 0, 20
	want.Utilization = map[string]float64{"disk": 0.6, "net": 0.1}
	want.RequestCost = map[string]float64{"rows": 7}
	expectLoad(t, r.lastCall(), want)
	call(t, conn) // and the next is as ever
	expectLoad(t, r.lastCall(), fixedLoad())
}

func noLoadWithoutOrca(t *test) {
	r, conn := newRecorder(t, startBackend(t, 1), 50*time.Millisecond)
	call(t, conn, "grebe-orca", "cpu=0.5")
	if r.lastCall() != nil || len(r.outOfBand()) > 0 {
		t.fatalf("there is a load: {%v}, %v", r.lastCall(), r.outOfBand())
	}
}

// Two callers at a backend with four places, 20 ms for each call.
func loadsAreWhatTheBackendDoes(t *test) {
	r, conn := newRecorder(t, startBackend(t, 1, "--orca", "--capacity", "4", "--delay", "20ms"), 0)
	var callers sync.WaitGroup
	stop := time.Now().Add(2500 * time.Millisecond)
	call(t, conn)
	for range 2 {
		callers.Add(1)
		go func() {
			defer callers.Done()
			for time.Now().Before(stop) {
				call(t, conn)
			}
		}()
	}
	callers.Wait()
	load := r.lastCall()
	if load == nil || load.RpsFractional < 50 || load.RpsFractional > 101 || load.Eps != 0 ||
		load.ApplicationUtilization < 0.35 || load.ApplicationUtilization > 0.55 ||
		load.CpuUtilization <= 0 {
		t.fatalf("the load is {%v}", load)
	}
}

func loadsComeOutOfBand(t *test) {
	b := startBackend(t, 1, "--orca", fixedValues, "--orca-interval", "100ms")
	r, conn := newRecorder(t, b, 50*time.Millisecond)
	conn.Connect()
	t.eventually("five reports", func() bool { return len(r.outOfBand()) >= 5 })
	for _, report := range r.outOfBand() {
		expectLoad(t, report, fixedLoad())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if took := r.times[4].Sub(r.times[0]); took < 380*time.Millisecond {
		t.fatalf("five reports came within %v", took)
	}
}

// gRFC A51: whoever asks for less than 30 s gets a report at once and then waits.
func reportsAreHalfAMinuteApart(t *test) {
	r, conn := newRecorder(t, startBackend(t, 1, "--orca", "cpu=0.5"), 50*time.Millisecond)
	conn.Connect()
	t.eventually("the first report", func() bool { return len(r.outOfBand()) == 1 })
	time.Sleep(time.Second)
	if n := len(r.outOfBand()); n != 1 || conn.GetState() != connectivity.Ready {
		t.fatalf("%d reports have come, the channel is %v", n, conn.GetState())
	}
}

// One backend says it is three times as busy for the same rate: it gets a third of what
// the other gets.
func weightedRoundRobinWeighs(t *test) {
	idle := startBackend(t, 1, "--name", "idle", "--orca", "cpu=0.3,qps=100")
	busy := startBackend(t, 1, "--name", "busy", "--orca", "cpu=0.9,qps=100")
	both := &backend{addresses: append(idle.addresses, busy.addresses...)}
	conn := dial(t, both, `{"loadBalancingConfig": [{"weighted_round_robin":
		{"blackoutPeriod": "0s", "weightUpdatePeriod": "0.1s"}}]}`)
	t.eventually("a share of 3 to 1", func() bool {
		n := map[string]int{}
		for range 400 {
			n[call(t, conn)]++
		}
		return n["idle"] >= 295 && n["idle"] <= 305
	})
}
