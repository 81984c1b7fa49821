#!/usr/bin/env python3
"""A kine, an etcd and a kine again judge that a store crosses over: kine_etcd_kine.py KINE ETCD VARIABLE

A kine is written and stopped; kvctl makes a snapshot of its file, which is restored and served by an etcd; that is written
and stopped, kvctl makes a kine file of its data dir, and a kine serves it. At each step the live keys are those of the
server before, with their values and revisions, and writes go on from there.

Needs $KVCTL, etcdctl and a tool that restores; exits 77 without them."""
import os
import random
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import Kvctl, find_etcdctl, find_kvctl, find_peer, main, text  # noqa: E402
from peerlib.etcd_peer import make_server  # noqa: E402
from peerlib.kine_history import KEYS, Writer, make_kine  # noqa: E402

FIELDS = ("key", "value", "mod_revision", "create_revision")


def live(etcdctl):
    answer = etcdctl.json("get", "/registry/", "--prefix")
    return answer["header"]["revision"], [{f: kv.get(f) for f in FIELDS} for kv in answer.get("kvs", [])]


def same(checks, got, wanted, what):
    checks.equal(got[1], wanted[1], what + ": keys, values, revisions")
    checks.true(got[0] >= wanted[0], "%s: revision %d, before %d" % (what, got[0], wanted[0]))


def goes_on(checks, etcdctl, writer, what):
    """Writes as an API server does, to keys with and without a past."""
    before = live(etcdctl)[0]
    writer.etcdctl = etcdctl
    writer.round()
    checks.true(writer.revision > before, what + ": writes go on")


def serve_etcd(program, etcdctl, place, snapshot):
    os.mkdir(place)
    server = make_server(program, place, etcdctl)
    peer = server.words[server.words.index("--listen-peer-urls") + 1]
    utl = shutil.which("etcdutl-" + os.path.basename(program).split("-")[-1], path=os.path.dirname(program))
    subprocess.run([utl or etcdctl, "snapshot", "restore", snapshot, "--name", "m", "--data-dir",
                    os.path.join(place, "data"), "--initial-cluster", "m=" + peer, "--initial-advertise-peer-urls", peer],
                   check=True, capture_output=True, timeout=60, env={**os.environ, "ETCDCTL_API": "3"})
    return server


def test(folder, checks):
    kvctl = Kvctl(find_kvctl())
    kine, program, etcdctl = find_peer("KVCTL_KINE", sys.argv[1]), find_peer(sys.argv[3], sys.argv[2]), find_etcdctl()
    servers = []

    def place(name):
        return os.path.join(folder, name)

    try:
        os.mkdir(place("kine"))
        first, database = make_kine(kine, place("kine"), etcdctl)
        servers.append(first)
        first.start()
        writer = Writer(first.etcdctl, random.Random(9))
        writer.round()
        wanted = live(first.etcdctl)
        first.stop()

        kvctl.must("import", "--to", "snapshot", database, "-o", place("crossed.snapshot"))
        second = serve_etcd(program, etcdctl, place("etcd"), place("crossed.snapshot"))
        servers.append(second)
        second.start()
        same(checks, live(second.etcdctl), wanted, "kine to etcd")
        goes_on(checks, second.etcdctl, writer, "etcd")
        wanted = live(second.etcdctl)
        second.stop()

        os.makedirs(place("again/db"))
        kvctl.must("import", "--to", "kine", os.path.join(place("etcd"), "data"), "-o", place("again/db/state.db"))
        third, _ = make_kine(kine, place("again"), etcdctl)
        servers.append(third)
        third.start()
        same(checks, live(third.etcdctl), wanted, "etcd to kine")
        goes_on(checks, third.etcdctl, writer, "kine")
        there = {text(kv["key"]) for kv in live(third.etcdctl)[1]} & set(KEYS)
        checks.equal(there, set(writer.modified), "kine: live keys")
    finally:
        for server in servers:
            server.stop(signal.SIGKILL)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: kine_etcd_kine.py KINE ETCD VARIABLE")
    main(test)
