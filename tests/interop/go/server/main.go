// SPDX-License-Identifier: Apache-2.0

// Server is the grpc-go peer of the interop tests; ../../README.md is its contract.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// rawCodec passes message bytes through: the tests need no protobuf.
type rawCodec struct{}

func (rawCodec) Name() string                    { return "raw" }
func (rawCodec) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(b []byte, v any) error { *v.(*[]byte) = append([]byte{}, b...); return nil }

type server struct {
	name                               string
	calls, slow, cancelled, deadlineMs atomic.Int64
}

func first(md metadata.MD, key string) string {
	if values := md.Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

func number(md metadata.MD, key string) int {
	n, _ := strconv.Atoi(first(md, key))
	return n
}

// sleep returns early, with the reason as an error, when the call is over for the client.
func (s *server) sleep(ctx context.Context, d time.Duration) error {
	s.slow.Add(1)
	if deadline, ok := ctx.Deadline(); ok {
		s.deadlineMs.Store(time.Until(deadline).Milliseconds())
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		s.cancelled.Add(1)
		return status.FromContextError(ctx.Err()).Err()
	}
}

func (s *server) stats() []byte {
	text, _ := json.Marshal(map[string]int64{
		"calls": s.calls.Load(), "slow": s.slow.Load(),
		"cancelled": s.cancelled.Load(), "deadline_ms": s.deadlineMs.Load(),
	})
	return text
}

// handle serves every method: one message in, one message out.
func (s *server) handle(_ any, stream grpc.ServerStream) error {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	ctx := stream.Context()
	md, _ := metadata.FromIncomingContext(ctx)
	s.calls.Add(1)
	if echo := first(md, "x-echo"); echo != "" {
		stream.SetHeader(metadata.Pairs("x-echo", echo))
	}
	if echo := md.Get("x-echo-bin"); len(echo) > 0 {
		stream.SetTrailer(metadata.Pairs("x-echo-bin", echo[0]))
	}

	method, _ := grpc.MethodFromServerStream(stream)
	response := request
	switch path.Base(method) {
	case "Unary":
	case "Fail":
		return status.Error(codes.Code(number(md, "x-code")), first(md, "x-message-bin"))
	case "Slow":
		if err := s.sleep(ctx, time.Duration(number(md, "x-ms"))*time.Millisecond); err != nil {
			return err
		}
	case "Stats":
		response = s.stats()
	case "Big":
		response = make([]byte, number(md, "x-size"))
	case "Who":
		response = []byte(s.name)
	default:
		return status.Error(codes.Unimplemented, "unknown method "+method)
	}
	return stream.SendMsg(&response)
}

// tlsOption reads certificate and key, and the clients' CA if they must have one.
func tlsOption(certFile, keyFile, clientCA string) grpc.ServerOption {
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if clientCA != "" {
		pem, err := os.ReadFile(clientCA)
		if err != nil {
			log.Fatal(err)
		}
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(pem)
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return grpc.Creds(credentials.NewTLS(config))
}

func main() {
	port := flag.Int("port", 0, "0 picks one")
	name := flag.String("name", "", "what Who answers")
	cert := flag.String("cert", "", "PEM; makes it TLS")
	key := flag.String("key", "", "PEM")
	clientCA := flag.String("client-ca", "", "PEM; makes it mTLS")
	maxAge := flag.Int("max-age", 0, "ms until a connection is told to go away")
	flag.Parse()

	s := &server{name: *name}
	options := []grpc.ServerOption{
		grpc.ForceServerCodec(rawCodec{}),
		grpc.UnknownServiceHandler(s.handle),
		grpc.MaxRecvMsgSize(1 << 30),
	}
	if *cert != "" {
		options = append(options, tlsOption(*cert, *key, *clientCA))
	}
	if *maxAge > 0 {
		options = append(options, grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: time.Duration(*maxAge) * time.Millisecond,
		}))
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	g := grpc.NewServer(options...)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		<-stop
		g.GracefulStop()
		close(stopped)
	}()
	fmt.Printf("listening %s\n", listener.Addr())
	if err := g.Serve(listener); err != nil {
		log.Fatal(err)
	}
	<-stopped
}
