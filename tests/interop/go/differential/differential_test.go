// SPDX-License-Identifier: Apache-2.0

// Package differential compares policies with grpc-go's own, step by step.
//
// A random script of grebe lab is written while a policy of grpc-go lives through it
// (world_test.go), then `grebe lab` is given the script, and both have to have done the same
// in every step: the state that was published last, the connections that were asked for and
// given up, the subconns that are left, and where a call went.
//
// Environment: GREBE_TOOL, the tool; GREBE_SCRIPTS, how many random scripts for each policy
// (50); GREBE_SEED, where they begin (1).  A script that differs is printed up to the step
// where it does.
package differential

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

func number(name string, usual int64) int64 {
	if n, err := strconv.ParseInt(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return usual
}

// isKnown tells whether the tool has the policy at all.
func isKnown(p policy) bool {
	config := p.config(rand.New(rand.NewSource(1)))
	events, err := runLab([]string{fmt.Sprintf(`{"do": "update", "endpoints": [], "config": [{"%s": %s}]}`, p.name, config)})
	return err == nil && !strings.Contains(fmt.Sprint(events), "no supported policies")
}

// nTold counts the lines of TAP.
var nTold int

// tell has those who count see how a test ended, in TAP.
func tell(t *testing.T, p policy, n int64) {
	nTold++
	line := fmt.Sprintf("ok %d - %s%s does what grpc-go's does in %d random scripts", nTold, p.told, p.name, n)
	switch {
	case t.Failed():
		line = "not " + line
	case t.Skipped():
		line = fmt.Sprintf("ok %d - %s # SKIP grebe does not have it", nTold, p.name)
	}
	fmt.Println("\n" + line)
}

// compareAll runs the scripts of one policy, each then judged by `judge` unless that is nil.
func compareAll(t *testing.T, p policy, judge func(*script)) {
	n, first := number("GREBE_SCRIPTS", 50), number("GREBE_SEED", 1)
	t.Cleanup(func() { tell(t, p, n) })
	if !isKnown(p) {
		t.Skip("grebe has no " + p.name)
	}
	nSteps := 0
	for seed := first; seed < first+n; seed++ {
		var made *script
		var err error
		synctest.Test(t, func(t *testing.T) { made, err = generate(p, seed) })
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := made.compare(p); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if judge != nil {
			judge(made)
		}
		nSteps += len(made.steps)
	}
	t.Logf("%s: %d scripts, %d steps", p.name, n, nSteps)
}
