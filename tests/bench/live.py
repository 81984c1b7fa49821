#!/usr/bin/env python3
"""Q8: `kvctl compact --live` against kine's own compaction, on the same backlog and under the same writers.

live.py [--rows 1000000] [--rate 1000] [--kine kine-0.17]

A real kine serves a store with that many revisions; writers write at that rate through it (tests/peers/load) and measure how
long each write takes: without any compaction, beside kvctl, and beside kine's own compaction in its default steps. Each
begins with a fresh copy of the store. Prints a table, and the three figures of Q8; exit status 3 when one is missed.

Needs $KVCTL, `load` and a kine in $KVCTL_PEERS (tests/peers/install.sh), etcdctl, and kvctl_gen_store ($KVCTL_GEN_STORE or
in build/tests/bench)."""
import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "peers"))
from peerlib.common import Failure, find_etcdctl, find_kvctl, find_peer  # noqa: E402
from peerlib.kine_history import make_kine  # noqa: E402

KEPT = 1000             # that kine itself keeps
SETTLE = 3              # seconds of writing before the compaction begins, and behind it
LONGEST = 3600


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--kine", default="kine-0.17")
    parser.add_argument("--data", default=os.path.join(here, "..", "..", "build", "bench-data"))
    return parser.parse_args()


def make_store(chosen):
    generator = os.environ.get("KVCTL_GEN_STORE", os.path.join(here, "..", "..", "build", "tests", "bench", "kvctl_gen_store"))
    path = os.path.join(os.path.abspath(chosen.data), "live-%d.db" % chosen.rows)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        subprocess.run([generator, "--layout", "kine", "--rows", str(chosen.rows), path + ".new"], check=True,
                       stdout=subprocess.DEVNULL)
        os.rename(path + ".new", path)
    return path


def ask(database, sql):
    db = sqlite3.connect("file:%s?mode=ro" % database, uri=True, timeout=30)
    try:
        return db.execute(sql).fetchone()[0]
    finally:
        db.close()


def compacted(database):
    return ask(database, "SELECT max(prev_revision) FROM kine WHERE name = 'compact_rev_key'")


def by_nobody(_kvctl, _database, _target):
    time.sleep(20)
    return {}


def by_kvctl(kvctl, database, target):
    done = subprocess.run([kvctl, "compact", "--live", "--rev", str(target), "--json", database], capture_output=True,
                          timeout=LONGEST, check=False)
    if done.returncode != 0:
        raise Failure("kvctl: " + done.stderr.decode()[:500])
    live = json.loads(done.stdout)["live"]
    return {"held_ms": live["longest_ms"], "transactions": live["transactions"]}


def by_kine(_kvctl, database, target):
    """kine begins of its own accord; the clock runs from its first step."""
    end = time.monotonic() + LONGEST
    first = compacted(database)
    begun = None
    while time.monotonic() < end:
        now = compacted(database)
        if begun is None and now != first:
            begun = time.monotonic()
        if now >= target:
            return {"seconds": time.monotonic() - begun}
        time.sleep(0.02)
    raise Failure("kine did not compact")


def measure(chosen, programs, store, compact, own_interval):
    kvctl, kine, load, etcdctl = programs
    with tempfile.TemporaryDirectory(prefix="kvctl-live-", dir=os.path.dirname(store)) as folder:
        server, database = make_kine(kine, folder, etcdctl)
        server.words += ["--compact-interval", own_interval]
        os.makedirs(os.path.dirname(database))
        shutil.copy(store, database)
        os.sync()
        try:
            server.start()
            target = ask(database, "SELECT max(id) FROM kine") - KEPT
            writers = subprocess.Popen([load, "-endpoint", server.endpoint, "-rate", str(chosen.rate), "-seconds", str(LONGEST),
                                        "-readers", "0"], stdout=subprocess.PIPE)
            out = []
            reader = threading.Thread(target=lambda: out.append(writers.communicate()[0]))
            reader.start()
            try:
                time.sleep(SETTLE)
                begun = time.monotonic()
                found = compact(kvctl, database, target)
                found.setdefault("seconds", time.monotonic() - begun)
                time.sleep(SETTLE)
            finally:
                writers.send_signal(signal.SIGINT)
                reader.join()
            found.update(json.loads(out[0]))
            if not found["fine"]:
                raise Failure("the writers found something wrong: %s" % found)
            return found
        finally:
            server.stop(signal.SIGKILL)


def main():
    chosen = options()
    programs = (find_kvctl(), find_peer("KVCTL_KINE", chosen.kine), find_peer("KVCTL_LOAD", "load"), find_etcdctl())
    store = make_store(chosen)
    rows = [("nobody compacts", measure(chosen, programs, store, by_nobody, "24h")),
            ("kvctl compact --live", measure(chosen, programs, store, by_kvctl, "24h")),
            (chosen.kine + " itself", measure(chosen, programs, store, by_kine, "2s"))]
    print("| | seconds | writes | p50 ms | p99 ms | longest ms | longest transaction ms |")
    print("|---|---|---|---|---|---|---|")
    for name, r in rows:
        print("| %s | %.1f | %d | %.1f | %.1f | %.0f | %s |" % (name, r["seconds"], r["writes"], r["p50_ms"], r["p99_ms"],
                                                            r["longest_ms"], r.get("held_ms", "")))
    alone, ours, own = (r for _, r in rows)
    figures = [("kvctl : kine itself", ours["seconds"] / own["seconds"], 1 / 3),
               ("longest transaction : 100 ms", ours["held_ms"] / 100, 1),
               ("p99 beside kvctl : without", ours["p99_ms"] / alone["p99_ms"], 1.3)]
    missed = False
    for name, ratio, limit in figures:
        missed = missed or ratio > limit
        print("Q8 %s: %.3f, target <= %.3f, %s" % (name, ratio, limit, "MISSED" if ratio > limit else "reached"))
    return 3 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(str(failure))
