#!/usr/bin/env python3
"""A real etcd judges hash, get, compact, import, raft and replay: etcd_server.py NAME VARIABLE

A server is started on loopback, written through etcdctl (puts, deletes, transactions, leases that are revoked and run
out, compactions) and asked for hashes and listings at many revisions; it is stopped, its data dir copied (A), then it
compacts at N and is stopped again (B). What kvctl says of A and B must be what the server said.

NAME is the server's program, VARIABLE an environment variable that may name it instead. Needs $KVCTL and etcdctl; exits
77 without them."""
import os
import random
import shutil
import signal
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import Kvctl, find_etcdctl, find_kvctl, find_peer, main  # noqa: E402
from peerlib.etcd_history import KEYS, Observed, Writer  # noqa: E402
from peerlib.etcd_peer import empty_store, make_server, rule_of  # noqa: E402

WRITES, SAMPLES = 130, 16

def tombstone_between(writer, low, high):
    """A revision in the upper half at which a key is deleted: where the two rules differ."""
    events, _ = writer.etcdctl.watch_until((low + high) // 2, high, "app/")
    deleted = [e["mod_revision"] for e in events if e["type"] == 1 and e["mod_revision"] < high - 5]
    return deleted[len(deleted) // 2]


class Judge:
    """Each part holds one kvctl command against the server's answers."""

    def __init__(self, checks, kvctl, rule, folder, a, b, target):
        self.checks, self.kvctl, self.rule = checks, kvctl, ["--tombstones", rule]
        self.folder, self.a, self.b, self.target = folder, a, b, target
        self.dir_a, self.db_a = os.path.join(folder, "A"), os.path.join(folder, "A", "member", "snap", "db")
        self.db_b = os.path.join(folder, "B", "member", "snap", "db")

    def hashes(self, store, observed, what):
        for revision, wanted in observed.hashes.items():
            _, said, errors = self.kvctl.json("hash", "--rev", str(revision), *self.rule, store)
            self.checks.equal((said or {}).get("hash_decimal", errors[:200]), wanted, "%s: hash at %d" % (what, revision))

    def listings(self, store, observed, what):
        for revision, wanted in observed.listings.items():
            said = self.kvctl.run("get", "", "--prefix", "--rev", str(revision), store)
            self.checks.equal(said.stdout or said.stderr, wanted, "%s: get at %d" % (what, revision))

    def hash(self):
        self.hashes(self.db_a, self.a, "A")
        self.hashes(self.db_b, self.b, "B")
        newest = self.a.hashes[self.a.newest]
        for expected, code in ((str(newest), 0), (hex(newest), 0), (str(newest ^ 1), 3)):
            done = self.kvctl.run("hash", "--rev", str(self.a.newest), *self.rule, "--expect", expected, self.db_a)
            self.checks.equal(done.returncode, code, "hash --expect " + expected)

    def get(self):
        self.listings(self.db_a, self.a, "A")
        self.listings(self.db_b, self.b, "B")
        for options, wanted in self.a.shapes.items():
            first = [KEYS[3]] if "--from-key" in options else ["", "--prefix"]
            said = self.kvctl.run("get", *first, *options, self.db_a)
            self.checks.equal(said.stdout or said.stderr, wanted, "get " + " ".join(options))
        code, _, errors = self.kvctl.json("get", KEYS[0], "--rev", str(self.b.compacted - 1), self.db_b)
        self.checks.true(code == 4 and '"compacted"' in errors, "get below the compact revision is refused")

    def status(self):
        for store, observed in ((self.db_a, self.a), (self.dir_a, self.a), (self.db_b, self.b)):
            said = self.kvctl.must("status", store)
            self.checks.equal((said["store"]["layout"], said["revisions"]["current"], said["revisions"]["compacted"],
                               said["pending_compaction"]), ("bbolt", observed.newest, observed.compacted, False), store)

    def compact(self):
        at = ["compact", "--rev", str(self.target), *self.rule]
        planned = self.kvctl.must(*at, "--dry-run", self.db_a)
        left = self.kvctl.must(*at, "--dry-run", self.db_b)
        self.checks.equal(left["result"], "already-compacted", "compacting what the server has compacted")
        for name in ("revisions", "tombstones", "bytes"):
            self.checks.equal(planned["kept"][name], left["before"][name], "the server left what was planned: " + name)
        new = os.path.join(self.folder, "compacted.db")
        done = self.kvctl.must(*at, "-o", new, self.db_a)
        self.checks.equal(done["removed"], planned["removed"], "compact -o of a bbolt file")
        self.hashes(new, self.b, "compacted into a new db")

    def index(self):
        def revisions(*words):
            said = self.kvctl.must("index", *self.rule, *words)
            return {k["key"]: [r for g in k["generations"] for r in g["revisions"]] for k in said["keys"]}

        self.checks.equal(revisions("--rev", str(self.target), self.db_a), revisions(self.db_b),
                          "the index after compacting is the one the server left")

    def imports(self):
        new = os.path.join(self.folder, "imported.sqlite")
        done = self.kvctl.run("import", self.dir_a, "-o", new)
        self.checks.equal((done.returncode, done.stderr[:200]), (0, b""), "import")
        if done.returncode == 0:
            self.hashes(new, self.a, "imported")
            self.kvctl.must("compact", "--rev", str(self.target), *self.rule, "--vacuum", new)
            self.hashes(new, self.b, "imported and compacted")

    def raft(self):
        wal = os.path.join(self.dir_a, "member", "wal")
        said = self.kvctl.must("raft", wal)
        self.checks.equal((said["findings"], said["first_index"], said["hard_state"]["term"]), ([], 1, self.a.raft_term),
                          "raft: findings, first index, term")
        self.checks.true(said["last_index"] >= said["hard_state"]["commit"] >= self.a.raft_index, "raft: last index")
        done = self.kvctl.run("raft", "--store", self.db_a, wal)
        self.checks.equal((done.returncode, done.stderr[:200]), (0, b""), "raft --store")

    def replay(self):
        new = os.path.join(self.folder, "replayed.sqlite")
        empty_store(new)
        done = self.kvctl.run("replay", *self.rule, os.path.join(self.dir_a, "member", "wal"), new)
        self.checks.equal((done.returncode, done.stderr[:300]), (0, b""), "replay")
        self.hashes(new, self.a, "replayed")
        self.listings(new, self.a, "replayed")
        db = sqlite3.connect("file:%s?mode=ro" % new, uri=True)
        self.checks.equal([row[0] for row in db.execute("SELECT id FROM lease ORDER BY id")], self.a.leases,
                          "replay: leases")
        db.close()


def restart(server):
    """A server that has compacted remembers the hash it took meanwhile and gives that out instead of computing it."""
    server.stop()
    server.start()


def make_history(server, folder, seed):
    """Runs the server through both phases; returns what it said (before, after, target)."""
    server.start()
    writer = Writer(server.etcdctl, seed)
    writer.grant()
    writer.write(WRITES // 2)
    first = writer.revision // 2
    writer.compact(first)
    writer.expire()
    writer.write(WRITES // 2)
    target = tombstone_between(writer, first, writer.revision)
    restart(server)
    before = Observed(server.etcdctl, first, writer.revision, SAMPLES, seed)
    server.stop()
    shutil.copytree(os.path.join(folder, "data"), os.path.join(folder, "A"))
    server.start()
    writer.compact(target)
    restart(server)
    after = Observed(server.etcdctl, target, writer.revision, SAMPLES, seed)
    server.stop()
    shutil.copytree(os.path.join(folder, "data"), os.path.join(folder, "B"))
    return before, after, target


def test(folder, checks):
    name, variable = sys.argv[1], sys.argv[2]
    kvctl = Kvctl(find_kvctl())
    program, etcdctl = find_peer(variable, name), find_etcdctl()
    rule = rule_of(program)
    server = make_server(program, folder, etcdctl)
    try:
        seed = 11
        random.seed(seed)
        before, after, target = make_history(server, folder, seed)
    finally:
        server.stop(signal.SIGKILL)
    judge = Judge(checks, kvctl, rule, folder, before, after, target)
    for part in (judge.status, judge.hash, judge.get, judge.compact, judge.index, judge.imports, judge.raft, judge.replay):
        part()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: etcd_server.py NAME VARIABLE")
    main(test)
