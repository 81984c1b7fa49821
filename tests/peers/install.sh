#!/bin/sh
# Builds the servers that the end-to-end tests run against: install.sh FOLDER
# Needs Go and its module proxy. The tests look in $KVCTL_PEERS, by default `peers` in the build folder; what is missing
# there is skipped. Debian's etcd-server and etcd-client come from its packages.
set -eu

if [ $# -ne 1 ]; then
    echo "usage: install.sh FOLDER" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
go=$(command -v go || echo /usr/local/go/bin/go)

for version in 3.5 3.6; do
    (cd "$here/etcd_$version" && "$go" build -o "$folder/etcd-$version" .)
done
# kine's sqlite driver builds a copy of SQLite unless it is told to use the system's.
GOBIN=$folder CGO_ENABLED=1 "$go" install -tags libsqlite3 github.com/k3s-io/kine@v0.16.4
ls -l "$folder"
