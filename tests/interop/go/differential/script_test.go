// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"
)

// script is a script of grebe lab as it is written, and what grpc-go did in each step.
type script struct {
	lines []string
	steps []step
	now   time.Duration
}

// step is one line, and what came of it on both sides.
type step struct {
	line          string
	to            time.Duration // of its last event
	wanted, found seen
	ready         []string // connections, when it is done
}

func (s *script) say(format string, args ...any) string {
	line := fmt.Sprintf(format, args...)
	s.lines = append(s.lines, line)
	return line
}

// did ends a step, which took so long.
func (s *script) did(line string, took time.Duration, ready []string, wanted seen) {
	s.steps = append(s.steps, step{line: line, to: s.now + took, wanted: wanted, ready: ready})
	s.now += took + time.Microsecond
	s.say(`{"do": "advance", "ms": 0.001}`)
}

// event is a line that grebe lab prints, as far as it is compared.
type event struct {
	T         float64  `json:"t"`
	Ev        string   `json:"ev"`
	ID        int      `json:"id"`
	Address   string   `json:"address"`
	Addresses []string `json:"addresses"`
	State     string   `json:"state"`
	Kind      string   `json:"kind"`
	Result    string   `json:"result"`
	Error     string   `json:"error"`
	N         int      `json:"n"`

	Counts map[string]int `json:"counts"`
}

func (e event) at() time.Duration { return time.Duration(math.Round(e.T*1000)) * time.Microsecond }

// runLab gives the lines to grebe lab, which may refuse one: then the events are those before it.
func runLab(lines []string) ([]event, error) {
	var out, complaint bytes.Buffer
	lab := exec.Command(os.Getenv("GREBE_TOOL"), "lab")
	lab.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	lab.Stdout, lab.Stderr = &out, &complaint
	refusal := lab.Run()
	if refusal != nil {
		refusal = fmt.Errorf("grebe lab: %v: %s", refusal, complaint.String())
	}
	var events []event
	decoder := json.NewDecoder(&out)
	for decoder.More() {
		var e event
		if err := decoder.Decode(&e); err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, refusal
}

// mirror keeps of the lab's events what world keeps of grpc-go's.
type mirror struct {
	state   string
	live    []int // ids
	address map[int]string
	isAsked map[int]bool
}

func (m *mirror) take(events []event) seen {
	var result seen
	for _, e := range events {
		switch e.Ev {
		case "update":
			result.update = e.Result
		case "new_subconn":
			m.address[e.ID] = e.Addresses[0]
			m.live = append(m.live, e.ID)
		case "connect":
			if !m.isAsked[e.ID] {
				m.isAsked[e.ID] = true
				result.connects = append(result.connects, e.Address)
			}
		case "shutdown":
			result.shutdowns = append(result.shutdowns, e.Address)
			for i, id := range m.live {
				if id == e.ID {
					m.live = append(m.live[:i:i], m.live[i+1:]...)
					break
				}
			}
		case "state":
			m.state = e.State
		case "pick":
			if e.N > 0 {
				result.counts = e.Counts
				for _, n := range e.Counts {
					e.N -= n
				}
				if e.N > 0 {
					result.counts[""] = e.N
				}
				continue
			}
			result.pick, result.address = e.Kind, e.Address
		}
	}
	result.state = m.state
	for _, id := range m.live {
		result.live = append(result.live, m.address[id])
	}
	return result
}

// moved is what a script does to a subconn: it may be asked to connect again.
func (m *mirror) moved(line string) {
	var said struct{ Do, Address string }
	if json.Unmarshal([]byte(line), &said) != nil || said.Do != "subconn" {
		return
	}
	for _, id := range m.live {
		if m.address[id] == said.Address {
			m.isAsked[id] = false
		}
	}
}

// differs shows a step.
func (s *script) differs(i int) error {
	step := s.steps[i]
	return fmt.Errorf("step %d: %s\n  grpc-go: %s\n  grebe:   %s\n%s", i, step.line, step.wanted, step.found, s.upTo(i+1))
}

// compare runs the script on our side; the error tells the first step that differs, in what
// has to be the same always or in what the policy's isSame looks at.
func (s *script) compare(p policy) error {
	events, refusal := runLab(s.lines)
	m := mirror{address: map[int]string{}, isAsked: map[int]bool{}}
	for i := range s.steps {
		step := &s.steps[i]
		m.moved(step.line)
		n := 0
		for n < len(events) && events[n].at() <= step.to {
			n++
		}
		step.found = m.take(events[:n])
		events = events[n:]
		theirs, ours := step.wanted, step.found
		if p.forgive != nil {
			p.forgive(&theirs, &ours)
		}
		if theirs.String() != ours.String() {
			return errors.Join(refusal, s.differs(i))
		}
		if err := p.isSame(*step); err != nil {
			return fmt.Errorf("%w\n%s", err, s.differs(i))
		}
	}
	return refusal
}

// upTo are the lines that do the first n steps again.
func (s *script) upTo(n int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "    %s\n", s.lines[0])
	for i, step := range s.steps {
		if i < n {
			fmt.Fprintf(&text, "    %s\n    {\"do\": \"advance\", \"ms\": 0.001}\n", step.line)
		}
	}
	return text.String()
}
