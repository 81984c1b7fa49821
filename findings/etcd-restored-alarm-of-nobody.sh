#!/bin/sh
# etcd and etcdutl 3.7.3: `snapshot restore` gives the new cluster new members and drops the old ones, but keeps the alarms of
# the old ones. A snapshot of a member that was out of space, restored into a cluster with a far larger quota, refuses every
# put with "database space exceeded", in the name of a member id that is not in `member list`:
#
#   $ etcdctl member list
#   3760a4ec3b84f7fa, started, fresh, ...
#   $ etcdctl alarm list
#   memberID:13668033151171901709 alarm:NOSPACE
#   $ etcdctl put new x
#   Error: etcdserver: mvcc: database space exceeded
#
# `etcdctl alarm disarm` is the way out.
#
# Exits 0 while it is so, 1 when not. Needs Go and Debian's etcd-client.
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

mkdir tool && cd tool && go mod init tool >/dev/null 2>&1 &&
    go get go.etcd.io/etcd/server/v3@v3.7.3 go.etcd.io/etcd/etcdutl/v3@v3.7.3 >/dev/null 2>&1 &&
    nice go build -trimpath -o ../etcd go.etcd.io/etcd/server/v3 && nice go build -trimpath -o ../etcdutl go.etcd.io/etcd/etcdutl/v3 || exit 1
cd ..

client=http://127.0.0.1:23975 peer=http://127.0.0.1:23976
run() { # NAME DATA QUOTA
    ./etcd --name "$1" --data-dir "$2" --quota-backend-bytes "$3" --listen-client-urls $client \
        --advertise-client-urls $client --listen-peer-urls $peer --initial-advertise-peer-urls $peer \
        --initial-cluster "$1=$peer" >"$1.log" 2>&1 &
    server=$!
    until ctl get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done
}
ctl() { etcdctl --endpoints $client "$@"; }

run old data 2500000
n=0
while head -c 200000 /dev/zero | tr '\0' x | ctl put "large/$n" >/dev/null 2>&1; do
    n=$((n + 1))
    [ $n -lt 40 ] || exit 1
done
ctl snapshot save saved.db >/dev/null 2>&1 || exit 1
kill $server; wait $server; server=

./etcdutl snapshot restore saved.db --data-dir restored --name fresh --initial-cluster fresh=$peer \
    --initial-advertise-peer-urls $peer >/dev/null 2>&1 || exit 1
run fresh restored 800000000
ctl member list
ctl alarm list
member=$(ctl member list | cut -d, -f1)
alarmed=$(ctl alarm list | sed -n 's/memberID:\([0-9]*\) alarm:NOSPACE.*/\1/p')
[ -n "$alarmed" ] || { echo "CHANGED: no alarm is kept"; exit 1; }
[ "$(printf %x "$alarmed")" != "$member" ] || { echo "CHANGED: the alarm is that of the new member"; exit 1; }
refused=$(ctl put new x 2>&1) && { echo "CHANGED: the put is taken"; exit 1; }
echo "$refused" | tail -1
ctl alarm disarm >/dev/null && ctl put new x
