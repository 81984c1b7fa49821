"""Writes a kine store of Kubernetes objects: leases renewed, events that come and go, nodes, pods, two controllers that
fight over an annotation, custom resources that are rewritten. The objects are those of testdata/kube, their times made."""
import os
import random
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "peers"))
from peerlib.kube_objects import Writer, custom, lease_spec, own, replaced, rfc3339, text, varint  # noqa: E402

NODES, TICK = 100, 10           # a round of everything takes ten seconds
BEGIN = 1_800_000_000           # behind all times of testdata/kube
MARK = 2_000_000_001            # stands for the time of a write; as long as any other, in protobuf and as text
SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, deleted INTEGER, create_revision INTEGER,
  prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB);
"""
INDEXES = """
CREATE INDEX kine_name_index ON kine (name);
CREATE INDEX kine_name_id_index ON kine (name, id);
CREATE INDEX kine_id_deleted_index ON kine (id, deleted);
CREATE INDEX kine_prev_revision_index ON kine (prev_revision);
CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision);
CREATE INDEX kine_id_compact_rev_key_with_prev_revision_index ON kine (id, name, prev_revision)
  WHERE name != 'compact_rev_key' AND prev_revision != 0;
"""


class Template:
    """An object with the places where the time of its write stands."""

    def __init__(self, key, value):
        self.key, self.value = key, value
        self.mark = rfc3339(MARK).encode() if value.startswith(b"{") else varint(MARK)

    def at(self, seconds):
        return self.value.replace(self.mark, rfc3339(seconds).encode() if self.value.startswith(b"{") else varint(seconds))


def padding(dice, size):
    return "".join(dice.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(size))


def templates(dice):
    """(how many seconds lie between two writes, template) of each object"""
    lease, pod, node, config, event = (own(name) for name in ("lease", "pod", "node", "configmap", "event"))
    found = []

    def add(every, key, value):
        found.append((every, Template(key, value)))

    def now(name, owns):
        return [Writer(name, MARK, owns)]

    owns = {"f:spec": {"f:holderIdentity": {}, "f:leaseDurationSeconds": {}, "f:renewTime": {}}}
    for n in range(NODES):
        name = "node-%d" % n
        add(10, "/registry/leases/kube-node-lease/" + name,
            lease.stored("kube-node-lease", name, BEGIN, now("kubelet", owns), change=lease_spec(name, 40, MARK)))
        status = {"f:status": {"f:conditions": {'k:{"type":"Ready"}': {"f:lastHeartbeatTime": {}}}}}
        add(300, "/registry/minions/" + name, node.stored("", name, BEGIN, now("kubelet", status),
                                                         {"images": padding(dice, 5000)}))
    for name in ("kube-scheduler", "kube-controller-manager"):
        add(2, "/registry/leases/kube-system/" + name,
            lease.stored("kube-system", name, BEGIN, now(name, owns), change=lease_spec(name, 15, MARK)))
    for n in range(300):
        name = "pod-%d" % n
        add(1000, "/registry/pods/default/" + name, pod.stored("default", name, BEGIN, now("kubelet", {"f:status": {}}),
                                                              {"spec": padding(dice, 3000)}))
    for n in range(40):
        name = "app-%d" % n
        add(40, "/registry/argoproj.io/applications/argocd/" + name,
            custom("argoproj.io/v1alpha1", "Application", "argocd", name, BEGIN, now("argocd", {"f:status": {}}),
                   {"source": padding(dice, 1500), "replicas": n}))
    words = padding(dice, 600)
    annotations = {"f:metadata": {"f:annotations": {"f:owner": {}}}}
    for owner in ("ctrl-a", "ctrl-b"):
        add(10, "/registry/configmaps/default/shared",
            config.stored("default", "shared", BEGIN, now(owner, annotations), {"owner": owner, "text": words}))

    def seen(body):
        return replaced(body, 7, [text(7, b"\x08" + varint(MARK) + b"\x10\x00")])
    for n in range(200):
        name = "event-%d" % n
        add(200, "/registry/events/default/" + name, event.stored("default", name, BEGIN, now("kubelet", {}), change=seen))
    return found


def rows(count, dice):
    """Rows as kine writes them: id, name, created, deleted, create_revision, prev_revision, lease, value, old_value."""
    yield 1, "compact_rev_key", 1, 0, 0, 0, 0, b"", None
    # In which rounds each is due, and how often in one.
    parts = [(max(1, every // TICK), dice.randrange(1000), max(1, TICK // every), t) for every, t in templates(dice)]
    newest, created = {}, {}
    ident, seconds = 1, 0
    while True:
        due = [(seconds + dice.random() * TICK, t) for rounds, phase, times, t in parts
               if (seconds // TICK + phase) % rounds == 0 for _ in range(times)]
        for at, part in sorted(due, key=lambda d: d[0]):
            ident += 1
            if ident > count:
                return
            key, value = part.key, part.at(BEGIN + int(at))
            before, old = newest.get(key, (0, None))
            if "/events/" in key and old is not None:       # its time to live is over
                yield ident, key, 0, 1, created[key], before, 0, None, old
                newest[key] = ident, None
                continue
            is_new = old is None
            created[key] = ident if is_new else created[key]
            yield ident, key, int(is_new), 0, 0 if is_new else created[key], before, 0, value, old
            newest[key] = ident, value
        seconds += TICK


def write(path, count):
    """Made anew each time alike."""
    if os.path.exists(path):
        os.unlink(path)
    db = sqlite3.connect(path)
    db.executescript(SCHEMA)
    db.executemany("INSERT INTO kine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows(count, random.Random(9)))
    db.commit()
    db.executescript(INDEXES)
    db.close()
