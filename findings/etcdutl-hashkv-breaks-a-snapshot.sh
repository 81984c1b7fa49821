#!/bin/sh
# etcdutl 3.7.3: `etcdutl hashkv FILE` only "prints the KV history hash of a given file", but it opens the file for writing
# as a server would. Run on a snapshot, it changes the pages and leaves the SHA-256 behind them as it was, so the snapshot
# that was just inspected can no longer be restored:
#
#   $ etcdutl hashkv saved.db
#   626807163, 5, -1
#   $ etcdutl snapshot restore saved.db --data-dir restored
#   Error: expected sha256 [49 162 ...], got [72 183 ...]
#
# `etcdutl snapshot status` on the same file changes nothing. Where a restore has marked a revision (--bump-revision
# --mark-compacted), hashkv also carries that compaction out and the older revisions are gone from the file.
#
# Exits 0 while it is so, 1 when not. Needs Go and Debian's etcd-server and etcd-client (here 3.4.23).
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

mkdir tool && cd tool && go mod init tool >/dev/null 2>&1 && go get go.etcd.io/etcd/etcdutl/v3@v3.7.3 >/dev/null 2>&1 &&
    go build -trimpath -o ../etcdutl go.etcd.io/etcd/etcdutl/v3 || exit 1
cd ..

# A snapshot as an operator makes it.
client=http://127.0.0.1:23971 peer=http://127.0.0.1:23972
etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer >log 2>&1 &
server=$!
until etcdctl --endpoints $client get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done
for value in 1 2 3; do etcdctl --endpoints $client put a $value >/dev/null; done
etcdctl --endpoints $client snapshot save saved.db >/dev/null 2>&1 || exit 1
kill $server; wait $server; server=

./etcdutl version | head -1
before=$(sha256sum <saved.db)
./etcdutl snapshot restore saved.db --data-dir sound >/dev/null 2>&1 || exit 1
./etcdutl snapshot status saved.db >/dev/null || exit 1
[ "$before" = "$(sha256sum <saved.db)" ] || exit 1
echo "the snapshot can be restored; 'snapshot status' leaves it as it is"
./etcdutl hashkv saved.db || exit 1
if [ "$before" = "$(sha256sum <saved.db)" ]; then
    echo "CHANGED: hashkv leaves the file as it is"
    exit 1
fi
said=$(./etcdutl snapshot restore saved.db --data-dir broken 2>&1 | tail -1)
echo "after hashkv: ${said%% [*}"
case $said in
*"expected sha256"*) exit 0 ;;
esac
echo "CHANGED: the snapshot can be restored after hashkv"
exit 1
