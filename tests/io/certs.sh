#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Certificates for the tests, made anew in each build: certs.sh FOLDER
#
#   ca.pem        the root; ca.pem -> intermediate -> what follows, but for stranger.pem
#   server.pem    grebe.test, *.wild.test, f*.partial.test, 127.0.0.1, ::1; with its chain
#   cn.pem        grebe.test is its subject, and it has no names
#   expired.pem   grebe.test, some years ago
#   client.pem    for mutual TLS; client-locked.key needs a passphrase
#   stranger.pem  a root that nobody trusts
set -eu
mkdir -p "$1"
cd "$1"

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# issue NAME SUBJECT ISSUER EXTENSIONS [OPTION...]
issue() {
    name=$1 subject=$2 issuer=$3 extensions=$4
    shift 4
    key "$name"
    openssl req -new -key "$name.key" -subj "$subject" -out "$name.csr"
    printf '%b\n' "$extensions" > "$name.ext"
    openssl x509 -req -in "$name.csr" -CA "$issuer.pem" -CAkey "$issuer.key" \
        -CAcreateserial -extfile "$name.ext" -out "$name.pem" "$@" 2> /dev/null
}

root() {
    key "$1"
    openssl req -x509 -key "$1.key" -subj "/CN=$1" -days 3650 -out "$1.pem"
}

names='DNS:grebe.test,DNS:*.wild.test,DNS:f*.partial.test,IP:127.0.0.1,IP:::1'

root ca
root stranger
issue intermediate /CN=intermediate ca 'basicConstraints=critical,CA:true' -days 3650
issue server /CN=server intermediate "subjectAltName=$names" -days 3650
issue cn /CN=grebe.test intermediate 'basicConstraints=CA:false' -days 3650
issue client /CN=client intermediate 'extendedKeyUsage=clientAuth' -days 3650
openssl ec -in client.key -aes128 -passout pass:secret -out client-locked.key 2> /dev/null

# x509 cannot backdate, so this one takes a small authority of its own.
key expired
openssl req -new -key expired.key -subj /CN=expired -out expired.csr
: > index.txt
cat > authority.cnf << 'CONF'
[ca]
default_ca = here
[here]
database = index.txt
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:grebe.test
CONF
openssl ca -batch -config authority.cnf -cert intermediate.pem -keyfile intermediate.key \
    -startdate 20200101000000Z -enddate 20210101000000Z -notext -in expired.csr \
    -out expired.pem 2> /dev/null

for name in server cn client expired; do
    cat intermediate.pem >> "$name.pem"
done
rm -f ./*.csr ./*.ext ./*.srl index.* authority.cnf [0-9A-F]*[0-9A-F].pem
