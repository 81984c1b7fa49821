#!/usr/bin/env python3
"""What tools/package/compact-store calls, in which order, and that the service is started again whatever ends the run.

kvctl and systemctl are stubs that write down how they were called; no root, no service."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools/package/compact-store"
# Of the dry run: exit $FORECAST. In the real run $SEND reaches the script, as from systemctl stop; kvctl ends behind it.
KVCTL = """#!/bin/sh
echo "kvctl $*" >>"$CALLS"
case "$*" in *--dry-run*) exit "$FORECAST" ;; esac
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
ACTIVE, STOP, START = "systemctl --quiet is-active k3s", "systemctl stop k3s", "systemctl start k3s"


def run(folder, shell, words=(), **environment):
    calls = folder / "calls"
    calls.write_text("")
    env = {"PATH": "%s:%s" % (folder, os.environ["PATH"]), "CALLS": str(calls), "FORECAST": "3", "STORE": "/db",
           "SERVICE": "k3s", **environment}
    done = subprocess.run([*shell, str(SCRIPT), *words], env=env, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, calls.read_text().splitlines()


def main():
    failed = 0
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
            expect("too little", run(folder, shell, FORECAST="0"), 0, [FORECAST])
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
