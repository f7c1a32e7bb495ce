// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"grebe.test/interop/raw"
)

// dial opens a channel to all addresses of a backend; config "": pick_first.
func dial(t *test, b *backend, config string) *grpc.ClientConn {
	state := resolver.State{}
	for _, text := range b.addresses {
		address := resolver.Address{Addr: text}
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{address}})
		state.Addresses = append(state.Addresses, address) // for older policies
	}
	builder := manual.NewBuilderWithScheme("backend")
	builder.InitialState(state)
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithResolvers(builder),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw.Codec())),
	}
	if config != "" {
		options = append(options, grpc.WithDefaultServiceConfig(config))
	}
	conn, err := grpc.NewClient("backend:///"+strings.Join(b.addresses, ","), options...)
	t.must(err)
	t.cleanup(func() { conn.Close() })
	return conn
}

// call makes one that must not fail, with metadata in pairs, and says which backend
// answered.
func call(t *test, conn *grpc.ClientConn, pairs ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, pairs...)
	var headers metadata.MD
	request, answer := []byte("x"), []byte{}
	t.must(conn.Invoke(ctx, "/grebe.test.Echo/Echo", &request, &answer, grpc.Header(&headers)))
	if string(answer) != "x" {
		t.fatalf("the echo of x is %q", answer)
	}
	return strings.Join(headers.Get("grebe-backend"), ",")
}
