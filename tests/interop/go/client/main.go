// SPDX-License-Identifier: Apache-2.0

// Client runs grpc-go against `grebe backend`: what health checks and load reports of the
// backend are worth is what a client that nobody here wrote makes of them.
//
//	client GREBE
//
// Each case starts backends of its own.  The output is TAP.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// patience is for what ought to happen soon.
const patience = 10 * time.Second

var tool string

// A test is one case as it runs; what it opens is closed at its end, last first.
type test struct {
	failed   bool
	cleanups []func()
}

func (t *test) cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// fatalf ends the case.
func (t *test) fatalf(format string, args ...any) {
	fmt.Printf("# "+format+"\n", args...)
	t.failed = true
	runtime.Goexit()
}

func (t *test) must(err error) {
	if err != nil {
		t.fatalf("%v", err)
	}
}

// eventually waits until a condition holds.
func (t *test) eventually(what string, holds func() bool) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.fatalf("it never came to be: %s", what)
}

func (t *test) run(body func(*test)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(t.cleanups) - 1; i >= 0; i-- {
				t.cleanups[i]()
			}
		}()
		body(t)
	}()
	<-done
}

// A backend is one process with one address or several.
type backend struct {
	process   *os.Process
	addresses []string
}

// startBackend serves n addresses until the case ends.
func startBackend(t *test, n int, flags ...string) *backend {
	words := append([]string{"backend", "--listen", "127.0.0.1:0", "--count", fmt.Sprint(n)}, flags...)
	command := exec.Command(tool, words...)
	command.Stderr = os.Stdout
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := command.StdoutPipe()
	t.must(err)
	t.must(command.Start())
	t.cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	b := &backend{process: command.Process}
	for lines := bufio.NewScanner(out); len(b.addresses) < n && lines.Scan(); {
		b.addresses = append(b.addresses, strings.TrimPrefix(lines.Text(), "listening "))
	}
	if len(b.addresses) < n {
		t.fatalf("the backend did not start")
	}
	return b
}

func (b *backend) signal(t *test, signal syscall.Signal) { t.must(b.process.Signal(signal)) }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: client GREBE")
		os.Exit(2)
	}
	tool = os.Args[1]
	cases := []struct {
		name string
		body func(*test)
	}{
		{"health_is_checked_and_listed", healthIsCheckedAndListed},
		{"health_is_watched", healthIsWatched},
		{"round_robin_leaves_out_who_is_not_well", roundRobinLeavesOutWhoIsNotWell},
		{"loads_come_with_calls", loadsComeWithCalls},
		{"a_calls_own_values_win", aCallsOwnValuesWin},
		{"no_load_without_orca", noLoadWithoutOrca},
		{"loads_are_what_the_backend_does", loadsAreWhatTheBackendDoes},
		{"loads_come_out_of_band", loadsComeOutOfBand},
		{"reports_are_half_a_minute_apart", reportsAreHalfAMinuteApart},
		{"weighted_round_robin_weighs", weightedRoundRobinWeighs},
	}
	code := 0
	fmt.Printf("1..%d\n", len(cases))
	for i, one := range cases {
		t := &test{}
		t.run(one.body)
		verdict := "ok"
		if t.failed {
			verdict, code = "not ok", 1
		}
		fmt.Printf("%s %d - %s\n", verdict, i+1, one.name)
	}
	os.Exit(code)
}
