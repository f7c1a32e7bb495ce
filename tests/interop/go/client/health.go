// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"syscall"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	_ "google.golang.org/grpc/health" // the client's half
)

func healthIsCheckedAndListed(t *test) {
	b := startBackend(t, 1, "--health", "a.B=SERVING", "--health", "c=NOT_SERVING", "--health", "d=UNKNOWN")
	client := healthpb.NewHealthClient(dial(t, b, ""))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	want := map[string]string{"": "SERVING", "a.B": "SERVING", "c": "NOT_SERVING", "d": "UNKNOWN"}
	for service, health := range want {
		answer, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: service})
		t.must(err)
		if answer.Status.String() != health {
			t.fatalf("%q is %v", service, answer.Status)
		}
	}
	_, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: "nobody"})
	if status.Code(err) != codes.NotFound {
		t.fatalf("an unknown service: %v", err)
	}

	list, err := client.List(ctx, &healthpb.HealthListRequest{})
	t.must(err)
	got := map[string]string{}
	for service, answer := range list.Statuses {
		got[service] = answer.Status.String()
	}
	if !maps.Equal(got, want) {
		t.fatalf("listed are %v", got)
	}
}

func healthIsWatched(t *test) {
	b := startBackend(t, 1, "--health", "a.B=SERVING")
	client := healthpb.NewHealthClient(dial(t, b, ""))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	watch := func(service string) func(want string) {
		stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{Service: service})
		t.must(err)
		return func(want string) {
			answer, err := stream.Recv()
			t.must(err)
			if answer.Status.String() != want {
				t.fatalf("%q is %v instead of %s", service, answer.Status, want)
			}
		}
	}
	known, whole, unknown := watch("a.B"), watch(""), watch("nobody")
	known("SERVING")
	whole("SERVING")
	unknown("SERVICE_UNKNOWN") // and its stream stays open
	for range 3 {
		b.signal(t, syscall.SIGUSR1)
		known("NOT_SERVING")
		whole("NOT_SERVING")
		b.signal(t, syscall.SIGUSR2)
		known("SERVING")
		whole("SERVING")
	}
}

// A channel with healthCheckConfig, over two backends one of which falls ill and recovers.
func roundRobinLeavesOutWhoIsNotWell(t *test) {
	b := startBackend(t, 2, "--name", "b", "--health", "a.B=SERVING", "--toggle", "1")
	conn := dial(t, b, `{"loadBalancingConfig": [{"round_robin": {}}],
		"healthCheckConfig": {"serviceName": "a.B"}}`)
	// Who answers ten calls; none may fail.
	who := func() string {
		seen := map[string]bool{}
		for range 10 {
			seen[call(t, conn)] = true
		}
		return fmt.Sprint(seen)
	}
	both, second := "map[b-1:true b-2:true]", "map[b-2:true]"

	t.eventually("both serve", func() bool { return who() == both })
	for range 2 {
		b.signal(t, syscall.SIGUSR1)
		t.eventually("the second serves alone", func() bool { return who() == second })
		b.signal(t, syscall.SIGUSR2)
		t.eventually("both serve again", func() bool { return who() == both })
	}
}
