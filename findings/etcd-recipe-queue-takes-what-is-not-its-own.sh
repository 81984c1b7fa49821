#!/bin/sh
# etcd's Go client 3.7.3, recipes: a Queue writes its items as NAME/NUMBER, but takes the key that was written longest ago of all
# that begin with NAME. What Dequeue takes it deletes, so a queue "jobs" eats the items of "jobs-urgent" and any key that begins so:
#
#   put jobs.limit 100
#   NewQueue(c, "jobs-urgent").Enqueue("urgent")
#   NewQueue(c, "jobs").Enqueue("job")
#
#   NewQueue(c, "jobs").Dequeue(), three times     100, urgent, job
#   what is left that begins with jobs             nothing
#
# The error is nil each time. The PriorityQueue beside it takes NAME/ alone.
#
# Exits 0 while it is so, 1 when not. Needs Go and Debian's etcd-server and etcd-client (here 3.4.23).
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

go mod init pinned >/dev/null 2>&1 && go get go.etcd.io/etcd/client/v3@v3.7.3 >/dev/null 2>&1 || exit 1
cat >main.go <<'G'
package main

import (
	"fmt"
	"os"

	clientv3 "go.etcd.io/etcd/client/v3"
	recipe "go.etcd.io/etcd/client/v3/experimental/recipes"
)

func take(q interface{ Dequeue() (string, error) }, times int) {
	for range times {
		value, err := q.Dequeue()
		if err != nil {
			panic(err)
		}
		fmt.Println(value)
	}
}

func main() {
	c, err := clientv3.New(clientv3.Config{Endpoints: os.Args[1:]})
	if err != nil {
		panic(err)
	}
	if recipe.NewQueue(c, "jobs-urgent").Enqueue("urgent") != nil || recipe.NewQueue(c, "jobs").Enqueue("job") != nil ||
		recipe.NewPriorityQueue(c, "work").Enqueue("piece", 1) != nil {
		panic("enqueue")
	}
	take(recipe.NewQueue(c, "jobs"), 3)
	take(recipe.NewPriorityQueue(c, "work"), 1)
}
G
go mod tidy >/dev/null 2>&1
go build -trimpath -o queue . || exit 1
go list -m go.etcd.io/etcd/client/v3
etcd --version | head -1

client=http://127.0.0.1:23991 peer=http://127.0.0.1:23992
ctl() { etcdctl --endpoints $client "$@"; }
etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer >log 2>&1 &
server=$!
until ctl get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done

ctl put jobs.limit 100 >/dev/null && ctl put work.limit 100 >/dev/null || exit 1
timeout 60 ./queue $client >took || exit 1
took=$(tr '\n' ' ' <took)
left=$(ctl get jobs --prefix --keys-only)
other=$(ctl get work --prefix --keys-only | tr -d '\n')
echo "taken: ${took}| left of jobs: ${left:-nothing} | left of work: $other"
[ "$took" = "100 urgent job piece " ] && [ -z "$left" ] && [ "$other" = work.limit ]
