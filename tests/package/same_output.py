#!/usr/bin/env python3
"""same_output.py KVCTL OTHER: two builds of kvctl, of two processors maybe, say and write the same, to the byte.

Runs the inspecting commands over the stores, logs and objects of testdata and compares what is printed and the exit codes;
then has each write (a compaction in place and into a new file, an import into every layout, a shortened raft log) and
compares the files. Ends with a line "N passed, N failed".
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(ROOT, "testdata")
# What no two runs have in common.
TIMES = re.compile(rb'"duration_ms":\s*\d+|took \d+ ms|at \d{4}-\d\d-\d\dT[\d:]+Z\. It holds|kvctl_store_scrape_timestamp_seconds\{.*')


def run(program, args, folder):
    done = subprocess.run([program] + args, cwd=folder, capture_output=True, timeout=600)
    return done.returncode, TIMES.sub(b"", done.stdout), TIMES.sub(b"", done.stderr)


def files(folder):
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "**"), recursive=True)):
        if os.path.isfile(path):
            with open(path, "rb") as content:
                found[os.path.relpath(path, folder)] = TIMES.sub(b"", content.read())
    return found


def commands():
    """Each: what to copy into the folder, and the commands to run there one after another."""
    kine = os.path.join(DATA, "stores", "k3s-sample.db")
    look = [["status", "s.db"], ["status", "-w", "json", "s.db"], ["status", "-w", "prometheus", "s.db"],
            ["du", "-w", "json", "s.db"], ["du", "--depth", "3", "s.db"], ["check", "-w", "json", "s.db"],
            ["index", "-w", "json", "s.db"], ["export", "s.db"], ["churn", "-w", "json", "s.db"],
            ["get", "", "--prefix", "-w", "json", "s.db"], ["report", "s.db", "-o", "page.html"],
            ["compact", "--keep-last", "1000", "--dry-run", "--list", "-w", "json", "s.db"]]
    yield kine, look
    yield kine, [["compact", "--keep-last", "1000", "--vacuum", "-w", "json", "s.db"], ["check", "-w", "json", "s.db"]]
    yield kine, [["compact", "--rev", "2000", "--batch", "100", "s.db"]]
    yield kine, [["compact", "--rev", "3000", "-o", "new.db", "s.db"]]
    for layout in ("native", "bbolt", "snapshot"):
        yield kine, [["import", "s.db", "-o", "n.db", "--to", layout, "-w", "json"], ["hash", "-w", "json", "n.db"],
                     ["status", "-w", "json", "n.db"], ["check", "-w", "json", "n.db"],
                     ["compact", "--keep-last", "500", "-w", "json", "n.db"], ["hash", "n.db"],
                     ["report", "n.db", "-o", "page.html"]]
    for log in sorted(glob.glob(os.path.join(DATA, "raftlogs", "*"))):
        if os.path.isfile(log):
            yield log, [["raft", "-w", "jsonl", "s.db"], ["raft", "compact", "s.db", "--index", "5", "-o", "n"]]


def main():
    programs = [os.path.abspath(p) for p in sys.argv[1:3]]
    passed = failed = 0
    for source, all_args in commands():
        seen = []
        with tempfile.TemporaryDirectory() as folder:
            for program in programs:
                own = os.path.join(folder, "run")  # the same name for both: it may be printed
                os.mkdir(own)
                shutil.copy(source, os.path.join(own, "s.db"))
                said = [run(program, args, own) for args in all_args]
                seen.append((said, files(own)))
                shutil.rmtree(own)
        for args, one, other in zip(all_args, seen[0][0], seen[1][0]):
            if one == other:
                passed += 1
            else:
                failed += 1
                print("%s of %s: exit %d and %d, %s" % (" ".join(args), os.path.basename(source), one[0], other[0],
                                                      other[2].decode("utf-8", "replace")[:200] or "another output"))
        if seen[0][1] == seen[1][1]:
            passed += 1
        else:
            failed += 1
            names = [n for n in set(seen[0][1]) | set(seen[1][1]) if seen[0][1].get(n) != seen[1][1].get(n)]
            print("%s of %s: %s differ" % (all_args[0][0], os.path.basename(source), ", ".join(sorted(names))))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


main()
