#!/usr/bin/env python3
"""The judge of `compact --live`: a real kine under load, compacted by kvctl beside it.

Several writers write as API servers do, one after the other on each key, a watcher is told every event, and readers ask for
lists at revisions new and old (load/main.go). Meanwhile kine's own compaction runs where it can be asked to, and kvctl
compacts again and again, killed at random moments. No event may be lost or wrong, no write refused, no list at or above
the compact revision different from the history, and the file is sound at the end.

kine_live.py NAME [--second NAME] [--then NAME] [--rate N] [--seconds S] [--kills N] [--kine-kills N] [--seed N]
    --second NAME   another server on the same file, which nobody writes through
    --then NAME     half way the server is stopped, and this release started in its place
    --rate N        writes a second in all (default: as many as go). A second server looks once a second: one that is more
                    than the kept revisions behind meets holes, which it fills with gap rows
    --seconds S     how long the writers write (default 8)
    --kills N       go on until kvctl was killed so often (default 0: as often as there is time for)
    --kine-kills N  also kill the server so often, and start it again

The long run, an hour or two a release:
    tests/peers/kine_live.py kine-0.17 --seconds 7200 --kills 1000 --kine-kills 1000

Needs $KVCTL, a kine and `load` (install.sh), and etcdctl; exits 77 without them."""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import START_SECONDS, Failure, Kvctl, find_etcdctl, find_kvctl, find_peer, main  # noqa: E402
from peerlib.kine_history import make_kine, release  # noqa: E402

KEPT = 1000         # revisions that stay beside a server
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


class Compactions:
    """kvctl runs one after the other, most of them killed."""

    def __init__(self, kvctl, database, dice):
        self.kvctl, self.database, self.dice = kvctl, database, dice
        self.done = self.killed = self.waited = self.transactions = self.foreign = self.longest = 0
        self.faults = []

    def once(self, kill):
        words = ["compact", "--live", "--keep-last", str(KEPT), "--json"]
        if kill:    # small steps, so that the kill falls into one
            words += ["--batch", "50", "--pause", "1ms"]
        run = subprocess.Popen([self.kvctl.program, *words, self.database], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if kill:
            try:
                run.wait(self.dice.uniform(0.02, 0.5))
            except subprocess.TimeoutExpired:
                run.send_signal(signal.SIGKILL)
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


def load_words(load, server, chosen):
    words = [load, "-endpoint", server.endpoint, "-seconds", str(chosen.seconds), "-rate", str(chosen.rate), "-seed", str(chosen.seed)]
    return words + (["-restarts"] if chosen.kine_kills or chosen.then else [])


def under_load(load, server, compactions, chosen, dice):
    """Runs the writers beside the compactions; returns what they found."""
    writers = subprocess.Popen(load_words(load, server, chosen), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    kine_kills, then = 0, chosen.then
    half, end = time.monotonic() + chosen.seconds / 2, time.monotonic() + chosen.seconds + START_SECONDS
    try:
        while writers.poll() is None and time.monotonic() < end:
            compactions.once(kill=dice.random() < 0.6)
            if then and time.monotonic() > half:
                server.stop()
                server.words[0], then = find_peer("KVCTL_KINE_THEN", then), None
                compactions.once(kill=dice.random() < 0.5)
                server.start()
            if kine_kills < chosen.kine_kills and dice.random() < 0.5:
                server.stop(signal.SIGKILL)
                kine_kills += 1
                if dice.random() < 0.3:
                    compactions.once(kill=dice.random() < 0.5)      # while nobody has it open
                server.start()
            if chosen.kills and compactions.killed >= chosen.kills and kine_kills >= chosen.kine_kills:
                writers.send_signal(signal.SIGINT)
                break
            time.sleep(dice.uniform(0, 0.2))
        out, errors = writers.communicate(timeout=START_SECONDS)
    except BaseException:
        writers.kill()
        writers.communicate()
        raise
    try:
        return json.loads(out), kine_kills
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
        compactions = Compactions(kvctl, database, dice)
        found, kine_kills = under_load(load, server, compactions, chosen, dice)
        checks.true(found["writes"] > 0 and found["lists"] > 0, "there was load")
        for name in ("lost", "wrong", "wrong_lists", "relisted", "troubles"):
            checks.equal(found[name], [] if name == "troubles" else 0, name)
        if not (chosen.kine_kills or chosen.then):
            checks.equal(found["failures"], 0, "calls that failed")
        checks.equal(compactions.faults, [], "compactions that failed")
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
        print("%d compactions of %d transactions, the longest %d ms, %d others taken over, %d killed; kine killed %d times"
              % (compactions.done, compactions.transactions, compactions.longest, compactions.foreign, compactions.killed,
                 kine_kills))
    finally:
        for each in (server, second):
            if each:
                each.stop(signal.SIGKILL)


if __name__ == "__main__":
    main(test)
