#!/bin/sh
# Builds the servers that the end-to-end tests run against: install.sh FOLDER
# Each folder beside this script pins one release: etcd_X a server and its etcdutl, kine_X a kine; `load` is a client that
# writes and watches. FOLDER gets links to
# what is kept outside the tree, in $XDG_CACHE_HOME/kvctl-peers (~/.cache without it), under a digest of the folder: a release
# is built once on a machine, and again only when that changes. Needs Go and its module proxy; kine also
# the system's SQLite. The tests look in $KVCTL_PEERS, by default `peers` in the build folder; what is missing there is
# skipped. Debian's etcd-server and etcd-client come from its packages.
set -eu

if [ $# -ne 1 ]; then
    echo "usage: install.sh FOLDER" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
go=$(command -v go || echo /usr/local/go/bin/go)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kvctl-peers

# build NAME OUTPUT PACKAGE: in the folder that pins it.
build() {
    (cd "$here/$1" && nice "$go" build -trimpath -ldflags='-s -w' -tags libsqlite3 -o "$2" "$3")
}

failed=
for pin in "$here"/load/ "$here"/etcd_*/ "$here"/kine_*/; do
    name=$(basename "$pin")
    kept=$cache/$name-$(cat "$pin"* | sha256sum | cut -c1-16)
    program=$(echo "$name" | tr _ -)
    if [ ! -d "$kept" ]; then
        new=$(mktemp -d "$folder/new.XXXXXX")
        case $name in
        etcd_*) build "$name" "$new/$program" . && build "$name" "$new/etcdutl-${name#etcd_}" go.etcd.io/etcd/etcdutl/v3 ;;
        load) build "$name" "$new/$program" . ;;
        kine_*) build "$name" "$new/$program" github.com/k3s-io/kine ;;
        esac || {
            failed="$failed $name"
            rm -rf "$new"
            continue
        }
        # Complete or not there: another run may be building the same.
        mkdir -p "$cache"
        mv -T "$new" "$kept.$$"
        mv -T "$kept.$$" "$kept" 2>/dev/null || rm -rf "$kept.$$"
    fi
    ln -sf "$kept"/* "$folder"
done
ls -l "$folder"
[ -z "$failed" ] || {
    echo "not built:$failed" >&2
    exit 1
}
