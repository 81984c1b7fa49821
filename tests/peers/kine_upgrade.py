#!/usr/bin/env python3
"""One file under one kine after another, oldest first: kine_upgrade.py NAME...

Each release writes, is killed while idle and leaves its log behind; kvctl calls the file sound, compacts it, and the same
release and then the next one answer from it as before. Needs $KVCTL, two kines at least (install.sh) and etcdctl; exits 77
without them."""
import os
import random
import signal
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import Kvctl, find_etcdctl, find_kvctl, find_peer, idle, main  # noqa: E402
from peerlib.kine_history import Writer, after_compaction, answers, events_after, listing, make_kine, release  # noqa: E402

FIRST_WITH_NULL = (0, 17)       # from 0.17.3 on, create_revision of a creating row is NULL
CODE = "needs-kine-0.17.3"      # what `check` says then: that older releases do not start on the file any more


def null_rows(database):
    with sqlite3.connect("file:%s?mode=ro" % database, uri=True) as db:
        count = db.execute("SELECT count(*) FROM kine WHERE create_revision IS NULL").fetchone()[0]
    db.close()
    return count


def sound(checks, kvctl, database, name, null):
    code, said, errors = kvctl.json("check", database)
    findings = (said or {}).get("findings", [])
    checks.equal((code, [f for f in findings if f["severity"] != "info"], errors[:200]), (0, [], ""), name + ": check")
    checks.equal(CODE in [f["code"] for f in findings], null, "%s: check says %s" % (name, CODE))


def under(checks, kvctl, name, program, folder, etcdctl, history):
    """One release: what the one before left, a round of writes, a kill, a compaction, what is left of it."""
    server, database = make_kine(program, folder, etcdctl)
    null = release(name) >= FIRST_WITH_NULL
    try:
        server.start()
        writer = Writer(server.etcdctl, random.Random(name))
        writer.modified = history.get("modified", {})
        for revision, wanted in history.get("lists", {}).items():
            checks.equal(listing(server.etcdctl, revision), wanted, "%s: what was there, at %d" % (name, revision))
        before = server.etcdctl.json("get", "/registry/health")["header"]["revision"]
        writer.revision = before
        writer.round()
        last = writer.revision
        target = before + (last - before) * 2 // 3
        lists = answers(server.etcdctl, target, last)
        events, _ = events_after(server.etcdctl, target, last)
        idle()
        server.stop(signal.SIGKILL)
        checks.true(os.path.getsize(database + "-wal") > 0, name + ": the killed server left its log")
        sound(checks, kvctl, database, name, null)
        planned = kvctl.must("compact", "--rev", str(target), "--dry-run", database)
        done = kvctl.must("compact", "--rev", str(target), "--vacuum", database)
        checks.equal((done["removed"], done["kept"]), (planned["removed"], planned["kept"]), name + ": as planned")
        checks.equal((done["revisions"]["current"], done["revisions"]["compacted_after"]), (last, target), name + ": head")
        sound(checks, kvctl, database, name + ", compacted", null)
        checks.equal(null_rows(database) > 0, null, name + ": rows without a create_revision")
        server.start()
        for revision, wanted in lists.items():
            checks.equal(listing(server.etcdctl, revision), wanted, "%s: list at %d" % (name, revision))
        checks.equal(events_after(server.etcdctl, target, last), (after_compaction(events, target, name), ""),
                     name + ": events")
        checks.true("compacted" in server.etcdctl.error("get", "/registry/", "--prefix", "--rev", str(target - 1)),
                    name + ": what was compacted is refused")
        writer.put("/registry/pods/ns-0/obj-0")
        checks.equal(writer.revision, last + 1, name + ": the next revision")
        lists[writer.revision] = listing(server.etcdctl, writer.revision)
        server.stop()
    finally:
        server.stop(signal.SIGKILL)
    return {"modified": writer.modified, "lists": lists}


def test(folder, checks):
    kvctl, etcdctl = Kvctl(find_kvctl()), find_etcdctl()
    programs = [(name, find_peer("KVCTL_" + name.upper().replace("-", "_").replace(".", "_"), name)) for name in sys.argv[1:]]
    history = {}
    for name, program in programs:
        history = under(checks, kvctl, name, program, folder, etcdctl, history)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: kine_upgrade.py NAME NAME...")
    main(test)
