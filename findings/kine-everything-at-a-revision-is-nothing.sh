#!/bin/sh
# kine 0.17.5 lists all keys, and lists a prefix at a revision, but all keys at a revision are none: no error, no key, count 0.
#
#   $ etcdctl get "" --prefix                4 keys (two are kine's own), revision 4
#   $ etcdctl get / --prefix --rev 4         3 keys (one of kine's has no such prefix)
#   $ etcdctl get "" --prefix --rev 4        nothing (etcd 3.7.3: all of them)
#
# `etcdctl make-mirror` without a prefix reads in just that way, to copy one state. From kine to etcd it copies nothing of what
# is there, complains of nothing, and goes on to copy what is written later: a move to etcd that looks as if it worked.
#
# Exits 0 while it is so, 1 when not. Needs Go with a C compiler and libsqlite3-dev.
set -u
folder=$(mktemp -d)
kine=
etcd=
mirror=
trap '{ kill $kine $etcd $mirror; wait; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1

mkdir kine.go && cd kine.go && go mod init pinned >/dev/null 2>&1 && go get github.com/k3s-io/kine@v0.17.5 >/dev/null 2>&1 &&
    go build -trimpath -tags libsqlite3 -o ../kine github.com/k3s-io/kine || exit 1
go list -m github.com/k3s-io/kine
cd .. && mkdir etcd.go && cd etcd.go && go mod init pinned >/dev/null 2>&1 &&
    go get go.etcd.io/etcd/etcdctl/v3@v3.7.3 go.etcd.io/etcd/server/v3@v3.7.3 >/dev/null 2>&1 || exit 1
cat >main.go <<'G'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
G
go build -trimpath -o ../etcdctl go.etcd.io/etcd/etcdctl/v3 && go mod tidy >/dev/null 2>&1
go build -trimpath -o ../etcd . || exit 1
cd ..
./etcd --version | head -1
./etcdctl version | head -1

source=http://127.0.0.1:23981 target=http://127.0.0.1:23982 peer=http://127.0.0.1:23983
from() { ./etcdctl --endpoints $source "$@"; }
to() { ./etcdctl --endpoints $target "$@"; }
keys() { "$@" --keys-only | grep -c .; }
./kine --listen-address tcp://127.0.0.1:23981 --endpoint "sqlite://$folder/state.db" --metrics-bind-address 0 >kine.log 2>&1 &
kine=$!
./etcd --data-dir data --listen-client-urls $target --advertise-client-urls $target --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer >etcd.log 2>&1 &
etcd=$!
for server in from to; do
    until $server get x >/dev/null 2>&1; do kill -0 $kine && kill -0 $etcd || exit 1; sleep 0.2; done
done

from put /a 1 >/dev/null && from put /b 2 >/dev/null || exit 1
revision=$(from get "" --prefix -w fields | sed -n 's/^"Revision" : //p')
all=$(keys from get "" --prefix)
prefix=$(keys from get / --prefix --rev "$revision")
none=$(keys from get "" --prefix --rev "$revision")
echo "kine at revision $revision: all $all, prefix / with the revision $prefix, all with the revision $none"

# The mirror has read what was there once a later write arrives.
from make-mirror --no-dest-prefix $target >mirror.log 2>&1 &
mirror=$!
i=0
until to get /late --print-value-only | grep -q .; do
    kill -0 $mirror && [ $i -lt 60 ] || exit 1
    i=$((i + 1))
    from put /late $i >/dev/null
    sleep 0.5
done
mirrored=$(to get "" --prefix --keys-only | tr -d '\n')
now=$(to get "" --prefix -w fields | sed -n 's/^"Revision" : //p')
same=$(keys to get "" --prefix --rev "$now")
echo "the mirror's target: $mirrored; etcd at its revision $now: all $same; the mirror says: $(cat mirror.log)"
[ "$all" = 4 ] && [ "$prefix" = 3 ] && [ "$none" = 0 ] && [ "$mirrored" = /late ] && [ "$same" = 1 ] && [ ! -s mirror.log ]
