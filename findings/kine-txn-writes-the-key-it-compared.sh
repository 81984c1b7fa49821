#!/bin/sh
# kine 0.17.5 looks at the shape of a transaction and not at whether its keys are the same. "If /guard is still at revision N,
# put /data" is taken for an update, and the value goes to /guard: the answer is SUCCESS, /data keeps what it had, and what
# stood in /guard is gone.
#
#   $ etcdctl txn                    etcd 3.7.3          kine 0.17.5
#   mod("/guard") = "N"
#   put /data new                    SUCCESS             SUCCESS
#   get /guard
#
#   $ etcdctl get /guard             guard               new
#   $ etcdctl get /data              new                 old
#
# And "if there is no /guard, put /other" is taken for a create of /other, without a look at /guard: etcd answers FAILURE and
# writes nothing, kine answers SUCCESS and writes. A lock or a leader's key that is meant to fence off other keys fences off
# nothing, and is overwritten. Other shapes are refused with an error; these are not.
#
# Exits 0 while it is so, 1 when not. Needs Go with a C compiler, libsqlite3-dev and Debian's etcd-client.
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

mkdir kine.go && cd kine.go && go mod init pinned >/dev/null 2>&1 && go get github.com/k3s-io/kine@v0.17.5 >/dev/null 2>&1 &&
    go build -trimpath -tags libsqlite3 -o ../kine github.com/k3s-io/kine || exit 1
go list -m github.com/k3s-io/kine
cd .. && mkdir etcd.go && cd etcd.go && go mod init pinned >/dev/null 2>&1 &&
    go get go.etcd.io/etcd/server/v3@v3.7.3 >/dev/null 2>&1 || exit 1
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

client=http://127.0.0.1:23975 peer=http://127.0.0.1:23976
ctl() { etcdctl --endpoints $client "$@"; }
create() { printf 'mod("%s") = "0"\n\nput %s %s\n\n\n' "$1" "$2" "$3" | ctl txn | head -1; }

# run NAME COMMAND...: what the server answers and holds afterwards, in NAME.seen.
run() {
    name=$1
    shift
    "$@" >log 2>&1 &
    server=$!
    until ctl get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done
    create /guard /guard guard >/dev/null
    create /data /data old >/dev/null
    revision=$(ctl get /guard -w json | sed -n 's/.*"mod_revision":\([0-9]*\).*/\1/p')
    {
        printf 'mod("/guard") = "%s"\n\nput /data new\n\nget /guard\n\n' "$revision" | ctl txn | head -1
        ctl get /guard --print-value-only
        ctl get /data --print-value-only
        create /guard /other written
        ctl get /other --print-value-only
    } | tr '\n' ' ' >"$name.seen"
    echo "$name: $(cat "$name.seen")"
    kill $server; wait $server 2>/dev/null; server=
}

run etcd ./etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer
run kine ./kine --listen-address tcp://127.0.0.1:23975 --endpoint "sqlite://$folder/state.db" --metrics-bind-address 0
[ "$(cat etcd.seen)" = "SUCCESS guard new FAILURE " ] && [ "$(cat kine.seen)" = "SUCCESS new old SUCCESS written " ]
