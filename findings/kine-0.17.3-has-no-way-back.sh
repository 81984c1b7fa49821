#!/bin/sh
# A patch release of kine changed what it writes: since 0.17.3 the row that creates a key holds NULL in create_revision, where
# every kine before wrote 0. The older ones read the column into a plain integer. After one create by the newer release a
# kine that is rolled back fails at every list with that key in it, the ones that were there before included:
#
#   $ etcdctl get / --prefix
#   Error: rpc error: ... sql: Scan error on column index 6, name "create_revision": converting NULL to int64 is unsupported
#
# (On a file that the newer one has made, the older does not start at all.) The table's definition is the same before and
# after, there is no version in the file, and neither of the two says anything when it starts.
# Here: a file of kine 0.16.4, then kine 0.17.5 with one create, then kine 0.16.4 again.
#
# Exits 0 while it is so, 1 when not. Needs Go with a C compiler, libsqlite3-dev and Debian's etcd-client.
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

for release in 0.16.4 0.17.5; do
    mkdir $release && cd $release && go mod init pinned >/dev/null 2>&1 &&
        go get "github.com/k3s-io/kine@v$release" >/dev/null 2>&1 &&
        go build -trimpath -tags libsqlite3 -o ../kine-$release github.com/k3s-io/kine || exit 1
    go list -m github.com/k3s-io/kine
    cd ..
done
client=http://127.0.0.1:23965

# start RELEASE: whether it came up.
start() {
    "./kine-$1" --listen-address tcp://127.0.0.1:23965 --endpoint "sqlite://$folder/state.db" --metrics-bind-address 0 \
        >"log-$1" 2>&1 &
    server=$!
    until etcdctl --endpoints $client --command-timeout 1s get x >/dev/null 2>&1; do
        kill -0 $server 2>/dev/null || return 1
        sleep 0.2
    done
}
stop() { kill $server; wait $server; server=; }
create() { printf 'mod("%s") = "0"\n\nput %s v\n\n\n' "$1" "$1" | etcdctl --endpoints $client txn >/dev/null; }

start 0.16.4 && create /old && stop || exit 1
start 0.17.5 && create /new && stop || exit 1
start 0.16.4 || exit 1
one=$(etcdctl --endpoints $client get /old --print-value-only)
all=$(etcdctl --endpoints $client get / --prefix --print-value-only 2>&1 | tail -1)
echo "/old: $one; everything: $all"
[ "$one" = v ] && echo "$all" | grep -q 'name "create_revision": converting NULL to int64 is unsupported'
