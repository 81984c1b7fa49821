#!/bin/sh
# kine 0.17.5 answers etcd's Compact request with success and compacts nothing. Who frees space as the etcd manual says gets
#
#   $ etcdctl compact 6
#   compacted revision 6
#
# and every revision below 6 is still there and still readable, by `get --rev` and in the table. etcd answers such a read with
# "mvcc: required revision has been compacted". Only the compactor inside kine, every five minutes and behind the newest
# thousand revisions, removes anything. Of the other requests for maintenance kine says that they are not supported (defragment,
# alarm, snapshot, hash); this one looks as if it had worked.
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
client=http://127.0.0.1:23963
./kine --listen-address tcp://127.0.0.1:23963 --endpoint "sqlite://$folder/state.db" --metrics-bind-address 0 >log 2>&1 &
server=$!
until etcdctl --endpoints $client get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done

# The transactions that an API server sends: a create, then updates of what was read.
etcdctl --endpoints $client txn <<'T' >/dev/null || exit 1
mod("/a") = "0"

put /a 1


T
for revision in 3 4 5; do
    etcdctl --endpoints $client txn <<T >/dev/null || exit 1
mod("/a") = "$revision"

put /a $revision

get /a

T
done
said=$(etcdctl --endpoints $client compact 6) || exit 1
old=$(etcdctl --endpoints $client get /a --rev=3 --print-value-only)
defrag=$(etcdctl --endpoints $client defrag 2>&1)
echo "$said; /a at revision 3: $old"
[ "$said" = "compacted revision 6" ] && [ "$old" = 1 ] && echo "$defrag" | grep -q "defragment is not supported"
