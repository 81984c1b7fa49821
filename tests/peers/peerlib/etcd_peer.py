"""One etcd on loopback, and what an offline tool has to know of its release."""
import os
import re
import sqlite3
import subprocess

from .common import Server, free_port

EMPTY_STORE = """
PRAGMA application_id = 1802920820; PRAGMA user_version = 1;
CREATE TABLE revision (main INTEGER NOT NULL, sub INTEGER NOT NULL, tombstone INTEGER NOT NULL, key BLOB NOT NULL,
  create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL, value BLOB,
  PRIMARY KEY (main, sub));
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);
"""


def empty_store(path):
    """A native store that no log has been applied to."""
    with sqlite3.connect(path) as db:
        db.executescript(EMPTY_STORE)
    db.close()


def version_of(program):
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(n) for n in re.search(r"etcd Version: (\d+)\.(\d+)\.(\d+)", said).groups())


def rule_of(program):
    """Releases from 3.4.34 and 3.5.16 on keep a tombstone that sits exactly at the compact revision."""
    version = version_of(program)
    print("etcd %d.%d.%d" % version)
    newest_classic = {(3, 4): 33, (3, 5): 15}.get(version[:2], -1 if version >= (3, 6) else 10**6)
    return "classic" if version[2] <= newest_classic else "keep-at-rev"


def make_server(program, folder, etcdctl, name="m", options=(), cluster=(), environment=None):
    """`cluster`: the other members, "name=peer address" each, of a cluster that it joins."""
    client, peer = ("http://127.0.0.1:%d" % free_port() for _ in range(2))
    words = [program, "--name", name, "--data-dir", os.path.join(folder, "data"), "--listen-client-urls", client,
             "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
             "--initial-cluster", ",".join([*cluster, "%s=%s" % (name, peer)]),
             "--initial-cluster-state", "existing" if cluster else "new", *options]
    server = Server(words, client, etcdctl, folder, environment)
    server.peer = peer
    return server


def make_cluster(program, folder, etcdctl, count):
    """A new cluster's members, not started, each in a folder of its own."""
    ports = [(free_port(), free_port()) for _ in range(count)]
    everybody = ",".join("m%d=http://127.0.0.1:%d" % (i, peer) for i, (_, peer) in enumerate(ports))
    members = []
    for i, (client, peer) in enumerate(("http://127.0.0.1:%d" % p for p in pair) for pair in ports):
        place = os.path.join(folder, "m%d" % i)
        os.mkdir(place)
        words = [program, "--name", "m%d" % i, "--data-dir", os.path.join(place, "data"), "--listen-client-urls", client,
                 "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", everybody, "--initial-cluster-state", "new"]
        members.append(Server(words, client, etcdctl, place))
    return members
