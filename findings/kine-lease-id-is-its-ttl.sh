#!/bin/sh
# kine 0.17.5 gives every lease the number of its seconds as its ID: two clients that each ask for a lease of 60 seconds get
# one and the same, 0x3c. In etcd an ID is unique, and sessions, locks and elections of its own client name their keys by it.
#
#   $ etcdctl lease grant 60
#   lease 000000000000003c granted with TTL(60s)
#   $ etcdctl lease grant 60
#   lease 000000000000003c granted with TTL(60s)
#
# A lease cannot be listed, asked for its time, kept alive or revoked there, each with an error that says so; that an ID is
# given twice is said nowhere.
#
# Exits 0 while it is so, 1 when not. Needs Go with a C compiler, libsqlite3-dev and Debian's etcd-client.
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

go mod init pinned >/dev/null 2>&1 && go get github.com/k3s-io/kine@v0.17.5 >/dev/null 2>&1 &&
    go build -trimpath -tags libsqlite3 -o kine github.com/k3s-io/kine || exit 1
go list -m github.com/k3s-io/kine
client=http://127.0.0.1:23961
./kine --listen-address tcp://127.0.0.1:23961 --endpoint "sqlite://$folder/state.db" --metrics-bind-address 0 >log 2>&1 &
server=$!
until etcdctl --endpoints $client get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done

grant() { etcdctl --endpoints $client lease grant "$1" | awk '{ print $2 }'; }
first=$(grant 60) second=$(grant 60) third=$(grant 61)
echo "60 s: $first, 60 s: $second, 61 s: $third"
[ "$first" = 000000000000003c ] && [ "$second" = "$first" ] && [ "$third" = 000000000000003d ]
