#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh PEER INTEROP -- get the peer ready in the current directory, then run the cases:
# those of INTEROP against a server, or those of the peer itself against GREBE_TOOL.  Exit code 77, with
# the reason, when this machine cannot have the peer.
set -eu
peer=$1 interop=$2
here=$(dirname "$0")

skip() {
    echo "skipped: $1"
    exit 77
}

# quietly COMMAND...: the reason is shown only if there is one.
quietly() {
    "$@" >prepare.log 2>&1 || { tail -n 20 prepare.log; return 1; }
}

# Whoever lacks the network lacks the peer; whoever has it learns what went wrong.
fetch() {
    quietly "$@" || skip "$1 could not get the peer's packages"
}

prepare_py() {
    [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
    /usr/bin/python3 -c "import grpc" 2>/dev/null || skip "no python3-grpcio"
    server="/usr/bin/python3 $here/py/server.py"
    # Calls that reach grpcio after stop() and before its GOAWAY has left are cancelled.
    export GREBE_STOP_GAP_MS=40
    export GREBE_PEER_HAS_NO_ORCA="grpcio for Python has no load reports"
}

prepare_js() {
    command -v npm >/dev/null || skip "no npm (./dev test --full installs it)"
    cp "$here/js/package.json" "$here/js/package-lock.json" .
    if ! cmp -s package-lock.json node_modules/installed; then
        fetch npm ci --ignore-scripts --no-audit --no-fund
        cp package-lock.json node_modules/installed
    fi
    server="node $here/js/server.js"
}

# need_go: the compiler, and what the peers are made of.
need_go() {
    command -v go >/dev/null || skip "no go"
    version=$(go env GOVERSION | sed 's/^go//')
    printf '1.25\n%s\n' "$version" | sort --check=quiet --version-sort ||
        skip "go $version is older than 1.25"
    fetch go mod download -C "$here/go"
}

# build_go PACKAGE: makes ./peer.
build_go() {
    need_go
    quietly go build -C "$here/go" -o "$PWD/peer" "$1"
}

prepare_go() {
    build_go ./server
    server=$PWD/peer
}

prepare_go_client() {
    build_go ./client
    exec "$PWD/peer" "$GREBE_TOOL"
}

# GREBE_SCRIPTS and GREBE_SEED say how many scripts, and which.
prepare_differential() {
    need_go
    quietly go test -C "$here/go" -c -o "$PWD/peer" ./differential
    exec "$PWD/peer"
}

"prepare_$peer"
quietly "$here/certs.sh" certs
# shellcheck disable=SC2086 # the server is a command with arguments
exec "$interop" certs $server
