#!/usr/bin/env python3
"""The last judge of compacting a kine store: a real kine server before and after.

It is written through etcdctl, stopped (once cleanly, then killed so that its write-ahead log is left behind), its file is
compacted by kvctl at revision N, and it is started again. It must then give the same answers at every revision from N on,
replay the same events from N + 1 on, refuse older ones as compacted, and go on with the next revision.

kine_server.py NAME. Needs $KVCTL, a kine (install.sh builds some, kine-0.17 is one; or $KVCTL_KINE) and etcdctl; exits 77
without them."""
import json
import os
import random
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import Kvctl, find_etcdctl, find_kvctl, find_peer, main  # noqa: E402
from peerlib.kine_history import KEYS, Writer, after_compaction, answers, events_after, listing, make_kine  # noqa: E402

OLDER = 4           # refused revisions asked for, each round


def one_round(checks, kvctl, server, writer, database, how):
    """Writes, stops, compacts, starts, compares. `how`: (signal, share of the history to give up, kvctl's options)."""
    stop_signal, share, options = how
    name = "%s, %s" % (stop_signal.name, " ".join(options) or "in place")
    etcdctl = server.etcdctl
    before = writer.revision
    writer.round()
    writer.expiring("/registry/events/expiring-%d" % before)
    for _ in range(4):
        writer.put(writer.dice.choice(KEYS))
    last = writer.revision
    target = before + max(1, int((last - before) * share))
    lists = answers(etcdctl, target, last)
    events, refusal = events_after(etcdctl, target, last)
    checks.equal(refusal, "", name + ": watch before")

    code, _, errors = kvctl.json("compact", "--rev", str(target), "--timeout", "100ms", database)
    checks.equal((code, json.loads(errors or "{}").get("error", {}).get("kind")), (4, "in-use"),
                 name + ": compacting under a running server")
    server.stop(stop_signal)
    if stop_signal == signal.SIGKILL:
        checks.true(os.path.getsize(database + "-wal") > 0, name + ": the killed server left its log")
    planned = kvctl.must("compact", "--rev", str(target), "--dry-run", database)
    done = kvctl.must("compact", "--rev", str(target), *options, database)
    for field in ("before", "removed", "kept", "revisions"):
        checks.equal(done[field], planned[field], name + ": dry run and real run, " + field)
    checks.true(done["removed"]["revisions"] > 0, name + ": something was removed")
    checks.equal((done["revisions"]["current"], done["revisions"]["compacted_after"]), (last, target), name + ": head")

    server.start()
    for revision, wanted in lists.items():
        checks.equal(listing(etcdctl, revision), wanted, "%s: list at %d" % (name, revision))
    replayed, refusal = events_after(etcdctl, target, last)
    checks.equal((replayed, refusal), (after_compaction(events, target, sys.argv[1]), ""), name + ": events")
    for revision in range(max(1, target - OLDER), target):
        checks.true("compacted" in etcdctl.error("get", "/registry/", "--prefix", "--rev", str(revision)),
                    "%s: list at %d is refused" % (name, revision))
        seen, refusal = etcdctl.watch_until(max(2, revision), last, "/registry/", timeout=5)
        checks.true(not seen and "compacted" in refusal, "%s: watch from %d is refused" % (name, revision))
    writer.put(KEYS[0])
    checks.equal(writer.revision, last + 1, name + ": the next revision")
    deleted = [k for k in KEYS if k not in writer.modified]
    if deleted:
        writer.put(deleted[0])
        checks.equal(listing(etcdctl, writer.revision)[1], len(writer.modified) + 1, name + ": keys after a re-create")


def test(folder, checks):
    kvctl = Kvctl(find_kvctl())
    kine, etcdctl = find_peer("KVCTL_KINE", sys.argv[1]), find_etcdctl()
    server, database = make_kine(kine, folder, etcdctl)
    try:
        server.start()
        writer = Writer(server.etcdctl, random.Random(7))
        writer.revision = server.etcdctl.json("get", "/registry/health")["header"]["revision"]
        for how in ((signal.SIGTERM, 0.6, ["--vacuum"]), (signal.SIGKILL, 0.8, ["--vacuum"]),
                    (signal.SIGKILL, 0.5, ["--strategy", "in-place"]), (signal.SIGTERM, 1.0, [])):
            one_round(checks, kvctl, server, writer, database, how)
    finally:
        server.stop(signal.SIGKILL)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: kine_server.py NAME")
    main(test)
