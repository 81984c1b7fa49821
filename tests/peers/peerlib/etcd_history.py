"""A history that a real etcd made, and what it answered about it."""
import random

KEYS = ["app/%s/%d" % (kind, i) for kind in ("conf", "jobs", "locks") for i in range(6)]


class Writer:
    """Writes through etcdctl with dice of a fixed seed; knows the newest revision."""

    def __init__(self, etcdctl, seed):
        self.etcdctl, self.dice, self.leases = etcdctl, random.Random(seed), []
        self.revision = 1

    def value(self):
        return "value-%d-%s" % (self.dice.randrange(10**6), "y" * self.dice.randrange(60))

    def json(self, *words, stdin=""):
        answer = self.etcdctl.json(*words, stdin=stdin)
        # The answer about a lease has no header of its own.
        self.revision = max(self.revision, answer.get("header", answer)["revision"])
        return answer

    def put(self):
        lease = ["--lease=%x" % self.dice.choice(self.leases)] if self.leases and self.dice.random() < 0.2 else []
        self.json("put", self.dice.choice(KEYS), self.value(), *lease)

    def delete(self):
        self.json("del", self.dice.choice(KEYS))

    def delete_many(self):
        self.json("del", self.dice.choice(KEYS)[:-1], "--prefix")

    def transaction(self):
        chosen = self.dice.sample(KEYS, 4)
        compare = ['value("%s") > "value-5"' % chosen[0]] if self.dice.random() < 0.5 else [
            'version("%s") > "1"' % chosen[0]]
        yes = ["put %s %s" % (chosen[1], self.value()), "put %s %s" % (chosen[2], self.value()), "del " + chosen[3]]
        no = ["del " + chosen[1], "put %s %s" % (chosen[0], self.value())]
        self.json("txn", stdin="\n".join([*compare, "", *yes, "", *no, "", ""]))

    def changes_nothing(self):
        self.json("del", "app/none/")
        self.json("txn", stdin='version("app/none") > "0"\n\nput app/none x\n\nget app/conf/0\n\n')

    def grant(self):
        self.leases.append(self.json("lease", "grant", "36000")["ID"])

    def revoke(self):
        if len(self.leases) > 2:
            lease = self.leases.pop(0)
            self.json("lease", "revoke", "%x" % lease)

    def expire(self):
        """A lease runs out: the server deletes both keys in one revision, through its own log entry."""
        lease = self.json("lease", "grant", "1")["ID"]
        for key in ("app/expiring/1", "app/expiring/2"):
            self.json("put", key, self.value(), "--lease=%x" % lease)
        events, _ = self.etcdctl.watch_until(self.revision + 1, self.revision + 1, "app/expiring/")
        self.revision = events[-1]["mod_revision"]

    def write(self, count):
        kinds = [self.put] * 12 + [self.delete] * 3 + [self.transaction] * 3 + [
            self.delete_many, self.changes_nothing, self.grant, self.revoke]
        for _ in range(count):
            self.dice.choice(kinds)()

    def compact(self, revision):
        self.etcdctl.run("compact", str(revision), "--physical")


def hash_at(etcdctl, revision):
    """etcd's HashKV as a number."""
    return etcdctl.json("endpoint", "hashkv", "--rev", str(revision))[0]["HashKV"]["hash"]


def listing_at(etcdctl, revision, *options):
    """All keys and values at a revision, the bytes that etcdctl prints."""
    words = ["get", "", "--prefix"] if "--from-key" not in options else ["get", KEYS[3]]
    return etcdctl.run(*words, *options, "--rev", str(revision)).stdout


LISTINGS = ([], ["--keys-only"], ["--print-value-only"], ["--limit", "3"], ["--from-key"],
            ["--sort-by", "MODIFY", "--order", "DESCEND"], ["--sort-by", "VERSION", "--order", "ASCEND", "--limit", "5"])


class Observed:
    """What a server answers between its compact revision and its newest one."""

    def __init__(self, etcdctl, compacted, newest, samples, seed):
        chosen = random.Random(seed).sample(range(compacted + 1, newest), min(samples, newest - compacted - 1))
        self.compacted, self.newest = compacted, newest
        self.revisions = sorted(set(chosen + [compacted + 1, newest]))
        self.hashes = {r: hash_at(etcdctl, r) for r in self.revisions}
        # Only here does it show whether a tombstone at the compact revision is kept. Some releases refuse to answer.
        if not etcdctl.error("endpoint", "hashkv", "--rev", str(compacted)):
            self.hashes[compacted] = hash_at(etcdctl, compacted)
        self.listings = {r: listing_at(etcdctl, r) for r in [compacted, *self.revisions] if r > 0}
        self.shapes = {tuple(o): listing_at(etcdctl, newest, *o) for o in LISTINGS}
        self.leases = sorted(x["id"] for x in etcdctl.json("lease", "list").get("leases", []))
        status = etcdctl.json("endpoint", "status")[0]["Status"]
        self.raft_index, self.raft_term = status["raftIndex"], status["raftTerm"]
