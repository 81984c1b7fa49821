#!/bin/sh
# `etcdutl snapshot status` of one and the same file: 3.5.35 and 3.7.3 agree on hash and revision, and give totalKey two
# meanings. Up to 3.5 it counts the entries of all buckets (revisions, tombstones, and what meta, members and cluster hold);
# since 3.6 it counts the keys that are alive. A store in which two keys were written three times and deleted:
#
#   3.5.35  {"hash":...,"revision":6,"totalKey":12 or so,"totalSize":20480}
#   3.7.3   {"hash":...,"revision":6,"totalKey":0,"totalSize":20480,...}
#
# So a script that alerts on totalKey, or compares the two ends of an upgrade, sees nearly everything vanish.
#
# Exits 0 while it is so, 1 when not. Needs Go and Debian's etcd-server and etcd-client (here 3.4.23).
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

for version in 3.5.35 3.7.3; do
    mkdir tool-$version && cd tool-$version && go mod init tool >/dev/null 2>&1 &&
        go get go.etcd.io/etcd/etcdutl/v3@v$version >/dev/null 2>&1 &&
        go build -trimpath -o ../etcdutl-$version go.etcd.io/etcd/etcdutl/v3 || exit 1
    cd ..
done

client=http://127.0.0.1:23973 peer=http://127.0.0.1:23974
etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer >log 2>&1 &
server=$!
until etcdctl --endpoints $client get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done
etcdctl --endpoints $client put a 1 >/dev/null
etcdctl --endpoints $client put a 2 >/dev/null
etcdctl --endpoints $client put b 1 >/dev/null
etcdctl --endpoints $client del a >/dev/null
etcdctl --endpoints $client del b >/dev/null
etcdctl --endpoints $client snapshot save saved.db >/dev/null 2>&1 || exit 1
kill $server; wait $server; server=

field() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
old=$(./etcdutl-3.5.35 snapshot status saved.db -w json)
new=$(./etcdutl-3.7.3 snapshot status saved.db -w json)
echo "3.5.35 $old"
echo "3.7.3  $new"
for name in hash revision; do
    [ "$(echo "$old" | field $name)" = "$(echo "$new" | field $name)" ] || { echo "CHANGED: $name differs"; exit 1; }
done
[ "$(echo "$old" | field totalKey)" -gt 5 ] || { echo "CHANGED: 3.5.35 counts less than the five revisions"; exit 1; }
[ "$(echo "$new" | field totalKey)" -eq 0 ] || { echo "CHANGED: 3.7.3 counts keys that were deleted"; exit 1; }
