#!/bin/sh
# etcd 3.7.3: the leasing package of its client, which `etcd grpc-proxy start --experimental-leasing-prefix` serves, promises
# linearizable reads out of its cache. With one proxy, and nobody beside it that writes:
#
#                                                        etcd            through the proxy
#   put k v, get k, put k --ignore-value --lease L
#   get k, value                                         v               empty
#   get k, lease                                         L               0
#
#   get flag                                             no such key     no such key
#   txn if val("flag") = "on" then get k                 FAILURE         SUCCESS
#   txn if ver("flag") = "7" then get k                  FAILURE         SUCCESS
#
# The put that keeps the value and gives it a lease is kept in the cache as a put of nothing. And a key that is known to be absent
# is equal to whatever it is compared with, as long as the transaction only reads; one that writes goes to etcd and is right.
#
# Exits 0 while it is so, 1 when not. Needs Go and Debian's etcd-client.
set -u
folder=$(mktemp -d)
server= proxy=
trap '{ kill $proxy $server; wait; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

mkdir etcd.go && cd etcd.go && go mod init pinned >/dev/null 2>&1 && go get go.etcd.io/etcd/server/v3@v3.7.3 >/dev/null 2>&1 ||
    exit 1
cat >main.go <<'G'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
G
go mod tidy >/dev/null 2>&1
go build -trimpath -o ../etcd . || exit 1
cd ..
./etcd --version | head -1

client=http://127.0.0.1:23988 peer=http://127.0.0.1:23989 leasing=127.0.0.1:23990
direct() { etcdctl --endpoints $client "$@"; }
cached() { etcdctl --endpoints $leasing "$@"; }
./etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer >log 2>&1 &
server=$!
until direct get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done
./etcd grpc-proxy start --endpoints $client --listen-addr $leasing --experimental-leasing-prefix leasing/ >proxy.log 2>&1 &
proxy=$!

# own KEY: reads it through the proxy until the proxy has the lease on it.
own() {
    until cached get "$1" >/dev/null 2>&1 && direct get "leasing/$1" --keys-only | grep -q .; do
        kill -0 $proxy || exit 1
        sleep 0.2
    done
}
field() { sed -n "s/^\"$1\" : //p"; }
compare() { printf '%s\n\n%s\n\nget flag\n\n' "$2" "${3:-get k}" | $1 txn | head -1; }

own k
own flag
cached put k v >/dev/null || exit 1
lease=$(cached lease grant 600 | awk '{ print $2 }')
cached put k --ignore-value --lease "$lease" >/dev/null || exit 1
for side in direct cached; do
    $side get k -w fields >$side.k
    on=$(compare $side 'val("flag") = "on"') seven=$(compare $side 'ver("flag") = "7"')
    echo "$side: value $(field Value <$side.k), lease $(field Lease <$side.k), val(flag)=on $on, ver(flag)=7 $seven" >$side
    cat $side
done
granted=$(printf %d "0x$lease")
[ "$(cached get flag)" = "" ] && [ "$(compare cached 'val("flag") = "on"' "put k w")" = FAILURE ] || exit 1
[ "$(field Revision <direct.k)" = "$(field Revision <cached.k)" ] || exit 1
[ "$(cat direct)" = "direct: value \"v\", lease $granted, val(flag)=on FAILURE, ver(flag)=7 FAILURE" ] || exit 1
[ "$(cat cached)" = 'cached: value "", lease 0, val(flag)=on SUCCESS, ver(flag)=7 SUCCESS' ]
