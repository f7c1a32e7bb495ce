// SPDX-License-Identifier: Apache-2.0

// Package hierarchy says of endpoints which child of which child of grpc-go's policies they are
// for.  In a client that is the business of its xDS policies, and the attribute is internal to
// grpc-go; a client conn that plays them (package differential) has to set it all the same.
package hierarchy

import (
	_ "unsafe" // for go:linkname

	_ "google.golang.org/grpc/balancer/weightedtarget" // has the function below linked
	"google.golang.org/grpc/resolver"
)

// Set gives the endpoint a path, the topmost name first.
//
//go:linkname Set google.golang.org/grpc/internal/hierarchy.SetInEndpoint
func Set(endpoint resolver.Endpoint, path []string) resolver.Endpoint
