// SPDX-License-Identifier: Apache-2.0

// Package raw has a codec that passes bytes through and leaves the rest to protobuf: the
// tests' own method needs no .proto file, and gRPC's own services work beside it.
package raw

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

type codec struct{ encoding.CodecV2 }

// Codec is for messages that are []byte, and for those of protobuf.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2(proto.Name)} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if bytes, ok := v.(*[]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(*bytes)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if bytes, ok := v.(*[]byte); ok {
		*bytes = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
