#!/bin/sh
# kine 0.17.5 on NATS keeps the last ten versions of a key (revHistory), whatever the compact revision is. A read at a revision
# that needs an older one is answered as if the key had not been there, and a watch as if nothing had been written. Two keys, the
# revision R after them, then twelve updates of the first; nothing has been compacted:
#
#                                                  on SQLite             on NATS
#   get /settings/ --prefix --rev R                both keys             /settings/b, count 1
#   get /settings/a --rev R                        its value             no such key
#   watch /settings/ --prefix --rev R+1            updates 1 to 12       updates 3 to 12
#
# No error, and no "required revision has been compacted", by which a client would know to begin anew.
#
# Exits 0 while it is so, 1 when not. Needs Go with a C compiler, libsqlite3-dev and Debian's etcd-client.
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

go mod init pinned >/dev/null 2>&1 && go get github.com/k3s-io/kine@v0.17.5 >/dev/null 2>&1 &&
    go build -trimpath -tags libsqlite3,nats -o kine github.com/k3s-io/kine || exit 1
go list -m github.com/k3s-io/kine github.com/nats-io/nats-server/v2

client=http://127.0.0.1:23997
ctl() { etcdctl --endpoints $client "$@"; }
field() { sed -n "s/^\"$1\" : \"*\([^\"]*\)\"*$/\1/p" | paste -sd ' ' -; }

# run NAME ENDPOINT: what is read, in NAME.seen.
run() {
    name=$1
    ./kine --listen-address tcp://127.0.0.1:23997 --endpoint "$2" --metrics-bind-address 0 >log 2>&1 &
    server=$!
    until ctl get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done
    ctl put /settings/a 0 >/dev/null && ctl put /settings/b 0 >/dev/null || exit 1
    revision=$(($(ctl get /settings/ --prefix -w fields | field Revision)))
    [ "$(ctl get /settings/ --prefix --rev $revision -w fields | field Key)" = "/settings/a /settings/b" ] || exit 1
    for update in 1 2 3 4 5 6 7 8 9 10 11 12; do ctl put /settings/a $update >/dev/null || exit 1; done

    etcdctl --endpoints $client watch /settings/ --prefix --rev $((revision + 1)) -w fields >events 2>&1 &
    watch=$!
    i=0
    until grep -q '^"Value" : "12"' events || [ $i -ge 100 ]; do i=$((i + 1)); sleep 0.2; done
    kill $watch; wait $watch 2>/dev/null
    {
        ctl get /settings/ --prefix --rev $revision -w fields >list || exit 1
        ctl get /settings/a --rev $revision -w fields >get || exit 1
        value=$(field Value <get)
        echo "at the revision: $(field Key <list), count $(field Count <list); /settings/a has ${value:-nothing}"
        echo "watched: $(field Value <events)"
    } >"$name.seen" 2>&1
    kill $server; wait $server 2>/dev/null; server=
    echo "$name:"
    cat "$name.seen"
}

run sqlite "sqlite://$folder/state.db"
run nats "nats://?dontListen&dataDir=$folder/nats"
cat >sqlite.expected <<'E'
at the revision: /settings/a /settings/b, count 2; /settings/a has 0
watched: 1 2 3 4 5 6 7 8 9 10 11 12
E
cat >nats.expected <<'E'
at the revision: /settings/b, count 1; /settings/a has nothing
watched: 3 4 5 6 7 8 9 10 11 12
E
cmp -s sqlite.seen sqlite.expected && cmp -s nats.seen nats.expected
