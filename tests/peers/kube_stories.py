#!/usr/bin/env python3
"""The stories of kvctl-kubernetes(7) on a store that a real server wrote: kube_stories.py NAME

A client writes twenty weeks of a small cluster through a kine or an etcd (peerlib/kube_history.py: the API's own objects,
renamed and varied, in made time), the server is stopped, and kvctl is asked who fights over an annotation, which lease
storms, and in which week the growth began. What it says must be what was written.

NAME is the server's program, such as kine-0.17 or etcd-3.6. Needs $KVCTL, the server and `load` in $KVCTL_PEERS (install.sh)
and etcdctl; exits 77 without them."""
import base64
import json
import os
import pty
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peerlib.common import STEP_SECONDS, Failure, Kvctl, find_etcdctl, find_kvctl, find_peer, main  # noqa: E402
from peerlib.etcd_peer import make_server  # noqa: E402
from peerlib.kine_history import make_kine  # noqa: E402
from peerlib import kube_history as made  # noqa: E402
from peerlib.kube_objects import instant, rfc3339  # noqa: E402


def write_through(server, load, history, folder):
    script = os.path.join(folder, "script")
    with open(script, "w", encoding="utf-8") as f:
        f.writelines(w.line() + "\n" for w in history.writes)
    server.start()
    done = subprocess.run([load, "-endpoint", server.endpoint, "-script", script], capture_output=True, timeout=STEP_SECONDS)
    if done.returncode != 0:
        raise Failure("load: " + done.stderr.decode(errors="replace")[:500])
    for write, revision in zip(history.writes, json.loads(done.stdout), strict=True):
        write.revision = revision
    server.stop()


