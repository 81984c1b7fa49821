#!/bin/sh
# etcd3gw 2.7.0, a Python client of etcd's JSON gateway: watch_prefix_once should give the first event of what watch_prefix gives.
# The one encodes the end of its range in base64, as the gateway wants it; the other does so twice, and so watches from the prefix
# to the base64 text of its end. With /other/x, /jobs/1 and jobs/1 written in this order, and read from the first revision on:
#
#                       watch_prefix     watch_prefix_once
#   prefix /jobs/       /jobs/1          /other/x         its range is "/jobs/" to "L2pvYnMw", much more than the prefix
#   prefix jobs/        jobs/1           WatchTimedOut    its range is "jobs/" to "am9iczA=", which is none
#
# Who waits for a key of one kind goes on with another, or without a timeout waits for good.
#
# Exits 0 while it is so, 1 when not. Needs Python 3 with venv, and Debian's etcd-server and etcd-client (here 3.4.23).
set -u
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export ETCDCTL_API=3

python3 -m venv python && python/bin/pip install etcd3gw==2.7.0 >pip.log 2>&1 || exit 1
python/bin/pip list 2>/dev/null | grep etcd3gw
etcd --version | head -1

client=http://127.0.0.1:23993 peer=http://127.0.0.1:23994
etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client --listen-peer-urls $peer \
    --initial-advertise-peer-urls $peer --initial-cluster default=$peer >log 2>&1 &
server=$!
until etcdctl --endpoints $client get x >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 0.2; done

cat >watch.py <<'P'
import etcd3gw

client = etcd3gw.client(host='127.0.0.1', port=23993)
for key in ('/other/x', '/jobs/1', 'jobs/1'):
    client.put(key, 'v')
for prefix in ('/jobs/', 'jobs/'):
    events, cancel = client.watch_prefix(prefix, start_revision=1)
    always = next(events)['kv']['key'].decode()
    cancel()
    try:
        once = client.watch_prefix_once(prefix, timeout=10, start_revision=1)['kv']['key'].decode()
    except etcd3gw.exceptions.WatchTimedOut:
        once = 'WatchTimedOut'
    print(f'prefix {prefix}: watch_prefix {always}, watch_prefix_once {once}', flush=True)
P
timeout 60 python/bin/python watch.py >seen || exit 1
cat seen
cat >expected <<'E'
prefix /jobs/: watch_prefix /jobs/1, watch_prefix_once /other/x
prefix jobs/: watch_prefix jobs/1, watch_prefix_once WatchTimedOut
E
cmp -s seen expected
