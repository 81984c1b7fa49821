#!/usr/bin/env python3
"""Three real etcds judge an offline compaction of all of them: etcd_cluster.py NAME VARIABLE

A cluster of three is written through etcdctl and stopped; the data dir of each member is compacted by kvctl at one
revision and the cluster is started again. All three must answer as before at every revision from there on, and stay
equal, revision and hash, after every kind of request, with no alarm. In place without --all-members, and with --disarm,
kvctl refuses.

Needs $KVCTL and etcdctl; exits 77 without them."""
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import Failure, Kvctl, find_etcdctl, find_kvctl, find_peer, main  # noqa: E402
from peerlib.etcd_history import KEYS, Observed, Writer, hash_at  # noqa: E402
from peerlib.etcd_peer import make_cluster, rule_of  # noqa: E402

WRITES, SAMPLES, SETTLE_SECONDS = 70, 6, 20


def together(action, members):
    with ThreadPoolExecutor(len(members)) as pool:
        list(pool.map(action, members))


def stop_all(members, with_signal=signal.SIGTERM):
    together(lambda m: m.stop(with_signal), members)


def revisions(members):
    return [m.etcdctl.json("endpoint", "status")[0]["Status"]["header"]["revision"] for m in members]


def settled(members, revision):
    """The members' revisions, once all have applied what one has acknowledged."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end and revisions(members) != [revision] * len(members):
        time.sleep(0.05)
    return revisions(members)


def refusals(checks, kvctl, members, at):
    for options in ([], ["--disarm"], ["--all-members", "--disarm"]):
        code, _, errors = kvctl.json("compact", *at, *options, os.path.join(members[0].folder, "data"))
        checks.true(code in (2, 4), "one of three, %s: refused: %d %s" % (options, code, errors[:200]))


def requests(writer):
    """Every kind, a name each."""
    yield "put", writer.put
    yield "delete", writer.delete
    yield "transaction", writer.transaction
    yield "lease grant", writer.grant
    yield "put with a lease", lambda: writer.json("put", KEYS[0], writer.value(), "--lease=%x" % writer.leases[-1])
    yield "lease revoke", lambda: writer.json("lease", "revoke", "%x" % writer.leases.pop())
    yield "delete many", writer.delete_many
    yield "lease expiry", writer.expire
    yield "compaction", lambda: writer.compact(writer.revision - 2)
    yield "put behind the compaction", writer.put
    yield "user", lambda: writer.etcdctl.run("user", "add", "root:secret")
    yield "role", lambda: writer.etcdctl.run("user", "grant-role", "root", "root")


def stay_equal(checks, members, newest):
    for i, member in enumerate(members):
        writer = Writer(member.etcdctl, 20 + i)
        writer.revision = newest
        writer.grant()
        # Users are the cluster's: once is enough.
        for name, request in list(requests(writer))[:None if i == 0 else -2]:
            request()
            what = "member %d: %s" % (i, name)
            checks.equal(settled(members, writer.revision), [writer.revision] * len(members), what + ": revisions")
            hashes = {hash_at(m.etcdctl, writer.revision) for m in members}
            checks.equal(len(hashes), 1, what + ": hashes " + str(hashes))
        newest = writer.revision
    for member in members:
        checks.equal(member.etcdctl.run("alarm", "list").stdout, b"", "no alarm")


def test(folder, checks):
    name, variable = sys.argv[1], sys.argv[2]
    kvctl = Kvctl(find_kvctl())
    program, etcdctl = find_peer(variable, name), find_etcdctl()
    rule = ["--tombstones", rule_of(program)]
    members = make_cluster(program, folder, etcdctl, 3)
    try:
        together(lambda m: m.start(), members)
        writer = Writer(members[0].etcdctl, 5)
        writer.grant()
        writer.write(WRITES)
        newest = writer.revision
        target = newest * 2 // 3
        checks.equal(settled(members, newest), [newest] * 3, "written")
        before = Observed(members[0].etcdctl, target, newest, SAMPLES, 3)
        stop_all(members)

        at = ["--rev", str(target), *rule]
        refusals(checks, kvctl, members, at)
        for member in members:
            done = kvctl.must("compact", *at, "--all-members", os.path.join(member.folder, "data"))
            checks.equal((done["result"], done["revisions"]["compacted_after"]), ("compacted", target), "compacted")

        together(lambda m: m.start(), members)
        checks.equal(settled(members, newest), [newest] * 3, "started again")
        said = [Observed(m.etcdctl, target, newest, SAMPLES, 3) for m in members]
        for i, one in enumerate(said):
            checks.equal((one.listings, one.shapes, one.leases), (before.listings, before.shapes, before.leases),
                         "member %d: answers" % i)
            checks.equal(one.hashes, said[0].hashes, "member %d: hashes" % i)
            refused = members[i].etcdctl.error("get", "", "--prefix", "--rev", str(target - 1))
            checks.true("compacted" in refused, "member %d: below it is compacted" % i)
        stay_equal(checks, members, newest)
    except IndexError as short:
        raise Failure("an answer was empty: %s" % short) from short
    finally:
        stop_all(members, signal.SIGKILL)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: etcd_cluster.py NAME VARIABLE")
    main(test)