class Asking(Kvctl):
    """Keeps all that kvctl ever said."""

    def __init__(self, program):
        super().__init__(program)
        self.said = b""

    def run(self, *words):
        done = super().run(*words)
        self.said += done.stdout + done.stderr
        return done

    def on_terminal(self, *words):
        """What a person sees, in lines."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([self.program, *words], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
        os.close(theirs)
        out = b""
        try:
            while part := os.read(ours, 1 << 16):
                out += part
        except OSError:     # the other side is closed
            pass
        finally:
            os.close(ours)
        if process.wait(STEP_SECONDS) != 0:
            raise Failure("kvctl %s: %s" % (" ".join(words), out[:300]))
        self.said += out
        return out.decode().splitlines()


class Judge:
    def __init__(self, checks, kvctl, store, history):
        self.checks, self.kvctl, self.store, self.history = checks, kvctl, store, history
        self.newest = history.writes[-1].revision

    def rows(self, command, *words):
        said = self.kvctl.must(command, *words, self.store)
        return {row["name"]: row for row in said["rows"]}, said

    def text(self, *words):
        done = self.kvctl.run(*words, self.store)
        self.checks.equal(done.returncode, 0, " ".join(words))
        return done.stdout.decode()

    def two_controllers(self):
        by, said = self.rows("churn", "--by", "manager")
        writers = {w.writer for w in self.history.writes} - {"(unknown)"}
        wanted = {w: len(self.history.of(w)) for w in writers}
        self.checks.equal({name: row["writes"] for name, row in by.items() if name in writers}, wanted, "writes by manager")
        self.checks.equal(set(by) - writers, {"(unknown)"}, "nobody else writes")
        keys = {w: len({x.key for x in self.history.of(w)}) for w in writers}
        self.checks.equal({name: row["keys"] for name, row in by.items() if name in writers}, keys, "keys by manager")
        self.checks.equal({name: row["no_ops"] for name, row in by.items() if row["no_ops"]},
                          {"argocd": len(self.history.of("argocd")) - 1}, "no-ops by manager")
        self.checks.equal({name: row["heartbeats"] for name, row in by.items() if row["heartbeats"]},
                          {"kubelet": wanted["kubelet"] - 2, "operator-0": made.STORM_WRITES - 1}, "heartbeats by manager")
        field = "metadata.annotations." + made.OWNER
        self.checks.equal({f["path"]: f["writes"] for f in said["fields"]},
                          {"spec.renewTime": wanted["kubelet"] - 2 + made.STORM_WRITES - 1, field: made.FIGHT_WRITES},
                          "fields that change")
        first = self.history.of("ctrl-a")[0].revision
        last = self.history.of("ctrl-b")[-1].revision
        window, said = self.rows("churn", "--by", "key", "--from", str(first), "--to", str(last))
        self.checks.equal(next(iter(window)), made.SHARED, "the key that is written most while they fight")
        most = said["fields"][0]
        self.checks.equal((window[made.SHARED]["writes"], most["path"], most["writes"]),
                          (made.FIGHT_WRITES, field, made.FIGHT_WRITES), "what changes most while they fight")
        said = self.kvctl.must("history", made.SHARED, "--diff", "--values", self.store)
        fight = [r for g in said["generations"] for r in g["revisions"]]
        wrote = self.history.of(key=made.SHARED)
        self.checks.equal([r["main"] for r in fight], [w.revision for w in wrote], "history: revisions")
        self.checks.equal([r["diff"]["writer"] for r in fight], [w.writer for w in wrote], "history: writers")
        self.checks.equal([r["time"] for r in fight], [rfc3339(w.seconds) for w in wrote], "history: times")
        turns = made.OWNER + ': "%s" -> "%s"'
        shown = self.text("history", made.SHARED, "--diff", "--values")
        self.checks.equal((shown.count(turns % ("ctrl-b", "ctrl-a")), shown.count(turns % ("ctrl-a", "ctrl-b"))),
                          (made.FIGHT_WRITES // 2 - 1, made.FIGHT_WRITES // 2), "history shows them in turn")

    def lease_storm(self):
        since, until = rfc3339(made.STORM_BEGIN), self.history.of("operator-0")[-1].revision
        leases, _ = self.rows("churn", "--by", "key", "--under", "/registry/leases/", "--since", since, "--to", str(until))
        storm = leases[made.OPERATOR]
        self.checks.equal(next(iter(leases)), made.OPERATOR, "the lease that is renewed most")
        self.checks.equal((storm["writes"], storm["heartbeats"]), (made.STORM_WRITES, made.STORM_WRITES - 1),
                          "renewals of a storm")
        wanted = made.STORM_WRITES * 3600 / ((made.STORM_WRITES - 1) * made.STORM_EVERY)
        self.checks.equal(storm["per_hour"], round(wanted, 2), "renewals an hour")
        resources, _ = self.rows("churn", "--by", "resource")
        self.checks.equal(resources["leases"]["writes"], len(self.history.of(key="/registry/leases/")), "writes of leases")

    def week_of_growth(self):
        ends = [made.BEGIN + n * made.WEEK - 1 for n in (1, made.GROWTH_WEEK, made.WEEKS)]
        boundaries = [self.at(rfc3339(end)) for end in ends]
        self.checks.equal(boundaries, [self.history.newest_at(end).revision for end in ends],
                          "timeline --at the end of a week")
        plotted = self.kvctl.on_terminal("timeline", self.store)
        start = next(i for i, line in enumerate(plotted) if line.startswith("writes in each 7 d"))
        weeks = [line.split()[:2] for line in plotted[start + 1:]]
        wanted = [[rfc3339(made.BEGIN + n * made.WEEK), "{:,}".format(len(self.history.week(n)))] for n in range(made.WEEKS)]
        self.checks.equal(weeks, wanted, "writes of each week")
        before = boundaries[1]
        since, _ = self.rows("churn", "--by", "manager", "--from", str(before + 1))
        self.checks.equal(next(iter(since)), "job-controller", "who writes since then")
        self.checks.equal(since["job-controller"]["writes"], len(self.history.of("job-controller")), "writes since then")
        code, said, _ = self.kvctl.json("diff", "--rev-a", str(before), "--rev-b", str(self.newest), self.store, self.store)
        pods = len(self.history.of(key=made.PODS))
        self.checks.equal((code, said["only_a"], said["only_b"]), (3, 0, pods), "diff: what came since")
        self.checks.equal(sorted(k["key"] for k in said["keys"] if k["side"] == "both"),
                          [made.APP, made.NODE_LEASES + "n1", made.NODE_LEASES + "n2"], "diff: what changed since")
        self.checks.equal({k["key"] for k in said["keys"] if k["side"] == "b"},
                          {w.key for w in self.history.of(key=made.PODS)}, "diff: the new keys")
        space = self.kvctl.must("du", "--by", "resource", "--top", "0", self.store)
        groups = {row["name"]: row for row in space["groups"]}
        self.checks.equal((groups["pods"]["live_keys"], groups["pods"]["history_bytes"]), (pods, 0), "du: pods")

    def at(self, time):
        return self.kvctl.must("timeline", "--at", time, self.store)["revision"]

    def clock(self):
        said = self.kvctl.must("timeline", self.store)
        last = self.history.writes[-1]
        self.checks.equal((said["dropped"], said["oldest"]["time"], said["newest"]),
                          (0, rfc3339(made.BEGIN), {"revision": last.revision, "time": rfc3339(last.seconds)}), "timeline")
        for w in self.history.writes[::801] + self.history.of("ctrl-b")[-1:]:
            of = self.kvctl.must("timeline", "--of", str(w.revision), self.store)
            self.checks.true(abs(instant(of["time"]) - w.seconds) <= (0 if w.value and w.key != made.CUT else 2 * made.DAY),
                             "the time of revision %d" % w.revision)
        for days in (7, 35):
            wanted = self.history.newest_at(last.seconds - days * made.DAY).revision
            plan = self.kvctl.must("compact", "--keep-within", "%dd" % days, "--dry-run", self.store)
            self.checks.true(0 <= wanted - plan["revisions"]["target"] <= 1, "keep-within %dd" % days)

    def objects(self):
        said = self.kvctl.must("get", made.CORPUS, "--prefix", "--decode", self.store)
        got = {base64.b64decode(kv["key"]).decode(): kv["object"] for kv in said["kvs"]}
        self.checks.equal(set(got), set(self.history.corpus), "objects of every kind")
        for key, wanted in self.history.corpus.items():
            if wanted["kind"] != "Secret":
                self.checks.equal(got.get(key), wanted, "get --decode of a " + wanted["kind"])
        first = self.history.of("ctrl-b")[0]
        said = self.kvctl.must("get", made.SHARED, "--rev", str(first.revision), "--decode", self.store)
        self.checks.equal(said["kvs"][0]["object"]["metadata"]["annotations"], {made.OWNER: "ctrl-b"}, "get --rev --decode")

    def audit(self):
        code, said, _ = self.kvctl.json("check", "--kubernetes", self.store)
        found = {(f["code"], f["revision"]) for f in said["findings"] if f["code"].startswith("kube-")}
        leases = [key for key, o in self.history.corpus.items() if o["kind"] == "Lease"]
        leases += [made.OPERATOR, made.NODE_LEASES + "n1", made.NODE_LEASES + "n2"]    # the last ones are half a day old
        of = lambda key: self.history.of(key=key)[-1].revision
        wanted = {("kube-stale-lease", of(key)) for key in leases}
        wanted |= {("kube-undecodable", of(made.CUT)), ("kube-other-name", of(made.STRAY))}
        self.checks.equal((code, found), (3, wanted), "check --kubernetes")

    def secrets(self):
        """Whatever was asked, nothing of a secret was said."""
        for words in (("get", made.SECRET, "--decode"), ("history", made.SECRET, "--decode"),
                      ("history", made.SECRET, "--diff", "--values"), ("du", "--by", "encryption"), ("du", "--by", "namespace"),
                      ("churn", "--by", "kind"), ("churn", "--by", "namespace"), ("timeline",), ("status",)):
            self.kvctl.must(*words, self.store)
            if words[0] in ("get", "history"):
                self.text(*words)
        hidden = made.HIDDEN.encode()
        for text in (hidden, base64.b64encode(hidden)):
            self.checks.true(b"token" in self.kvctl.said and text not in self.kvctl.said, "no secret in any output")
        revealed = self.text("get", made.SECRET, "--decode", "--reveal-secrets")
        self.checks.true(base64.b64encode(hidden).decode() in revealed, "unless asked")


def test(folder, checks):
    name = sys.argv[1]
    kvctl = Asking(find_kvctl())
    program, load, etcdctl = find_peer("KVCTL_STORIES", name), find_peer("KVCTL_LOAD", "load"), find_etcdctl()
    if name.startswith("kine"):
        server, store = make_kine(program, folder, etcdctl)
    else:
        server = make_server(program, folder, etcdctl, options=["--unsafe-no-fsync"])
        store = os.path.join(folder, "data", "member", "snap", "db")
    history = made.History()
    try:
        write_through(server, load, history, folder)
    finally:
        server.stop(signal.SIGKILL)
    judge = Judge(checks, kvctl, store, history)
    for part in (judge.two_controllers, judge.lease_storm, judge.week_of_growth, judge.clock, judge.objects, judge.audit,
                 judge.secrets):
        part()
    print("%s: %d writes of %d weeks, %d objects of the API's own"
          % (name, len(history.writes), made.WEEKS, len(history.corpus)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: kube_stories.py NAME")
    main(test)
