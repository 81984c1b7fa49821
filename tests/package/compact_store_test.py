#!/usr/bin/env python3
"""What tools/package/compact-store calls, in which order, and that the service is started again whatever ends the run.

kvctl and systemctl are stubs that write down how they were called; no root, no service. With the path of kvctl: what
it does to a store, too."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools/package/compact-store"
# Of the dry run: exit $FORECAST. In the real run $SEND reaches the script, as from systemctl stop; kvctl ends behind it.
KVCTL = """#!/bin/sh
echo "kvctl $*" >>"$CALLS"
case "$*" in
*jsonl*) echo "$LOOK"; exit 0 ;;
*--dry-run*) exit "$FORECAST" ;;
esac
[ -z "${SEND:-}" ] || kill -s "$SEND" "$PPID"
exit "${WORK:-0}"
"""
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >>"$CALLS"
case "$*" in *is-active*) exit "${INACTIVE:-0}" ;; esac
"""
PLAN = "--keep-last 1000 --min-gain 10%"
OFFLINE, LIVE = PLAN + " --vacuum -- /db", "--live " + PLAN + " --max-time 1h -- /db"
FORECAST, WORK = "kvctl compact --dry-run --exit-code --quiet " + OFFLINE, "kvctl compact " + OFFLINE
SECOND = "kvctl compact --dry-run --write-out jsonl " + OFFLINE
LOOK = '{"type":"summary","result":"%s","size":{"file_before":%d,"file_after":%d,"file_after_vacuum":1,"predicted":true}}'
ACTIVE, STOP, START = "systemctl --quiet is-active k3s", "systemctl stop k3s", "systemctl start k3s"


def run(folder, shell, words=(), **environment):
    calls = folder / "calls"
    calls.write_text("")
    env = {"PATH": "%s:%s" % (folder, os.environ["PATH"]), "CALLS": str(calls), "FORECAST": "3", "STORE": "/db",
           "SERVICE": "k3s", **environment}
    done = subprocess.run([*shell, str(SCRIPT), *words], env=env, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, calls.read_text().splitlines()


def shrinks_free_space(kvctl, folder):
    """A store whose revisions are gone already and that is mostly free pages, by kvctl itself."""
    store = folder / "state.db"
    shutil.copy(ROOT / "testdata/stores/k3s-sample.db", store)
    (folder / "kvctl").symlink_to(kvctl)
    env = {"PATH": "%s:%s" % (folder, os.environ["PATH"]), "STORE": str(store)}
    subprocess.run([kvctl, "compact", "-q", "--strategy", "in-place", "--keep-last", "1000", str(store)], check=True)
    before = store.stat().st_size
    subprocess.run([str(SCRIPT)], env=env, stdout=subprocess.DEVNULL, check=True)
    after = store.stat().st_size
    again = subprocess.run([str(SCRIPT)], env=env, stdout=subprocess.PIPE, check=True)
    return after < before / 2 and not again.stdout


def main():
    failed = 0
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as name:
            if not shrinks_free_space(sys.argv[1], pathlib.Path(name)):
                failed += 1
                print("free space is left in a store without anything to remove")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for stub, text in (("kvctl", KVCTL), ("systemctl", SYSTEMCTL)):
            (folder / stub).write_text(text)
            (folder / stub).chmod(0o755)

        def expect(what, got, code, calls):
            nonlocal failed
            if got != (code, calls):
                failed += 1
                print("%s: exit %d, %s\n  instead of exit %d, %s" % (what, *got, code, calls))

        all_of_it = [FORECAST, ACTIVE, STOP, WORK, START]
        for shell in ((), ("bash", "--posix")) if os.path.exists("/bin/bash") else ((),):
            expect("the whole", run(folder, shell), 0, all_of_it)
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                expect(number.name, run(folder, shell, SEND=number.name[3:]), 128 + number, all_of_it)
            expect("kvctl fails", run(folder, shell, WORK="7"), 7, all_of_it)
            for what, look in (("too little", LOOK % ("below-min-gain", 9, 9)), ("nothing", LOOK % ("already-compacted", 9, 9)),
                               ("an answer that is none", "")):
                expect(what, run(folder, shell, FORECAST="0", LOOK=look), 0, [FORECAST, SECOND])
            expect("free space", run(folder, shell, FORECAST="0", LOOK=LOOK % ("already-compacted", 9, 5)), 0,
                   [FORECAST, SECOND] + all_of_it[1:])
            expect("refused", run(folder, shell, FORECAST="4"), 4, [FORECAST])
            expect("not running", run(folder, shell, INACTIVE="3"), 0, [FORECAST, ACTIVE, WORK])
            expect("no service", run(folder, shell, SERVICE=""), 0, [FORECAST, WORK])
            expect("no store", run(folder, shell, STORE=""), 0, [])
            expect("a look", run(folder, shell, ["--dry-run"]), 3, ["kvctl compact --dry-run " + OFFLINE])
            expect("live", run(folder, shell, LIVE="yes"), 0, ["kvctl compact " + LIVE])
            expect("live, ended", run(folder, shell, LIVE="yes", WORK="5"), 5, ["kvctl compact " + LIVE])
            expect("a look, live", run(folder, shell, ["--dry-run"], LIVE="yes"), 3, ["kvctl compact --dry-run " + LIVE])
            expect("not live", run(folder, shell, LIVE="no"), 0, all_of_it)
            expect("neither", run(folder, shell, LIVE="maybe"), 2, [])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
