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
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/status"
	"grebe.test/interop/raw"
)

type server struct {
	name                               string
	health                             *health.Server             // nil: there is none
	load                               orca.ServerMetricsRecorder // nil: none is reported
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
	case "SetHealth":
		s.health.SetServingStatus("grebe.test.Echo",
			healthpb.HealthCheckResponse_ServingStatus(
				healthpb.HealthCheckResponse_ServingStatus_value[first(md, "x-status")]))
	case "Load":
		setLoad(orca.CallMetricsRecorderFromContext(ctx), first(md, "x-load"))
	case "SetLoad":
		setLoad(s.load, first(md, "x-load"))
	default:
		return status.Error(codes.Unimplemented, "unknown method "+method)
	}
	return stream.SendMsg(&response)
}

// setLoad takes "cpu=0.5,named.queue=-3" over what is recorded.
func setLoad(to orca.ServerMetricsRecorder, text string) {
	call, _ := to.(orca.CallMetricsRecorder)
	for _, one := range strings.Split(text, ",") {
		name, number, _ := strings.Cut(one, "=")
		family, member, _ := strings.Cut(name, ".")
		value, _ := strconv.ParseFloat(number, 64)
		switch family {
		case "cpu":
			to.SetCPUUtilization(value)
		case "mem":
			to.SetMemoryUtilization(value)
		case "app":
			to.SetApplicationUtilization(value)
		case "qps":
			to.SetQPS(value)
		case "eps":
			to.SetEPS(value)
		case "util":
			to.SetNamedUtilization(member, value)
		case "named":
			call.SetNamedMetric(member, value)
		case "cost":
			call.SetRequestCost(member, value)
		}
	}
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
	hasHealth := flag.Bool("health", false, "serve grpc.health.v1.Health")
	hasOrca := flag.Bool("orca", false, "report load")
	maxAge := flag.Int("max-age", 0, "ms until a connection is told to go away")
	flag.Parse()

	s := &server{name: *name}
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(raw.Codec()),
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
	if *hasOrca {
		options = append(options, orca.CallMetricsServerOption(nil))
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	g := grpc.NewServer(options...)
	if *hasHealth {
		s.health = health.NewServer()
		s.health.SetServingStatus("grebe.test.Echo", healthpb.HealthCheckResponse_SERVING)
		healthpb.RegisterHealthServer(g, s.health)
	}
	if *hasOrca {
		s.load = orca.NewServerMetricsRecorder()
		provider := s.load.(orca.ServerMetricsProvider)
		if err := orca.Register(g, orca.ServiceOptions{ServerMetricsProvider: provider}); err != nil {
			log.Fatal(err)
		}
	}
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
