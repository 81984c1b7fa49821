#!/usr/bin/env python3
"""The states in which a real etcd leaves its files: etcd_states.py NAME VARIABLE [STATE...]

Killed while idle, saved as a snapshot at odd and even transactions, restored with a bump once and twice, with leases that
go on by checkpoints, with authentication on, out of space and disarmed again, with a learner that was promoted: kvctl
calls each of them sound, reads from it what the server said, and its log leads to the same hash.

NAME is the server's program, VARIABLE an environment variable that may name it instead. Needs $KVCTL and etcdctl, for
restores also the etcdutl of the same release; exits 77 without them."""
import json
import os
import signal
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import Failure, Kvctl, find_etcdctl, find_kvctl, find_peer, idle, main  # noqa: E402
from peerlib.etcd_history import Writer, hash_at  # noqa: E402
from peerlib.etcd_peer import empty_store, make_server, rule_of, version_of  # noqa: E402


class Bench:
    """What a state needs to be made and judged."""

    def __init__(self, folder, checks, kvctl, program, etcdctl, utility, state):
        self.folder, self.checks, self.kvctl, self.program, self.etcdctl = folder, checks, kvctl, program, etcdctl
        self.utility, self.state, self.servers = utility, state, []
        self.version = version_of(program)
        self.rule = ["--tombstones", rule_of(program)]

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def server(self, name="m", **how):
        folder = self.path(name)
        os.makedirs(folder, exist_ok=True)
        server = make_server(self.program, folder, self.etcdctl, name, **how)
        server.data = os.path.join(folder, "data")
        server.db = os.path.join(server.data, "member", "snap", "db")
        server.wal = os.path.join(server.data, "member", "wal")
        self.servers.append(server)
        return server

    def say(self, what):
        return "%s: %s" % (self.state, what)

    def sound(self, store, what, code=0):
        """`check` exits with `code`; the document, for more to be asked of it."""
        done, said, errors = self.kvctl.json("check", store)
        self.checks.equal((done, (said or {}).get("findings") if done != code else None, errors[:200]), (code, None, ""),
                          self.say("check of " + what))
        return said or {}

    def hash(self, store, revision, wanted, what):
        _, said, errors = self.kvctl.json("hash", "--rev", str(revision), *self.rule, store)
        self.checks.equal((said or {}).get("hash_decimal", errors[:200]), wanted, self.say("hash of " + what))

    def logged(self, wal, revision, wanted, what):
        """The log alone leads to the same hash."""
        new = self.path("replayed-%d.sqlite" % self.checks.count)
        empty_store(new)
        found = self.kvctl.run("raft", wal)
        self.checks.equal((found.returncode, found.stderr[:300]), (0, b""), self.say("raft of " + what))
        done = self.kvctl.run("replay", *self.rule, wal, new)
        self.checks.equal((done.returncode, done.stderr[:300] if done.returncode else b""), (0, b""),
                          self.say("replay of " + what))
        self.hash(new, revision, wanted, "what is replayed of " + what)

    def restore(self, snapshot, name, *options):
        """A member made of a snapshot by the release's own tool; its data dir."""
        if not self.utility:
            return None
        data = self.path(name, "data")
        os.makedirs(self.path(name), exist_ok=True)
        done = subprocess.run([self.utility, "snapshot", "restore", snapshot, "--data-dir", data, "--name", name, *options],
                              capture_output=True, timeout=60)
        if done.returncode:
            raise Failure("etcdutl: " + done.stderr.decode(errors="replace")[-500:])
        return data


def written(bench, server, count=25):
    server.start()
    writer = Writer(server.etcdctl, 5)
    writer.grant()
    writer.write(count)
    return writer


