#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# certs.sh DIRECTORY -- an authority and what it signed, made anew for each build tree.
#
#   ca.pem                  signs all others
#   server.pem server.key   grebe.test, localhost, 127.0.0.1
#   client.pem client.key   for mTLS
set -eu
mkdir -p "$1"
cd "$1"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -subj "/CN=grebe test authority" -keyout ca.key -out ca.pem

# sign NAME SUBJECT EXTENSION
sign() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
    echo "$3" >"$1.ext"
    openssl x509 -req -days 30 -CA ca.pem -CAkey ca.key -CAcreateserial \
        -extfile "$1.ext" -in "$1.csr" -out "$1.pem"
}

sign server "not looked at" "subjectAltName=DNS:grebe.test,DNS:localhost,IP:127.0.0.1"
sign client "a client" "extendedKeyUsage=clientAuth"
