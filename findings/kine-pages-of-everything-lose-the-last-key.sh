#!/bin/sh
# kine 0.17.5 cannot be read from one end to the other in pages. A limit on all keys, if there are more, is not kept: all come but
# the last one, and the word that there are more. And from a key on there is nothing, without an error. With four keys, and two of
# kine's own:
#
#                                            etcd 3.4.23              kine 0.17.5
#   get "" --from-key --limit 2              2 keys, more             5 keys, more
#   get /b --from-key                        /b and what follows      no key, no more, count 0
#   every key, in pages of 2                 all                      all but the last
#
# So a reader that goes on from the last key it got stops after the second page and has not seen the last key of the store.
# Without a limit `get "" --from-key` is right, and so is a limit on a prefix.
#
# Exits 0 while it is so, 1 when not. Needs Go with a C compiler, libsqlite3-dev and Debian's etcd-server and etcd-client.
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

go mod init pinned >/dev/null 2>&1 && go get github.com/k3s-io/kine@v0.17.5 >/dev/null 2>&1 &&
    go build -trimpath -tags libsqlite3 -o kine github.com/k3s-io/kine || exit 1
go list -m github.com/k3s-io/kine
etcd --version | head -1

client=http://127.0.0.1:23995 peer=http://127.0.0.1:23996
ctl() { etcdctl --endpoints $client "$@"; }
keys() { sed -n 's/^"Key" : "\(.*\)"$/\1/p' page | tr '\n' ' '; }
more() { sed -n 's/^"More" : //p' page; }

# read_all: every key by pages of two, each from the last key of the one before.
read_all() {
    ctl get "" --from-key --limit 2 -w fields >page
    keys
    while [ "$(more)" = true ]; do
        last=$(keys | awk '{ print $NF }')
        ctl get "$last" --from-key --limit 3 -w fields >page  # the last key again and two more
        keys | awk '{ for (i = 2; i <= NF; i++) printf "%s ", $i }'
    done
}
# run NAME COMMAND...: what the reads give, in NAME.seen, and all keys in NAME.all.
run() {
    name=$1
    shift
    "$@" >log 2>&1 &
    server=$!
    until ctl get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done
    for key in /a /b /c zone; do ctl put $key v >/dev/null || exit 1; done
    {
        ctl get "" --from-key --limit 2 -w fields >page && echo "limit 2: $(keys | wc -w) keys, more $(more)"
        ctl get /b --from-key -w fields >page && echo "from /b: $(keys | wc -w) keys, more $(more)"
        echo "in pages: $(read_all)"
    } >"$name.seen"
    ctl get "" --from-key -w fields >page && keys >"$name.all"
    kill $server; wait $server 2>/dev/null; server=
    echo "$name has $(cat "$name.all")"
    cat "$name.seen"
}

run etcd etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer
run kine ./kine --listen-address tcp://127.0.0.1:23995 --endpoint "sqlite://$folder/state.db" --metrics-bind-address 0
printf 'limit 2: 2 keys, more true\nfrom /b: 3 keys, more false\nin pages: /a /b /c zone \n' | cmp -s - etcd.seen || exit 1
[ "$(cat kine.all)" = "/a /b /c /registry/health compact_rev_key zone " ] || exit 1
printf 'limit 2: 5 keys, more true\nfrom /b: 0 keys, more false\nin pages: /a /b /c /registry/health compact_rev_key \n' |
    cmp -s - kine.seen