def killed_while_idle(bench):
    server = bench.server()
    writer = written(bench, server)
    wanted = hash_at(server.etcdctl, writer.revision)
    idle()
    server.stop(signal.SIGKILL)
    bench.sound(server.data, "its data dir")
    bench.hash(server.db, writer.revision, wanted, "its db")
    bench.logged(server.wal, writer.revision, wanted, "its log")
    bench.checks.equal(bench.kvctl.must("status", server.db)["revisions"]["current"], writer.revision,
                       bench.say("current revision"))


def transaction_on_page_0(snapshot):
    with open(snapshot, "rb") as file:
        file.seek(16 + 48)
        return struct.unpack("<Q", file.read(8))[0]


def snapshots(bench):
    """One is saved after each write, until transactions of both kinds were seen."""
    server, seen = bench.server(), set()
    writer = written(bench, server, 5)
    for i in range(12):
        for _ in range(i % 3):      # a commit of the server's own in between
            writer.put()
            idle()
        writer.put()
        snapshot = bench.path("saved-%d.db" % i)
        server.etcdctl.run("snapshot", "save", snapshot)
        odd = transaction_on_page_0(snapshot) % 2
        if odd not in seen:
            what = "a snapshot at an %s transaction" % ("odd" if odd else "even")
            bench.sound(snapshot, what)
            bench.hash(snapshot, writer.revision, hash_at(server.etcdctl, writer.revision), what)
        seen.add(odd)
        if len(seen) == 2:
            break
    bench.checks.equal(seen, {0, 1}, bench.say("odd and even transactions were seen"))


def restored(bench):
    """With --bump-revision --mark-compacted, once and twice, before and after each first start."""
    if not bench.utility:
        print("no etcdutl of this release: restores are not tried")
        return
    server = bench.server()
    writer = written(bench, server)
    old_hash, old_revision = hash_at(server.etcdctl, writer.revision), writer.revision
    for time in ("once", "twice"):
        snapshot = bench.path(time + ".db")
        server.etcdctl.run("snapshot", "save", snapshot)
        before = writer.revision
        server.stop()
        server = bench.server("restored-" + time)
        bench.restore(snapshot, "restored-" + time, "--bump-revision", "1000", "--mark-compacted", "--initial-cluster",
                      "restored-%s=%s" % (time, server.peer), "--initial-advertise-peer-urls", server.peer)
        marked = before + 1000
        said = bench.kvctl.must("status", server.data)
        bench.checks.equal(said["revisions"]["current"], marked, bench.say("current revision, %s" % time))
        bench.sound(server.data, "the restored data dir, %s, before its start" % time)
        planned = bench.kvctl.must("compact", "--rev", str(marked), *bench.rule, "--dry-run", server.db)
        server.start()
        writer.etcdctl = server.etcdctl
        writer.leases = []
        writer.write(15)
        wanted = hash_at(server.etcdctl, writer.revision)
        idle()
        server.stop()
        bench.sound(server.data, "the restored data dir, %s, after its start" % time)
        bench.hash(server.db, writer.revision, wanted, "the restored db, " + time)
        left = bench.kvctl.must("compact", "--rev", str(marked), *bench.rule, "--dry-run", server.db)
        bench.checks.equal(left["result"], "already-compacted", bench.say("the server carried the mark out"))
        history = bench.kvctl.must("status", server.db)["revisions"]
        bench.checks.equal(history["compacted"], marked, bench.say("compacted, %s" % time))
        bench.checks.true(planned["kept"]["keys"] <= planned["before"]["keys"], bench.say("a plan for the mark"))
        server.start()
    server.stop()
    # The log of the first member and what was made of its snapshot are two histories.
    first = bench.servers[0]
    new = bench.path("restored.sqlite")
    bench.checks.equal(bench.kvctl.run("import", server.db, "-o", new).returncode, 0, bench.say("import"))
    code, _, errors = bench.kvctl.json("replay", first.wal, new)
    bench.checks.equal(code, 4, bench.say("the log of another history is refused: " + errors[:200]))
    bench.hash(first.db, old_revision, old_hash, "the first member, untouched")


