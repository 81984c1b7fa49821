#!/usr/bin/env python3
"""The judge of `compact --live`: a real kine under load, compacted by kvctl beside it.

Several writers write as API servers do, one after the other on each key, a watcher is told every event, and readers ask for
lists at revisions new and old (load/main.go). Meanwhile kine's own compaction runs where it can be asked to, and kvctl
compacts again and again, killed at random moments. No event may be lost or wrong, no write refused, no list at or above
the compact revision different from the history, and the file is sound at the end.

Each kill is looked at by itself: the file is sound for SQLite and for `kvctl check`; the compact revision has gone up, not
down, and not into what stays; and from it upwards every answer is what it was before (class Picture). The next run finishes.

kine_live.py NAME [--second NAME] [--then NAME] [--rate N] [--seconds S] [--kills N] [--kine-kills N] [--seed N]
    --second NAME   another server on the same file, which nobody writes through
    --then NAME     half way the server is stopped, and this release started in its place
    --rate N        writes a second in all (default: as many as go). A second server looks once a second: one that is more
                    than the kept revisions behind meets holes, which it fills with gap rows
    --seconds S     how long the writers write, at the most (default 8)
    --kills N       end once kvctl was killed so often (default 0: as often as there is time for)
    --kine-kills N  also kill the server so often, most of the time while kvctl is at work, and start it again

The long run, an hour and a half for a release; pieces of it with seeds of their own may run beside each other:
    tests/peers/kine_live.py kine-0.17 --rate 600 --seconds 7200 --kills 1000 --kine-kills 1000

Needs $KVCTL, a kine and `load` (install.sh), and etcdctl; exits 77 without them."""
import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import START_SECONDS, Failure, Kvctl, find_etcdctl, find_kvctl, find_peer, main  # noqa: E402
from peerlib.kine_history import make_kine, release  # noqa: E402

KEPT = 1000         # revisions that stay beside a server
SMALL_STEPS = ["--batch", "10", "--pause", "2ms"]                # so that a kill falls into one
OWN_INTERVAL = {(0, 14): "2s", (0, 16): "2s", (0, 17): "2s"}     # kine that can be told how often to compact


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--second")
    parser.add_argument("--then")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--kine-kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class Picture:
    """All that a server answers from, at one moment: SQLite's own reading of the file."""

    def __init__(self, database):
        with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as db:
            db.execute("BEGIN")
            self.sound = db.execute("PRAGMA integrity_check").fetchall()
            # The order of kine's columns, all of them.
            rows = db.execute("SELECT id, name, created, deleted, create_revision, prev_revision, lease, value, old_value "
                              "FROM kine ORDER BY id").fetchall()
        self.current = rows[-1][0]
        self.stored = len(rows)
        self.compact_rows = [row for row in rows if row[1] == "compact_rev_key"]
        self.compacted = max(row[5] for row in self.compact_rows)
        self.rows = [row for row in rows if row[1] != "compact_rev_key"]

    def above(self, revision, upto):
        return [row for row in self.rows if revision < row[0] <= upto]

    def at(self, revision):
        """What a list at the revision answers."""
        newest = {row[1]: row for row in self.rows if row[0] <= revision}
        return sorted(row for row in newest.values() if not row[3])

    def faults_since(self, before):
        """What no compaction may have done to the earlier picture."""
        c = self.compacted
        holes = self.current - c - sum(1 for row in self.rows + self.compact_rows if row[0] > c)
        faults = {
            "integrity_check: %s" % self.sound: self.sound != [("ok",)],
            "%d compact rows" % len(self.compact_rows): len(self.compact_rows) != 1,
            "the compact revision went from %d to %d" % (before.compacted, c): c < before.compacted,
            "%d is compacted, of %d" % (c, self.current): c > before.compacted and c > self.current - KEPT,
            "the current revision went from %d to %d" % (before.current, self.current): self.current < before.current,
            "%d revisions above %d are missing" % (holes, c): holes != 0,
            "a row above %d changed" % c: self.above(c, before.current) != before.above(c, before.current),
            "the answer at %d changed" % c: self.at(c) != before.at(c),
        }
        return [fault for fault, there in faults.items() if there]


