"""The stores and logs that are measured: made once by the generators and kept."""
import json
import os
import shutil
import subprocess

from . import dqlite, kube

M, K = 1_000_000, 1_000
GIB = 1 << 30


def native(revisions, keys, size="256"):
    return ["--layout", "native", "--revisions", str(revisions), "--keys", str(keys), "--value-size", size]


def kine(rows, size="300-3000"):
    return ["--layout", "kine", "--rows", str(rows), "--value-size", size]


# name: options of the generator, bytes it takes about
STORES = {
    "native-50k": (native(50 * K, 5 * K), 0.02 * GIB),
    "native-100k": (native(100 * K, 10 * K), 0.04 * GIB),
    "native-200k": (native(200 * K, 20 * K), 0.07 * GIB),
    "native-500k": (native(500 * K, 50 * K), 0.2 * GIB),
    "native-1m": (native(1 * M, 100 * K), 0.35 * GIB),
    "native-2m": (native(2 * M, 200 * K), 0.7 * GIB),
    "native-5m": (native(5 * M, 500 * K), 1.8 * GIB),
    "native-10m": (native(10 * M, 1 * M), 3.5 * GIB),
    "native-large-values": (native(1 * M, 100 * K, "1024-4096"), 3.2 * GIB),
    "native-large-values-200k": (native(200 * K, 20 * K, "1024-4096"), 0.7 * GIB),
    "kine-50k": (kine(50 * K), 0.1 * GIB),
    "kine-100k": (kine(100 * K), 0.2 * GIB),
    "kine-200k": (kine(200 * K), 0.4 * GIB),
    "kine-500k": (kine(500 * K), 0.9 * GIB),
    "kine-1m": (kine(1 * M), 1.8 * GIB),
    "kine-5m": (kine(5 * M), 9 * GIB),
}
# Growth is the program's, so the largest store has to stay in memory.
STORES.update({"kine-small-values-%s" % size: (kine(rows, "100-300"), 650 * rows)
               for size, rows in (("50k", 50 * K), ("100k", 100 * K), ("200k", 200 * K), ("500k", 500 * K),
                                  ("1m", 1 * M), ("2m", 2 * M), ("5m", 5 * M), ("10m", 10 * M))})
SHARES = "0.08,0.1,0.5,0.9,0.96"


class Store:
    """A generated store: where it is, and what its generator says of it."""

    def __init__(self, path, said):
        self.path, self.said = path, said
        self.rows, self.key_bytes = said["rows"], said["key_bytes"]

    def point(self, share):
        """(target revision, revisions removed) for about this share; the largest there is when it cannot be reached."""
        found = next(p for p in self.said["shares"] if p["share"] == share)
        if found["revision"] is None:
            found = self.said["keep_1000"]
        return found["revision"], found["removed"]


class Data:
    def __init__(self, programs, folder, log):
        self.programs, self.folder, self.log = programs, folder, log
        os.makedirs(folder, exist_ok=True)

    def need(self, space):
        free = shutil.disk_usage(self.folder).free
        if free < space + GIB:
            raise SystemExit("bench: %s has %.1f GiB free, %.1f GiB are needed" % (self.folder, free / GIB, space / GIB + 1))

    def kept(self, path, recipe, make):
        """Runs `make` unless the file at `path` was made by the same recipe; returns what it said."""
        note = path + ".json"
        if os.path.exists(note) and os.path.exists(path):
            with open(note) as f:
                known = json.load(f)
            if known["recipe"] == recipe:
                return known["said"]
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
        self.log("making " + os.path.basename(path))
        said = make()
        with open(note, "w") as f:
            json.dump({"recipe": recipe, "said": said}, f)
        return said

    def store(self, name):
        options, space = STORES[name]
        options = options + ["--shares", SHARES]
        path = os.path.join(self.folder, name + ".db")

        def make():
            self.need(space)
            done = subprocess.run([self.programs["gen_store"], *options, path], stdout=subprocess.PIPE, check=True)
            return json.loads(done.stdout)

        return Store(path, self.kept(path, options, make))

    def kube(self, rows):
        """A kine store of Kubernetes objects."""
        path = os.path.join(self.folder, "kube-%d.db" % rows)

        def make():
            self.need(1.6 * K * rows)
            kube.write(path, rows)
            return {}

        self.kept(path, [rows, 1], make)
        return path

    def log_file(self, form, entries):
        """A raft log in one of the forms that gen_raftlog knows."""
        options = ["--format", form, "--entries", str(entries), "--value-size", "256"]
        path = os.path.join(self.folder, "log-%s-%d" % (form, entries))
        self.kept(path, options, lambda: subprocess.run([self.programs["gen_raftlog"], *options, path], check=True) and {})
        return path

    def dqlite_dir(self, store, log_bytes):
        """The store as a dqlite data directory."""
        path = store.path[:-len(".db")] + ".dqlite"

        def make():
            self.need(2 * os.path.getsize(store.path) + log_bytes)
            dqlite.write(store.path, path, log_bytes)
            return {}

        self.kept(path, [store.said["seed"], store.rows, log_bytes], make)
        return path

    def bbolt(self, store, etcd_mvcc):
        """The same history as a file of etcd's, written by etcd's own packages."""
        path = store.path[:-len(".db")] + ".bbolt"

        def make():
            self.need(2 * os.path.getsize(store.path))
            with subprocess.Popen([self.programs["contender"], "dump", store.path], stdout=subprocess.PIPE) as rows:
                subprocess.run([etcd_mvcc, "build", path], stdin=rows.stdout, check=True)
            if rows.returncode != 0:
                raise SystemExit("bench: cannot dump " + store.path)
            return {}

        self.kept(path, [store.said["seed"], store.rows], make)
        return path

    def etcd_dir(self, store, etcd_mvcc, etcdctl):
        """The same history as the data dir of a server that was shut down; the lease ids in it are not granted, which
        makes the server log a line each."""
        source = self.bbolt(store, etcd_mvcc)
        path = source[:-len(".bbolt")] + ".etcd"

        def make():
            self.need(2 * os.path.getsize(source))
            peer = "http://127.0.0.1:1"
            subprocess.run([etcdctl, "snapshot", "restore", source, "--skip-hash-check", "--name", "m", "--initial-cluster",
                            "m=" + peer, "--initial-advertise-peer-urls", peer, "--data-dir", path],
                           env={**os.environ, "ETCDCTL_API": "3"}, check=True, capture_output=True)
            return {}

        self.kept(path, [store.said["seed"], store.rows], make)
        return path