def checkpoint_options(version):
    if version < (3, 6):
        return ["--experimental-enable-lease-checkpoint", "--experimental-enable-lease-checkpoint-persist"]
    return ["--feature-gates=LeaseCheckpoint=true,LeaseCheckpointPersist=true"]


def lease_checkpoints(bench):
    if bench.version < (3, 5):
        print("no checkpoints that stay in this release")
        return
    server = bench.server(options=checkpoint_options(bench.version), environment={"PEER_CHECKPOINT_INTERVAL": "1s"})
    writer = written(bench, server, 10)
    granted = writer.leases[0]
    for _ in range(4):
        idle()
        writer.put()
    wanted = hash_at(server.etcdctl, writer.revision)
    server.stop(signal.SIGKILL)
    requests = [json.loads(line).get("request") for line in bench.kvctl.run("raft", "-w", "jsonl", server.wal).stdout.splitlines()]
    if not [name for name in requests if name and "checkpoint" in name]:
        print("this server makes no checkpoint sooner than after five minutes (install.sh builds one that does)")
    bench.sound(server.data, "its data dir")
    bench.logged(server.wal, writer.revision, wanted, "a log with checkpoints")
    status = bench.kvctl.must("status", server.data)
    if "etcd" in status:
        bench.checks.equal(status["etcd"]["leases"]["count"], len(writer.leases), bench.say("leases"))
    bench.checks.true(granted in writer.leases, bench.say("the lease is still there"))


def authentication(bench):
    server = bench.server(options=["--bcrypt-cost", "4"])     # a password is checked for every command
    writer = written(bench, server, 10)
    etcdctl = server.etcdctl
    etcdctl.run("user", "add", "root:secret")
    etcdctl.run("role", "add", "reader")
    etcdctl.run("role", "grant-permission", "reader", "--prefix=true", "read", "app/")
    etcdctl.run("user", "add", "someone:secret")
    etcdctl.run("user", "grant-role", "root", "root", check=False)
    etcdctl.run("user", "grant-role", "someone", "reader")
    etcdctl.run("auth", "enable")
    etcdctl.user = ["--user", "root:secret"]
    writer.write(15)
    etcdctl.user = ["--user", "someone:secret"]
    bench.checks.true("permission denied" in etcdctl.error("put", "app/x", "y"), bench.say("authentication is on"))
    etcdctl.user = ["--user", "root:secret"]
    wanted = hash_at(etcdctl, writer.revision)
    idle()
    server.stop(signal.SIGKILL)
    bench.sound(server.data, "its data dir")
    bench.hash(server.db, writer.revision, wanted, "its db")
    # Who may do what decides which of the logged requests were applied, and a native store does not hold that.
    new = bench.path("replayed.sqlite")
    empty_store(new)
    code, _, errors = bench.kvctl.json("replay", server.wal, new)
    bench.checks.true(code == 4 and "authentication" in errors, bench.say("replay says why it refuses: " + errors[:200]))
    bench.checks.equal(bench.kvctl.run("import", server.data, "-o", bench.path("imported.sqlite")).returncode, 0,
                       bench.say("import"))
    bench.hash(bench.path("imported.sqlite"), writer.revision, wanted, "what is imported")


