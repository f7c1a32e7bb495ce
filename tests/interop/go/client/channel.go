// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// textCodec passes strings through; all else is protobuf.
type textCodec struct{ encoding.CodecV2 }

func (c textCodec) Marshal(v any) (mem.BufferSlice, error) {
	if text, ok := v.(string); ok {
		return mem.BufferSlice{mem.SliceBuffer(text)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c textCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if text, ok := v.(*string); ok {
		*text = string(data.Materialize())
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

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
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(textCodec{encoding.GetCodecV2(proto.Name)})),
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
	var answer string
	t.must(conn.Invoke(ctx, "/grebe.test.Echo/Echo", "x", &answer, grpc.Header(&headers)))
	if answer != "x" {
		t.fatalf("the echo of x is %q", answer)
	}
	return strings.Join(headers.Get("grebe-backend"), ",")
}
