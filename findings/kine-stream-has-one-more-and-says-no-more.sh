#!/bin/sh
# kine 0.17.5 answers RangeStream, the list in parts that etcd 3.7 brought. Asked for at most 10 keys out of 100 it sends 11 and
# says that there are no more:
#
#   $ etcdctl get /s/ --prefix --limit 10               10 keys, "More" : true,  "Count" : 100
#   $ etcdctl get /s/ --prefix --limit 10 --stream      11 keys, "More" : false, "Count" : 100
#
# Whoever reads on while there is more, as a list in pages does, ends after the first page and takes 11 keys for all. It is so
# where the limit falls on the end of a part: parts grow from 10, so with small values at 10, 30 (31 keys) and 70 (71), and
# not at 9, 11 or 50. The plain list of the same kine is right at each.
#
# Exits 0 while it is so, 1 when not. Needs Go with a C compiler and libsqlite3-dev.
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1

mkdir kine.go && cd kine.go && go mod init pinned >/dev/null 2>&1 && go get github.com/k3s-io/kine@v0.17.5 >/dev/null 2>&1 &&
    go build -trimpath -tags libsqlite3 -o ../kine github.com/k3s-io/kine || exit 1
go list -m github.com/k3s-io/kine
cd .. && mkdir etcdctl.go && cd etcdctl.go && go mod init pinned >/dev/null 2>&1 &&
    go get go.etcd.io/etcd/etcdctl/v3@v3.7.3 >/dev/null 2>&1 &&
    go build -trimpath -o ../etcdctl go.etcd.io/etcd/etcdctl/v3 || exit 1
cd ..
./etcdctl version | head -1

client=http://127.0.0.1:23977
ctl() { ./etcdctl --endpoints $client "$@"; }
./kine --listen-address tcp://127.0.0.1:23977 --endpoint "sqlite://$folder/state.db" --metrics-bind-address 0 >log 2>&1 &
server=$!
until ctl get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done
i=100
while [ $i -lt 200 ]; do
    ctl put /s/$i v >/dev/null || exit 1
    i=$((i + 1))
done

# list OPTIONS...: the number of keys, whether there are more, and the count.
list() {
    ctl get /s/ --prefix -w fields "$@" >list
    echo "$(grep -c '^"Key"' list) $(sed -n 's/^"More" : //p' list) $(sed -n 's/^"Count" : //p' list)"
}
for limit in 9 10 11 30 50 70; do
    plain=$(list --limit $limit)
    stream=$(list --limit $limit --stream)
    echo "limit $limit: plain $plain, stream $stream"
    expected="$limit true 100"
    [ "$plain" = "$expected" ] || exit 1
    case $limit in 10 | 30 | 70) expected="$((limit + 1)) false 100" ;; esac
    [ "$stream" = "$expected" ] || exit 1
done
