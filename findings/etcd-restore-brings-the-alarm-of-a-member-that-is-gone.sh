#!/bin/sh
# etcd 3.7.3: a snapshot that was saved while NOSPACE was raised brings the alarm along. The cluster restored from it is new,
# its one member has another ID and room enough (the default quota of 2 GiB for a db of some 12 MB), and yet it takes no write:
#
#   $ etcdctl put a 1
#   Error: etcdserver: mvcc: database space exceeded
#   $ etcdctl alarm list
#   memberID:14729472410067645419 alarm:NOSPACE
#
# No member has that ID. `etcdutl snapshot restore` gives the members, the cluster and the index anew, but not the bucket of
# alarms, and says nothing; a restart changes nothing either. `etcdctl alarm disarm` ends it.
#
# Exits 0 while it is so, 1 when not. Needs Go and Debian's etcd-client.
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

mkdir tool && cd tool && go mod init pinned >/dev/null 2>&1 &&
    go get go.etcd.io/etcd/etcdutl/v3@v3.7.3 go.etcd.io/etcd/server/v3@v3.7.3 >/dev/null 2>&1 || exit 1
cat >main.go <<'G'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
G
go build -trimpath -o ../etcdutl go.etcd.io/etcd/etcdutl/v3 && go mod tidy >/dev/null 2>&1
go build -trimpath -o ../etcd . || exit 1
cd ..

client=http://127.0.0.1:23967 peer=http://127.0.0.1:23968
# start NAME OPTIONS...: a member with a data directory of its name.
start() {
    name=$1
    shift
    ./etcd --name "$name" --data-dir "$name.etcd" --listen-client-urls $client --advertise-client-urls $client \
        --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster "$name=$peer" "$@" >log 2>&1 &
    server=$!
    until etcdctl --endpoints $client get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done
}
stop() { kill $server; wait $server 2>/dev/null; server=; }
ctl() { etcdctl --endpoints $client "$@" 2>&1; }

start small --quota-backend-bytes=8388608
head -c 900000 /dev/zero | tr '\0' v >value
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do ctl put k <value >/dev/null; done
ctl alarm list | grep -q NOSPACE && ctl snapshot save saved.db >/dev/null || exit 1
stop
peer=http://127.0.0.1:23969  # an ID is made from it
./etcdutl snapshot restore saved.db --data-dir new.etcd --name new --initial-cluster "new=$peer" \
    --initial-advertise-peer-urls $peer >restored 2>&1 || exit 1

start new
stop
start new  # a restart changes nothing
put=$(ctl put a 1 | tail -1)
alarm=$(ctl alarm list)
member=$(ctl member list -w json | sed -n 's/.*"ID":\([0-9]*\).*/\1/p')
./etcd --version | head -1
echo "$put"
echo "$alarm; the member: $member"
echo "$put" | grep -q "database space exceeded" || exit 1
echo "$alarm" | grep -q "memberID:[0-9]* alarm:NOSPACE" || exit 1
[ -n "$member" ] && ! echo "$alarm" | grep -q "memberID:$member " || exit 1
ctl alarm disarm >/dev/null
[ "$(ctl put a 1)" = OK ]
