#!/bin/sh
# Makes the stores in testdata/stores/ that are generated, not collected: make_samples.sh PATH-OF-kvctl_gen_store
# The same generator and SQLite give the same bytes. Beside each store lies what the generator says of it.
set -eu

generator=$1
stores=$(cd "$(dirname "$0")/../../testdata/stores" && pwd)

# A small cluster's state.db: 3200 revisions, never compacted, about three quarters of them history.
rm -f "$stores/k3s-sample.db"
cd "$stores"
"$generator" --layout kine --rows 3200 --seed 20 --schema-age v0.16.3 --removable-share 0.7 --value-size 60-200 \
    --shares 0.1,0.5,0.7 k3s-sample.db >k3s-sample.json
