#!/bin/sh
# antietcd 1.3.1, a small stand-in for etcd that takes etcd's requests in JSON, refuses a transaction in the middle. Of two puts,
# the second with a lease that has ended, the first stays although the answer is an error:
#
#   POST /v3/kv/txn  put /service/address, put /service/alive with the lease
#
#                           etcd 3.7.3                                antietcd 1.3.1
#   the answer              etcdserver: requested lease not found     unknown lease: ...
#   what /service/ holds    nothing                                   /service/address
#   its revision            as before                                 one up
#
# The half that is there is not in the file of --data either, which is written before an answer otherwise, until a later
# transaction brings it in.
#
# Exits 0 while it is so, 1 when not. Needs Go, curl, and Node.js with npm.
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1

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
npm install --ignore-scripts --no-audit --no-fund antietcd@1.3.1 >npm.log 2>&1 || exit 1
./etcd --version | head -1
echo "antietcd $(sed -n 's/^ *"version": "\(.*\)",*/\1/p' node_modules/antietcd/package.json)"

client=http://127.0.0.1:23986 peer=http://127.0.0.1:23987
post() { curl -s -m 10 -H 'Content-Type: application/json' -d "$2" "$client$1"; }
b64() { printf %s "$1" | base64; }
put() { printf '{"request_put": {"key": "%s", "value": "%s"%s}}' "$(b64 "$1")" "$(b64 x)" "${2:+, \"lease\": \"$2\"}"; }
holds() { post /v3/kv/range "{\"key\": \"$(b64 /service/)\", \"range_end\": \"$(b64 /service0)\"}"; }
revision() { sed -n 's/.*"revision": *"*\([0-9]*\).*/\1/p'; }

# run COMMAND...: sets before, answer, after, with an ended lease.
run() {
    "$@" >log 2>&1 &
    server=$!
    until before=$(holds | revision) && [ -n "$before" ]; do kill -0 $server || exit 1; sleep 0.2; done
    lease=$(post /v3/lease/grant '{"TTL": 60}' | sed -n 's/.*"ID": *"\([^"]*\)".*/\1/p')
    post /v3/lease/revoke "{\"ID\": \"$lease\"}" >/dev/null
    before=$(holds | revision)
    answer=$(post /v3/kv/txn "{\"success\": [$(put /service/address), $(put /service/alive "$lease")]}")
    after=$(holds)
    echo "$(echo "$answer" | sed "s/$lease/LEASE/") | revision $before, then: $after"
}
stop() { kill $server; wait $server 2>/dev/null; server=; }
address="\"key\":\"$(b64 /service/address)\""
alive="\"key\":\"$(b64 /service/alive)\""

run ./etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer
stop
echo "$answer" | grep -q "requested lease not found" && ! echo "$after" | grep -q kvs || exit 1
[ "$(echo "$after" | revision)" = "$before" ] || exit 1

run node node_modules/.bin/antietcd --ip 127.0.0.1 --port 23986 --data data.gz
[ -e data.gz ] && gzip -dc data.gz | grep -q '"address"' && exit 1
post /v3/kv/txn "{\"success\": [$(put /other)]}" >/dev/null
gzip -dc data.gz | grep -q '"address"' && echo "in the file after a later transaction" || exit 1
stop
echo "$answer" | grep -q "unknown lease" && echo "$after" | grep -q "$address" && ! echo "$after" | grep -q "$alive" || exit 1
[ "$(echo "$after" | revision)" -eq $((before + 1)) ]