def out_of_space(bench):
    server = bench.server(options=["--quota-backend-bytes", "2500000"])
    writer = written(bench, server, 10)
    refused = ""
    for i in range(40):
        done = server.etcdctl.run("put", "large/%d" % i, stdin="x" * 200_000, check=False)
        if done.returncode:
            refused = done.stderr.decode(errors="replace")
            break
        writer.revision += 1
    bench.checks.true("space exceeded" in refused, bench.say("the server is out of space: " + refused[-200:]))
    writer.delete()
    wanted = hash_at(server.etcdctl, writer.revision)
    idle()
    server.stop(signal.SIGKILL)
    status = bench.kvctl.must("status", server.data)
    member = status["etcd"]["members"][0]["id"]
    bench.checks.equal(status["etcd"]["alarms"], [{"member": member, "type": "NOSPACE"}], bench.say("alarms"))
    found = bench.sound(server.data, "a store with an alarm", code=3)
    bench.checks.equal([f["code"] for f in found.get("findings", []) if f["severity"] != "info"], ["alarm"],
                       bench.say("what check finds"))
    bench.hash(server.db, writer.revision, wanted, "its db")
    bench.logged(server.wal, writer.revision, wanted, "a log with an alarm")
    server.words += ["--quota-backend-bytes", "100000000"]
    server.start()
    server.etcdctl.run("alarm", "disarm")
    writer.write(10)
    wanted = hash_at(server.etcdctl, writer.revision)
    idle()
    server.stop()
    bench.checks.equal(bench.kvctl.must("status", server.data)["etcd"]["alarms"], [], bench.say("no alarm after disarm"))
    bench.sound(server.data, "a disarmed store")
    bench.logged(server.wal, writer.revision, wanted, "a log with an alarm that was taken back")


def promoted(bench):
    """A learner joins, becomes a member, and both leave the same key space and a log that leads there."""
    first = bench.server("m")
    writer = written(bench, first, 10)
    second = bench.server("n", cluster=["m=" + first.peer])
    first.etcdctl.run("member", "add", "n", "--learner", "--peer-urls", second.peer)
    second.start()
    new = [m for m in first.etcdctl.json("member", "list")["members"] if m.get("isLearner")]
    bench.checks.equal(len(new), 1, bench.say("one learner"))
    for _ in range(50):
        if not first.etcdctl.error("member", "promote", "%x" % new[0]["ID"]):
            break
        idle()
    writer.write(15)
    # With two voters a log vouches for its last entry only when a later one has told so: the last put is one too many.
    logged, logged_hash = writer.revision, hash_at(first.etcdctl, writer.revision)
    writer.put()
    wanted = hash_at(first.etcdctl, writer.revision)
    for _ in range(50):
        if second.etcdctl.json("endpoint", "status")[0]["Status"]["header"]["revision"] >= writer.revision:
            break
        idle()
    bench.checks.equal(hash_at(second.etcdctl, writer.revision), wanted, bench.say("two members, one hash"))
    idle()
    for server in (first, second):
        server.stop(signal.SIGKILL)
    for server, what in ((first, "the first member"), (second, "the promoted member")):
        bench.sound(server.data, what)
        bench.hash(server.db, writer.revision, wanted, what)
        bench.logged(server.wal, logged, logged_hash, what)
        status = bench.kvctl.must("status", server.data)
        bench.checks.equal(sorted((m["name"], m["learner"]) for m in status["etcd"]["members"]),
                           [("m", False), ("n", False)], bench.say("members of " + what))


STATES = {f.__name__: f for f in
          (killed_while_idle, snapshots, restored, lease_checkpoints, authentication, out_of_space, promoted)}


def test(folder, checks):
    name, variable = sys.argv[1], sys.argv[2]
    kvctl = Kvctl(find_kvctl())
    program, etcdctl = find_peer(variable, name), find_etcdctl()
    utility = os.path.join(os.environ.get("KVCTL_PEERS", "peers"), name.replace("etcd", "etcdutl"))
    utility = os.path.abspath(utility) if os.access(utility, os.X_OK) else None
    for state in sys.argv[3:] or STATES:
        bench = Bench(os.path.join(folder, state), checks, kvctl, program, etcdctl, utility, state)
        try:
            STATES[state](bench)
        except (Failure, KeyError, ValueError) as failure:
            checks.failed.append("%s: %s %s" % (state, type(failure).__name__, failure))
        finally:
            for server in bench.servers:
                server.stop(signal.SIGKILL)


if __name__ == "__main__":
    if len(sys.argv) < 3 or not set(sys.argv[3:]) <= set(STATES):
        sys.exit("usage: etcd_states.py NAME VARIABLE [%s...]" % "|".join(STATES))
    main(test)
