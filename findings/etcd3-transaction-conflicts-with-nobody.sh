#!/bin/sh
# etcd3 1.1.2, the client for Node.js: its software transactions check, by default, that what they write has not changed since
# what they read. They take for that moment the revision at which the key that was read was last written, and not the revision of
# the store at the read, as etcd's Go client does. Run on the same keys:
#
#                                                           Go 3.7.3           etcd3 1.1.2
#   read an old key, write a newer one; nobody else writes  done, 1 try        conflict, 4 tries
#   read an absent key, write one that somebody else
#   changes in between                                      done, 2 tries      done, 1 try: not seen
#
# The first can never be done: a key that was written after the one that was read conflicts however often it is tried. The second
# overwrites what the other has written, which this level of isolation is there to notice.
#
# Exits 0 while it is so, 1 when not. Needs Go, Node.js with npm, and Debian's etcd-server and etcd-client (here 3.4.23).
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

npm install --ignore-scripts --no-audit --no-fund etcd3@1.1.2 >npm.log 2>&1 || exit 1
cat >transact.js <<'J'
const { Etcd3 } = require('etcd3');
const client = new Etcd3({ hosts: process.argv[2] });
const run = async (read, between) => {
  let tries = 0;
  const done = client.stm().transact(async (tx) => {
    await tx.get(read).string();
    if (++tries === 1 && between) await client.put('newer').value('somebody else');
    await tx.put('newer').value('mine');
  });
  console.log(await done.then(() => 'done', (error) => error.constructor.name), tries);
};
run('older', false).then(() => run('absent', true)).finally(() => client.close());
J
mkdir go && cd go && go mod init pinned >/dev/null 2>&1 && go get go.etcd.io/etcd/client/v3@v3.7.3 >/dev/null 2>&1 || exit 1
cat >main.go <<'G'
package main

import (
	"context"
	"fmt"
	"os"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func main() {
	client, _ := clientv3.New(clientv3.Config{Endpoints: os.Args[1:]})
	run := func(read string, between bool) {
		tries := 0
		_, err := concurrency.NewSTM(client, func(tx concurrency.STM) error {
			tx.Get(read)
			if tries++; tries == 1 && between {
				client.Put(context.Background(), "newer", "somebody else")
			}
			tx.Put("newer", "mine")
			return nil
		})
		fmt.Println(map[bool]string{true: "done", false: "conflict"}[err == nil], tries)
	}
	run("older", false)
	run("absent", true)
}
G
go mod tidy >/dev/null 2>&1
go build -trimpath -o ../transact . || exit 1
go list -m go.etcd.io/etcd/client/v3
cd ..
echo "etcd3 $(sed -n 's/^ *"version": "\(.*\)",*/\1/p' node_modules/etcd3/package.json)"

client=http://127.0.0.1:23998 peer=http://127.0.0.1:23999
etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer >log 2>&1 &
server=$!
until etcdctl --endpoints $client get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done

start() { for key in older newer; do etcdctl --endpoints $client put $key 0 >/dev/null || exit 1; done; }
start && go=$(timeout 60 ./transact $client | tr '\n' ' ')
start && node=$(timeout 60 node transact.js $client | tr '\n' ' ')
echo "Go: $go| etcd3: $node"
[ "$go" = "done 1 done 2 " ] && [ "$node" = "STMConflictError 4 done 1 " ]
