#!/usr/bin/env python3
"""A real etcd judges what kvctl writes: etcd_compact.py NAME VARIABLE

A server is written through etcdctl and stopped; its data dir is copied. One copy is compacted by the server itself (the
twin), the others by kvctl: the data dir in place, the db alone, vacuumed alone. A server started on each must answer
every read at or above the revision as the twin does, with the same hashes above it, replay watches, take writes, leases
and compactions. A snapshot that was compacted, and one made from a native store, are restored and served.

Needs $KVCTL, etcdctl (and etcdutl or etcdctl for the restore); exits 77 without them."""
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import Failure, Kvctl, find_etcdctl, find_kvctl, find_peer, main  # noqa: E402
from peerlib.etcd_history import Observed, Writer  # noqa: E402
import etcd_server  # noqa: E402

WRITES, SAMPLES = 90, 10


class Judge:
    def __init__(self, checks, kvctl, program, etcdctl, folder, rule):
        self.checks, self.kvctl, self.program, self.etcdctl = checks, kvctl, program, etcdctl
        self.folder, self.rule = folder, ["--tombstones", rule]
        self.wanted, self.target, self.newest = None, 0, 0

    def server(self, name):
        """A server on a copy of the data dir A, in a folder of its own."""
        place = os.path.join(self.folder, name)
        os.mkdir(place)
        shutil.copytree(os.path.join(self.folder, "A"), os.path.join(place, "data"))
        return etcd_server.make_server(self.program, place, self.etcdctl), os.path.join(place, "data")

    def observe(self, server):
        server.start()
        return Observed(server.etcdctl, self.target, self.newest, SAMPLES, 3)

    def twin(self):
        server, _ = self.server("twin")
        try:
            server.start()
            server.etcdctl.run("compact", str(self.target), "--physical")
            etcd_server.restart(server)
            self.wanted = Observed(server.etcdctl, self.target, self.newest, SAMPLES, 3)
        finally:
            server.stop()

    def compare(self, said, what, hashes=True):
        for revision, listing in self.wanted.listings.items():
            self.checks.equal(said.listings[revision], listing, "%s: listing at %d" % (what, revision))
        for revision, wanted in self.wanted.hashes.items():
            if hashes and revision > self.target:
                self.checks.equal(said.hashes.get(revision), wanted, "%s: hash at %d" % (what, revision))
        self.checks.equal(said.shapes, self.wanted.shapes, what + ": orders and limits")

    def goes_on(self, server, what):
        """Watches, writes, leases and another compaction."""
        etcdctl = server.etcdctl
        events, refusal = etcdctl.watch_until(self.target + 1, self.newest, "app/")
        self.checks.true(events and events[-1]["mod_revision"] <= self.newest and not refusal,
                         what + ": a watch from the revision behind replays (%s)" % refusal[:80])
        refused = etcdctl.error("get", "", "--prefix", "--rev", str(self.target - 1))
        self.checks.true("compacted" in refused, what + ": below it is compacted")
        writer = Writer(etcdctl, 5)
        writer.grant()
        writer.write(8)
        self.checks.true(writer.revision > self.newest, what + ": writes go on")
        writer.compact(writer.revision - 1)
        self.checks.equal(etcdctl.error("endpoint", "health"), "", what + ": health")

    def form(self, name, change, hashes=True):
        """`change` gets the data dir of a stopped server."""
        server, data = self.server(name)
        change(data)
        try:
            said = self.observe(server)
            self.compare(said, name, hashes)
            self.checks.equal(said.leases, self.wanted.leases, name + ": leases")
            self.goes_on(server, name)
        finally:
            server.stop()

    def in_place(self, data):
        done = self.kvctl.must("compact", "--rev", str(self.target), *self.rule, data)
        self.checks.equal((done["result"], done["strategy"]), ("compacted", "rewrite"), "compact in place")

    def vacuumed(self, data):
        self.kvctl.must("vacuum", data)
        self.in_place(data)

    def db_replaced(self, data):
        db = os.path.join(data, "member", "snap", "db")
        new = os.path.join(os.path.dirname(data), "new.db")
        self.kvctl.must("compact", "--rev", str(self.target), *self.rule, "-o", new, db)
        os.replace(new, db)

    def restore(self, snapshot, name):
        """A server on a cluster restored from a snapshot file by whatever tool is there, and that tool's answer."""
        utl = shutil.which("etcdutl", path=os.pathsep.join([os.path.dirname(self.program), os.environ["PATH"]]))
        tool = [utl] if utl else [self.etcdctl]
        place = os.path.join(self.folder, name)
        os.mkdir(place)
        server = etcd_server.make_server(self.program, place, self.etcdctl)
        peer = server.words[server.words.index("--listen-peer-urls") + 1]
        done = subprocess.run([*tool, "snapshot", "restore", snapshot, "--name", "m", "--data-dir",
                               os.path.join(place, "data"), "--initial-cluster", "m=" + peer,
                               "--initial-advertise-peer-urls", peer], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "ETCDCTL_API": "3"})
        return server, done

    def tool_suits(self, taken):
        """An older tool's restore leaves what a newer server does not start on: seen with the server's own snapshot."""
        server, done = self.restore(taken, "control")
        try:
            server.start()
        except Failure:
            return False
        finally:
            server.stop()
        return done.returncode == 0

    def restored(self, snapshot, name, hashes):
        server, done = self.restore(snapshot, name)
        self.checks.equal(done.returncode, 0, "%s: restore: %s" % (name, done.stderr[-300:]))
        if done.returncode:
            return
        try:
            self.compare(self.observe(server), name, hashes)
            self.goes_on(server, name)
        finally:
            server.stop()

    def snapshots(self, taken):
        if not self.tool_suits(taken):
            print("no tool here restores for this server: snapshots were not tried")
            return
        small = os.path.join(self.folder, "small.snapshot")
        self.kvctl.must("compact", "--rev", str(self.target), *self.rule, "-o", small, taken)
        self.restored(small, "snapshot", True)
        native, again = os.path.join(self.folder, "native"), os.path.join(self.folder, "again.snapshot")
        self.kvctl.must("import", small, "-o", native)
        self.kvctl.must("import", "--to", "snapshot", native, "-o", again)
        self.restored(again, "snapshot of a native store", True)


def test(folder, checks):
    name, variable = sys.argv[1], sys.argv[2]
    kvctl = Kvctl(find_kvctl())
    program, etcdctl = find_peer(variable, name), find_etcdctl()
    judge = Judge(checks, kvctl, program, etcdctl, folder, etcd_server.rule_of(program))
    server = etcd_server.make_server(program, folder, etcdctl)
    taken = os.path.join(folder, "taken.snapshot")
    try:
        server.start()
        writer = Writer(server.etcdctl, 7)
        writer.grant()
        writer.write(WRITES)
        judge.newest = writer.revision
        judge.target = etcd_server.tombstone_between(writer, 2, writer.revision)
        server.etcdctl.run("snapshot", "save", taken)
        server.stop()
        shutil.copytree(os.path.join(folder, "data"), os.path.join(folder, "A"))
        judge.twin()
        judge.form("in place", judge.in_place)
        judge.form("vacuumed", judge.vacuumed)
        judge.form("db replaced", judge.db_replaced)
        judge.snapshots(taken)
    finally:
        server.stop(signal.SIGKILL)
    if judge.wanted is None:
        raise Failure("the twin said nothing")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: etcd_compact.py NAME VARIABLE")
    main(test)