class Compactions:
    """kvctl runs one after the other, many of them killed, and the server with them."""

    def __init__(self, kvctl, server, database, dice):
        self.kvctl, self.server, self.database, self.dice = kvctl, server, database, dice
        self.done = self.transactions = self.foreign = self.longest = self.audits = 0
        self.killed = self.server_killed = self.killed_together = self.cut = 0
        self.faults = []

    def begin(self, words=()):
        command = [self.kvctl.program, "compact", "--live", "--keep-last", str(KEPT), "--json", *words, self.database]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, run):
        out, errors = run.communicate(timeout=120)
        if run.returncode == -signal.SIGKILL:
            self.killed += 1
        elif run.returncode == 0:
            self.done += 1
            report = json.loads(out)
            self.transactions += report["live"]["transactions"]
            self.foreign += report["live"]["foreign_compactions"]
            self.longest = max(self.longest, report["live"]["longest_ms"])
        else:
            self.faults.append("exit %d: %s" % (run.returncode, errors.decode(errors="replace")[:300]))

    def once(self):
        self.end(self.begin())

    def kill_one(self):
        """Kills a run at a random moment of it, unless it is quicker."""
        before, run = Picture(self.database), self.begin(SMALL_STEPS)
        try:
            run.wait(self.dice.uniform(0.01, 0.3))
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
        self.end(run)
        if run.returncode == -signal.SIGKILL:
            self.audit(before, Picture(self.database))

    def kill_server(self):
        """Kills the server, most of the time with kvctl at work, which finishes, or is killed with it."""
        before, run = Picture(self.database), None
        if self.dice.random() < 0.8:
            run = self.begin(SMALL_STEPS)
            time.sleep(self.dice.uniform(0.01, 0.3))
        self.server.stop(signal.SIGKILL)
        self.server_killed += 1
        if run:
            if self.dice.random() < 0.2 and run.poll() is None:
                run.send_signal(signal.SIGKILL)
            self.end(run)
            self.killed_together += run.returncode == -signal.SIGKILL
        # A copy: whoever opens the file itself recovers it, which is for the next server, or kvctl, to do.
        copy = os.path.join(os.path.dirname(self.database), "copy.db")
        for suffix in ("", "-wal"):
            if os.path.exists(self.database + suffix):
                shutil.copyfile(self.database + suffix, copy + suffix)
        self.audit(before, Picture(copy))
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(copy + suffix):
                os.unlink(copy + suffix)
        if self.dice.random() < 0.3:
            self.once()     # while nobody has it open
        self.server.start()

    def audit(self, before, after):
        self.audits += 1
        self.cut += after.compacted > before.compacted
        self.faults += after.faults_since(before)
        code, report, errors = self.kvctl.json("check", self.database)
        serious = [f for f in (report or {}).get("findings", []) if f["severity"] != "info"]
        if code != 0 or serious:
            self.faults.append("check: exit %d: %s %s" % (code, serious[:3], errors[:300]))


def load_words(load, server, chosen):
    words = [load, "-endpoint", server.endpoint, "-seconds", str(chosen.seconds), "-rate", str(chosen.rate), "-seed", str(chosen.seed)]
    return words + (["-restarts"] if chosen.kine_kills or chosen.then else [])


