"""One kine on loopback, and a history written through it as an API server writes."""
import os

from .common import Failure, Server, free_port

KEYS = ["/registry/%s/ns-%d/obj-%d" % (kind, i % 2, i) for kind in ("pods", "leases", "configmaps") for i in range(5)]
WRITES = 70         # each round


def make_kine(program, folder, etcdctl):
    """(server, its database)"""
    address = "127.0.0.1:%d" % free_port()
    server = Server([program, "--listen-address", "tcp://" + address, "--metrics-bind-address", "0"], "http://" + address,
                    etcdctl, folder)
    return server, os.path.join(folder, "db", "state.db")


class Writer:
    """Writes the three shapes of transaction that an API server sends, which are all that kine takes."""

    def __init__(self, etcdctl, dice):
        self.etcdctl, self.dice, self.modified, self.revision = etcdctl, dice, {}, 0

    def put(self, key, lease=0):
        value = "value-%d-%s" % (self.dice.randrange(10**6), "x" * self.dice.randrange(80))
        known = self.modified.get(key, 0)
        put = "put %s %s%s" % (key, value, " --lease=%x" % lease if lease else "")
        self.done(self.etcdctl.txn(['mod("%s") = "%d"' % (key, known)], [put], ["get " + key] if known else []))
        self.modified[key] = self.revision

    def delete(self, key):
        known = self.modified.pop(key)
        self.done(self.etcdctl.txn(['mod("%s") = "%d"' % (key, known)], ["del " + key], ["get " + key]))

    def done(self, answer):
        succeeded, revision = answer
        if not succeeded:
            raise Failure("kine refused a write at revision %d" % revision)
        self.revision = revision

    def round(self):
        for _ in range(WRITES):
            key = self.dice.choice(KEYS)
            if key in self.modified and self.dice.random() < 0.25:
                self.delete(key)
            else:
                self.put(key, lease=3600 if self.dice.random() < 0.1 else 0)

    def expiring(self, key):
        """A key whose time runs out: the server writes the delete itself."""
        self.etcdctl.run("lease", "grant", "1")
        self.put(key, lease=1)
        events, refusal = self.etcdctl.watch_until(self.revision, self.revision + 1, key)
        if not events or events[-1]["type"] != 1:
            raise Failure("the lease did not run out: " + refusal)
        del self.modified[key]
        self.revision = events[-1]["mod_revision"]


def release(name):
    """(0, 17) of "kine-0.17"."""
    return tuple(int(n) for n in name.split("-")[1].split("."))


def after_compaction(events, compacted, name):
    """What a kine that replays these events again says once it is compacted: from 0.17 on it leaves out a previous value
    that is older than the compact revision, as etcd does."""
    def hidden(event):
        return release(name) >= (0, 17) and event["prev_revision"] is not None and event["prev_revision"] < compacted
    return [{**e, "prev": None, "prev_revision": None} if hidden(e) else e for e in events]


def listing(etcdctl, revision):
    answer = etcdctl.json("get", "/registry/", "--prefix", "--rev", str(revision))
    return answer.get("kvs", []), answer.get("count", 0)


def answers(etcdctl, first, last):
    return {r: listing(etcdctl, r) for r in range(first, last + 1)}


def events_after(etcdctl, target, last):
    """What a watch from target + 1 replays, and how it was refused. Nothing is there to wait for at the newest one."""
    return etcdctl.watch_until(target + 1, last, "/registry/") if target < last else ([], "")
