#!/usr/bin/env python3
"""The last judge of reading and writing dqlite data directories: Debian's libdqlite.

A node (dqlite_node.c) takes thousands of inserts, updates and deletes as k8s-dqlite makes them, with a snapshot every few
entries, and is stopped cleanly or killed. kvctl's rows of what it left must be those that the node answers once it is started
again. A node that starts on the directory kvctl wrote must answer the same and take writes; a second and a third member join
it; and three members on three written directories must stay equal after writes.

dqlite_node.py NODE. Needs $KVCTL and the built node; exits 77 without them."""
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import Failure, Kvctl, find_kvctl, free_port, main, skip  # noqa: E402
from peerlib.dqlite_wire import Client, Refused, SPARE, VOTER  # noqa: E402

SCHEMA = ("CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, deleted INTEGER, "
          "create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB)",
          "CREATE UNIQUE INDEX k8s_dqlite_name_del_index ON kine (name, id DESC, deleted)",
          "INSERT INTO kine VALUES (1, 'compact_rev_key', 1, 0, 0, 0, 0, x'', NULL)")
INSERT = ("INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) "
          "VALUES (?, ?, ?, ?, ?, 0, ?, ?)")
ROWS = ("SELECT id, name, created, deleted, create_revision, prev_revision, lease, value, old_value FROM kine "
        "ORDER BY id")
THRESHOLD, TRAILING = "100", "150"      # entries between snapshots, and kept behind one
WRITES = 700                            # a round
START_SECONDS = 20


class Node:
    def __init__(self, program, number, folder):
        self.program, self.number, self.folder = program, number, folder
        self.address = "127.0.0.1:%d" % free_port()
        self.process = self.client = None
        os.makedirs(folder, exist_ok=True)

    def start(self):
        with open(self.folder + ".log", "ab") as log:
            self.process = subprocess.Popen([self.program, str(self.number), self.address, self.folder, THRESHOLD, TRAILING],
                                            stdout=subprocess.PIPE, stderr=log)
        if self.process.stdout.readline() != b"ready\n":
            with open(self.folder + ".log", errors="replace") as log:
                raise Failure("the node did not start: " + log.read()[-500:])

    def stop(self, with_signal=signal.SIGTERM):
        if self.client:
            self.client.close()
            self.client = None
        if self.process:
            self.process.send_signal(with_signal)
            self.process.wait(START_SECONDS)
            self.process.stdout.close()
            self.process = None

    def lead(self):
        """A client with the database open, once this node leads; None where another one does."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            self.client = Client(self.address)
            leader = self.client.leader()
            if leader == self.address:
                try:
                    self.client.open("k8s")
                    return self.client
                except Refused:
                    leader = ""
            self.client.close()
            self.client = None
            if leader:
                return None
            time.sleep(0.02)
        raise Failure("no leader")


class Writer:
    """Writes as k8s-dqlite does: a row a revision, which points at the one before it of its key."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.newest = {}        # key: (id, create revision, value), without what was deleted

    def write(self, client):
        key = "/registry/k%d" % self.dice.randrange(60)
        last = self.newest.get(key)
        value = self.dice.randbytes(self.dice.choice((40, 300, 900, 6000)))
        if last is None:
            row = client.execute(INSERT, key, 1, 0, 0, 0, value, None)
            self.newest[key] = (row, row, value)
        elif self.dice.random() < 0.15:
            client.execute(INSERT, key, 0, 1, last[1], last[0], last[2], last[2])
            del self.newest[key]
        else:
            row = client.execute(INSERT, key, 0, 0, last[1], last[0], value, last[2])
            self.newest[key] = (row, last[1], value)


def rows_of(kvctl, folder, scratch, *options):
    """What kvctl reads out of a directory, all columns, by way of the SQLite file it makes of it."""
    if os.path.exists(scratch):
        os.unlink(scratch)
    kvctl.must("import", folder, "-o", scratch, "--to", "kine", *options)
    with sqlite3.connect("file:%s?mode=ro" % scratch, uri=True) as db:
        rows = db.execute(ROWS).fetchall()
        sound = db.execute("PRAGMA integrity_check").fetchone()[0]
    db.close()
    if sound != "ok":
        raise Failure("%s: %s" % (folder, sound))
    return rows


def leader_of(nodes):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        for node in nodes:
            if node.lead():
                return node
        time.sleep(0.05)
    raise Failure("no leader among the members")


class Readers:
    """Reads a directory over and over while the block runs: (exit code, current revision, standard error) each."""

    def __init__(self, kvctl, folder):
        self.kvctl, self.folder, self.seen, self.ends = kvctl, folder, [], threading.Event()
        self.thread = threading.Thread(target=self.read) if folder else None

    def read(self):
        while not self.ends.is_set():
            code, document, errors = self.kvctl.json("status", self.folder)
            self.seen.append((code, document["revisions"]["current"] if document else 0, errors[:200]))

    def __enter__(self):
        if self.thread:
            self.thread.start()
        return self.seen

    def __exit__(self, *_):
        self.ends.set()
        if self.thread:
            self.thread.join()


