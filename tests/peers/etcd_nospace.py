#!/usr/bin/env python3
"""A real etcd that has run into its quota judges the way out: etcd_nospace.py NAME VARIABLE

A member with a quota of a few megabytes is written until it refuses, and stopped. Its data dir is compacted by kvctl: once
with --disarm, after which a server must take writes at once, and once without, after which etcdctl's alarm disarm must be
all that is left to do.

Needs $KVCTL and etcdctl; exits 77 without them."""
import os
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import Failure, Kvctl, find_etcdctl, find_kvctl, find_peer, main  # noqa: E402
from peerlib.etcd_peer import make_server, rule_of  # noqa: E402

QUOTA, VALUE, KEPT = 6 << 20, "v" * 100_000, 5
OPTIONS = ["--quota-backend-bytes", str(QUOTA)]


def fill(etcdctl):
    """Writes one key until the server refuses; how many revisions it took."""
    for n in range(2 * QUOTA // len(VALUE)):
        done = etcdctl.run("put", "app/%d" % (n % 3), stdin=VALUE + str(n), check=False)
        if done.returncode != 0:
            if b"space exceeded" not in done.stderr:
                raise Failure("put %d: %s" % (n, done.stderr[-300:]))
            return n
    raise Failure("no quota was reached")


def put(etcdctl):
    return etcdctl.error("put", "app/after", "x")


def size_of(server):
    return server.etcdctl.json("endpoint", "status")[0]["Status"]["dbSize"]


def shrunk(checks, kvctl, program, etcdctl, folder, options):
    """A server on a compacted copy. The alarm is on without --disarm; with it only where its entry lies in the log behind
    what the db holds (etcd 3.4 writes no index for it), of which kvctl warns."""
    place = os.path.join(folder, "with" + "".join(options))
    os.mkdir(place)
    shutil.copytree(os.path.join(folder, "data"), os.path.join(place, "data"))
    data = os.path.join(place, "data")
    rule = ["--tombstones", rule_of(program)]
    planned = kvctl.must("compact", "--dry-run", "--keep-last", str(KEPT), *rule, *options, data)
    done = kvctl.must("compact", "--keep-last", str(KEPT), *rule, *options, data)
    checks.equal(done["removed"], planned["removed"], "dry run and real run")
    server = make_server(program, place, etcdctl, options=OPTIONS)
    try:
        server.start()
        name = "compact " + " ".join(options)
        checks.true(size_of(server) < QUOTA // 4, name + ": the db is small")
        warned = any("raise the alarm again" in w for w in done["warnings"])
        said = put(server.etcdctl)
        checks.equal("space exceeded" in said, bool(said), name + ": a put says " + said[-200:])
        if options:
            checks.true(not said or warned, name + ": an alarm that comes back is warned of")
        else:
            checks.true(said, name + ": the alarm is still on")
        if said:
            server.etcdctl.run("alarm", "disarm")
            checks.equal(put(server.etcdctl), "", name + ": a put, disarmed")
        checks.equal(server.etcdctl.run("alarm", "list").stdout, b"", name + ": no alarm")
        listing = server.etcdctl.json("get", "app/", "--prefix", "--keys-only")
        checks.equal(listing["count"], 4, name + ": keys")
    finally:
        server.stop()


def test(folder, checks):
    name, variable = sys.argv[1], sys.argv[2]
    kvctl = Kvctl(find_kvctl())
    program, etcdctl = find_peer(variable, name), find_etcdctl()
    server = make_server(program, folder, etcdctl, options=OPTIONS)
    try:
        server.start()
        written = fill(server.etcdctl)
        checks.true(written > KEPT, "writes before the quota: %d" % written)
        checks.true(b"NOSPACE" in server.etcdctl.run("alarm", "list").stdout, "the alarm is raised")
        checks.true("space exceeded" in put(server.etcdctl), "no put any more")
        server.stop()
        status = kvctl.must("status", os.path.join(folder, "data"))
        checks.true("NOSPACE" in str(status.get("alarms", status)), "status names the alarm")
        shrunk(checks, kvctl, program, etcdctl, folder, ["--disarm"])
        shrunk(checks, kvctl, program, etcdctl, folder, [])
    finally:
        server.stop(signal.SIGKILL)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: etcd_nospace.py NAME VARIABLE")
    main(test)
