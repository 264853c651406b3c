// Names the tool, so that go.mod keeps it.
//go:build tools

package grpcurl

import _ "github.com/fullstorydev/grpcurl/cmd/grpcurl"