def one_round(checks, kvctl, node, writer, how, scratch):
    """Writes until the node is stopped or killed; compares; compacts; starts a node on what was written."""
    client = node.lead()
    with Readers(kvctl, node.folder if how == "beside" else None) as seen:
        for _ in range(WRITES):
            writer.write(client)
    checks.true(seen or how != "beside", how + ": there was a reader")
    checks.equal([s for s in seen if s[0] != 0], [], how + ": reading while the node writes")
    checks.equal([s[1] for s in seen], sorted(s[1] for s in seen), how + ": and never an older revision than before")
    if how == "beside":
        rows = rows_of(kvctl, node.folder, scratch)
        checks.equal(rows, client.query(ROWS), "read beside the running node")
        code, _, errors = kvctl.json("compact", "--keep-last", "50", "--timeout", "0", "-o", scratch + ".no", node.folder)
        checks.true(code == 4 and str(node.process.pid) in errors, "writing refuses while the node runs: " + errors[:200])
    node.stop(signal.SIGKILL if how == "killed" else signal.SIGTERM)
    before = rows_of(kvctl, node.folder, scratch)
    code, report, _ = kvctl.json("check", node.folder)
    checks.equal(code, 0, how + ": check: %s" % [f for f in (report or {}).get("findings", [])][:3])
    node.start()
    checks.equal(before, node.lead().query(ROWS), how + ": kvctl's rows are the node's")
    node.stop()

    new = scratch + ".new"
    at = before[-1][0] - 60
    planned = kvctl.must("compact", "--rev", str(at), "--dry-run", node.folder)
    done = kvctl.must("compact", "--rev", str(at), "-o", new, node.folder)
    checks.equal(done["kept"], planned["kept"], how + ": dry run and real run")
    checks.equal(done["size"]["file_after"], planned["size"]["file_after"], how + ": the size was foretold")
    written = rows_of(kvctl, new, scratch)
    checks.equal([r for r in written if r[0] > at], [r for r in before if r[0] > at], how + ": rows above the revision")
    checks.true(len(written) < len(before), how + ": it shrank")
    shutil.rmtree(node.folder)
    os.rename(new, node.folder)
    node.start()
    client = node.lead()
    checks.equal(client.query(ROWS), written, how + ": a node on the new directory answers the same")
    for _ in range(30):
        writer.write(client)
    answers = client.query(ROWS)
    checks.equal(answers[:len(written)], written, how + ": and takes writes")
    node.stop(signal.SIGKILL)
    checks.equal(rows_of(kvctl, node.folder, scratch), answers, how + ": read again")
    node.start()


def wait_for(kvctl, nodes, wanted, scratch):
    """Whether every member's directory holds these rows, beside the members that run."""
    end = time.monotonic() + START_SECONDS
    while True:
        held = [rows_of(kvctl, n.folder, scratch) for n in nodes]
        if all(h == wanted for h in held) or time.monotonic() > end:
            return held
        time.sleep(0.1)


def cluster(checks, kvctl, first, writer, folder, scratch):
    """Two more members join the directory that kvctl wrote; then all three go on from three copies of another one."""
    members = [first] + [Node(first.program, i, os.path.join(folder, "member%d" % i)) for i in (2, 3)]
    client = first.lead()
    try:
        for m in members[1:]:
            m.start()
            client.add(m.number, m.address)
            client.assign(m.number, VOTER)
        for _ in range(100):
            writer.write(client)
        answers = client.query(ROWS)
        checks.equal([h == answers for h in wait_for(kvctl, members, answers, scratch)], [True] * 3, "joined members hold the rows")
        for m in members:
            m.stop()
        roles = [kvctl.must("status", m.folder)["dqlite"] for m in members]
        checks.equal([[x["role"] for x in r["members"]] for r in roles], [["voter"] * 3] * 3, "members and roles")
        checks.equal([r["tail_may_be_uncommitted"] for r in roles], [True] * 3, "the tail may be uncommitted")
        source = max(range(3), key=lambda i: (roles[i]["term"], roles[i]["last_index"]))
        at = answers[-1][0] - 40
        new = scratch + ".three"
        kvctl.must("compact", "--rev", str(at), "-o", new, members[source].folder)
        written = rows_of(kvctl, new, scratch)
        for m in members:
            shutil.rmtree(m.folder)
            shutil.copytree(new, m.folder)
            m.start()
        client = leader_of(members).client
        checks.equal(client.query(ROWS), written, "three members on three copies answer the same")
        for _ in range(250):
            writer.write(client)
        answers = client.query(ROWS)
        checks.equal([h == answers for h in wait_for(kvctl, members, answers, scratch)], [True] * 3, "and stay equal after writes")
        for m in members:
            m.stop()
        alone = scratch + ".alone"
        kvctl.must("compact", "--keep-last", "20", "--voter", str(members[1].number), "-o", alone, members[1].folder)
        shutil.rmtree(members[1].folder)
        os.rename(alone, members[1].folder)
        written = rows_of(kvctl, members[1].folder, scratch)
        members[1].start()
        client = members[1].lead()
        checks.true(client is not None, "--voter: the one member leads alone")
        checks.equal(client.query(ROWS), written, "--voter: and answers the same")
        writer.write(client)
    finally:
        for m in members:
            m.stop(signal.SIGKILL)


def test(folder, checks):
    kvctl = Kvctl(find_kvctl())
    program = sys.argv[1] if len(sys.argv) > 1 else ""
    if not os.access(program, os.X_OK):
        skip("no dqlite node was built (Debian: libdqlite-dev)")
    node = Node(program, 1, os.path.join(folder, "node"))
    scratch = os.path.join(folder, "kvctl")
    writer = Writer(11)
    try:
        node.start()
        client = node.lead()
        for sql in SCHEMA:
            client.execute(sql)
        for how in ("beside", "killed", "stopped"):
            one_round(checks, kvctl, node, writer, how, scratch)
        cluster(checks, kvctl, node, writer, folder, scratch)
    finally:
        node.stop(signal.SIGKILL)


main(test)