def under_load(load, server, compactions, chosen, dice):
    """Runs the writers beside the compactions; returns what they found."""
    writers = subprocess.Popen(load_words(load, server, chosen), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    then = chosen.then
    half, end = time.monotonic() + chosen.seconds / 2, time.monotonic() + chosen.seconds + START_SECONDS
    try:
        while writers.poll() is None and time.monotonic() < end and len(compactions.faults) < 20:
            kills_left = chosen.kills - compactions.killed
            if kills_left > 0 or dice.random() < 0.6:
                compactions.kill_one()
            if kills_left > 0 or dice.random() < 0.5:
                compactions.once()
            if then and time.monotonic() > half:
                server.stop()
                server.words[0], then = find_peer("KVCTL_KINE_THEN", then), None
                compactions.once()
                server.start()
            kine_kills_left = chosen.kine_kills - compactions.server_killed
            if kine_kills_left > 0 and (kills_left <= kine_kills_left or dice.random() < 0.5):
                compactions.kill_server()
            if chosen.kills + chosen.kine_kills and compactions.killed >= chosen.kills and \
                    compactions.server_killed >= chosen.kine_kills:
                writers.send_signal(signal.SIGINT)
                break
            time.sleep(dice.uniform(0, 0.2))
        out, errors = writers.communicate(timeout=START_SECONDS)
    except BaseException:
        writers.kill()
        writers.communicate()
        raise
    try:
        return json.loads(out)
    except ValueError:
        raise Failure("load: " + errors.decode(errors="replace")[:500]) from None


def test(folder, checks):
    chosen = options()
    kvctl, load = Kvctl(find_kvctl()), find_peer("KVCTL_LOAD", "load")
    kine, etcdctl = find_peer("KVCTL_KINE", chosen.name), find_etcdctl()
    server, database = make_kine(kine, folder, etcdctl)
    second = None
    interval = OWN_INTERVAL.get(release(chosen.name))
    if interval:
        server.words += ["--compact-interval", interval]
    dice = random.Random(chosen.seed)
    try:
        server.start()
        # A backlog, so that the first compaction has something to do.
        backlog = subprocess.run([load, "-endpoint", server.endpoint, "-seconds", "3", "-seed", str(chosen.seed + 1),
                                  "-readers", "0"], capture_output=True, timeout=START_SECONDS)
        checks.equal(backlog.returncode, 0, "backlog: " + backlog.stdout.decode()[:500])
        if chosen.second:
            second, _ = make_kine(find_peer("KVCTL_KINE_SECOND", chosen.second), folder, etcdctl)
            second.start()
        compactions = Compactions(kvctl, server, database, dice)
        found = under_load(load, server, compactions, chosen, dice)
        checks.true(found["writes"] > 0 and found["lists"] > 0, "there was load")
        for name in ("lost", "wrong", "wrong_lists", "relisted", "troubles"):
            checks.equal(found[name], [] if name == "troubles" else 0, name)
        if not (chosen.kine_kills or chosen.then):
            checks.equal(found["failures"], 0, "calls that failed")
        checks.equal(compactions.faults, [], "compactions, and what kills left")
        checks.true(compactions.killed >= chosen.kills and compactions.server_killed >= chosen.kine_kills, "all the kills")
        # Whoever was killed last, the next one finishes it, and kine goes on.
        last = kvctl.must("compact", "--live", "--keep-last", str(KEPT), database)
        checks.true(last["revisions"]["compacted_after"] >= last["revisions"]["current"] - KEPT, "the last compaction")
        for each in (server, second):
            if each:
                each.stop()
        code, report, _ = kvctl.json("check", database)
        checks.equal((code, [f for f in (report or {}).get("findings", []) if f["severity"] != "info"]), (0, []), "check")
        print("%s: %d writes, %d events, %d lists (%d refused as compacted), writers' p50 %.1f, p99 %.1f, longest %.0f ms"
              % (chosen.name, found["writes"], found["events"], found["lists"], found["refused_lists"], found["p50_ms"],
                 found["p99_ms"], found["longest_ms"]))
        print("%d compactions of %d transactions, the longest %d ms, %d others taken over"
              % (compactions.done, compactions.transactions, compactions.longest, compactions.foreign))
        print("kvctl killed %d times, kine %d times, %d of them together; the file was looked at %d times, %d of them with "
              "transactions behind it; %d faults"
              % (compactions.killed, compactions.server_killed, compactions.killed_together, compactions.audits,
                 compactions.cut, len(compactions.faults)))
    finally:
        for each in (server, second):
            if each:
                each.stop(signal.SIGKILL)


if __name__ == "__main__":
    main(test)
