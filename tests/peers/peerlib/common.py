"""What the end-to-end tests share: finding programs, running them on loopback for a bounded time, counting checks."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SKIPPED = 77        # told to CTest as SKIP_RETURN_CODE
STEP_SECONDS = 60   # no single command may take longer
START_SECONDS = 60
ANSWERS = (b"rpc not supported for learner", b"serializable is not implemented by kine")    # a server that is up
PATIENT = ("--dial-timeout", "20s", "--command-timeout", "50s")     # etcdctl, on a machine that has other work


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIPPED)


def find_kvctl():
    path = os.environ.get("KVCTL", "")
    if not os.access(path, os.X_OK):
        skip("no kvctl: set KVCTL to the binary to test")
    return os.path.abspath(path)


def find_peer(variable, name):
    """A server: named by an environment variable, built by install.sh, or in the path."""
    candidates = [os.environ.get(variable), os.path.join(os.environ.get("KVCTL_PEERS", "peers"), name),
                  shutil.which(name)]
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return os.path.abspath(path)
    skip("no %s: run tests/peers/install.sh FOLDER and set KVCTL_PEERS, or set %s" % (name, variable))


def find_etcdctl():
    path = os.environ.get("KVCTL_ETCDCTL") or shutil.which("etcdctl")
    if not path:
        skip("no etcdctl (Debian: etcd-client)")
    return path


def idle():
    """Long enough for a server to put down what it does in its own time (etcd commits every 100 ms, kine polls each
    second): how a machine looks that was switched off while nobody wrote."""
    time.sleep(1.3)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Failure(Exception):
    """A peer or kvctl did not do what the test needs to go on."""


class Checks:
    """Counts comparisons and keeps those that failed."""

    def __init__(self):
        self.count, self.failed = 0, []

    def equal(self, got, wanted, what):
        self.count += 1
        if got != wanted:
            self.failed.append("%s: got %s, wanted %s" % (what, repr(got)[:400], repr(wanted)[:400]))

    def true(self, condition, what):
        self.equal(bool(condition), True, what)

    def finish(self):
        for line in self.failed[:20]:
            print("FAILED: " + line)
        print("%d checks, %d failed" % (self.count, len(self.failed)))
        if self.failed:
            return 1
        return 0 if self.count else SKIPPED


class Server:
    """A server process on loopback. Its output goes to a file that is shown when it does not come up."""

    def __init__(self, words, endpoint, etcdctl, folder, environment=None):
        self.words, self.endpoint, self.folder = words, endpoint, folder
        self.environment = {**os.environ, **(environment or {})}
        self.etcdctl = Etcdctl(etcdctl, endpoint)
        self.process = None

    def start(self):
        with open(os.path.join(self.folder, "server.log"), "ab") as log:
            self.process = subprocess.Popen(self.words, cwd=self.folder, stdout=log, stderr=log,
                                            env=self.environment)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            if self.ready():
                return
            time.sleep(0.05)
        self.stop(signal.SIGKILL)
        with open(os.path.join(self.folder, "server.log"), errors="replace") as log:
            raise Failure("%s did not start:\n%s" % (self.words[0], log.read()[-2000:]))

    def ready(self):
        """Answers; also where it may not answer this client, or has never heard from the others of its cluster (what
        asks them of etcd, a serializable read, kine refuses before 0.16)."""
        asked = self.etcdctl.run("get", "/ready?", "--consistency", "s", "--command-timeout", "2s", check=False)
        return asked.returncode == 0 or any(words in asked.stderr for words in ANSWERS)

    def stop(self, with_signal=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure("%s did not stop" % self.words[0])
        self.process = None


class Etcdctl:
    def __init__(self, program, endpoint):
        self.program, self.endpoint = program, endpoint
        self.user = []      # ["--user", "name:password"] once authentication is on

    def run(self, *words, stdin="", check=True):
        done = subprocess.run([self.program, "--endpoints", self.endpoint, *PATIENT, *self.user, *words], input=stdin.encode(),
                              capture_output=True, timeout=STEP_SECONDS, env={**os.environ, "ETCDCTL_API": "3"})
        if check and done.returncode != 0:
            raise Failure("etcdctl %s: %s" % (" ".join(words), done.stderr.decode(errors="replace")[:500]))
        return done

    def json(self, *words, stdin=""):
        out = self.run(*words, "-w", "json", stdin=stdin).stdout
        return json.loads(out)

    def error(self, *words):
        """What it says when it fails; empty when it does not."""
        done = self.run(*words, check=False)
        return done.stderr.decode(errors="replace") if done.returncode else ""

    def txn(self, compare, success, failure=()):
        """One transaction; each list holds lines of etcdctl's own language. Returns (succeeded, revision)."""
        text = "\n".join([*compare, "", *success, "", *failure, "", ""])
        answer = self.json("txn", stdin=text)
        return answer.get("succeeded", False), answer["header"]["revision"]

    def watch_until(self, revision, last, prefix, timeout=20):
        """The events of a watch from `revision` on, up to the one at `last`; or the text of the refusal."""
        process = subprocess.Popen(
            [self.program, "--endpoints", self.endpoint, "watch", prefix, "--prefix", "--prev-kv", "--rev",
             str(revision), "-w", "json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "ETCDCTL_API": "3"})
        stop = threading.Timer(timeout, process.kill)
        stop.start()
        events = []
        try:
            for line in process.stdout:
                events += [event(e) for e in json.loads(line).get("Events", [])]
                if events and events[-1]["mod_revision"] >= last:
                    break
            else:
                refusal = process.stderr.read().decode(errors="replace")
                process.wait()
                return events, refusal
        finally:
            stop.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
        return events, ""


def event(raw):
    """A watch event without what may differ between two equal answers."""
    previous = raw.get("prev_kv")
    return {"type": raw.get("type", 0), "mod_revision": raw["kv"]["mod_revision"], "kv": raw["kv"],
            "prev": previous and previous.get("value"), "prev_revision": previous and previous["mod_revision"]}


def text(encoded):
    return base64.b64decode(encoded).decode(errors="surrogateescape")


class Kvctl:
    def __init__(self, program):
        self.program = program

    def run(self, *words):
        return subprocess.run([self.program, *words], capture_output=True, timeout=STEP_SECONDS)

    def json(self, *words):
        """(exit code, document or None, standard error)."""
        done = self.run(*words, "-w", "json")
        try:
            document = json.loads(done.stdout)
        except ValueError:
            document = None
        return done.returncode, document, done.stderr.decode(errors="replace")

    def must(self, *words):
        code, document, errors = self.json(*words)
        if code != 0 or document is None:
            raise Failure("kvctl %s: exit %d: %s" % (" ".join(words), code, errors[:500]))
        return document


def main(test):
    """Runs `test(folder, checks)` in a folder of its own; whatever it started must be down when it returns."""
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="kvctl-peer-") as folder:
        try:
            test(folder, checks)
        except (Failure, subprocess.TimeoutExpired) as failure:
            checks.failed.append(str(failure))
    sys.exit(checks.finish())
