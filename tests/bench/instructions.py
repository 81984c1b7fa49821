#!/usr/bin/env python3
"""Counts the instructions of dry runs on fixed small stores: instructions.py KVCTL GEN_STORE SAMPLE [--update]

Callgrind's count does not depend on how busy the machine is. More than 10 % above what instructions.json has is a
failure; --update writes what was counted there. Exits 77 without valgrind, or where SQLite is another than the one that
was counted with."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
ALLOWED = 1.10
REVISIONS, KEYS = 20_000, 2_000


def count(folder, *words):
    """Instructions of one run, or None with the reason printed."""
    log = os.path.join(folder, "log")
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + os.path.join(folder, "out"),
                           "--log-file=" + log, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with open(log, errors="replace") as f:
        text = f.read()
    collected = re.search(r"Collected : (\d+)", text)
    if done.returncode != 0 or not collected:
        sys.exit("%s: exit %d: %s%s" % (" ".join(words), done.returncode, done.stderr[-500:], text[-500:]))
    return int(collected.group(1))


def main(kvctl, gen_store, sample, *options):
    if not shutil.which("valgrind"):
        print("skipped: no valgrind")
        return 77
    sqlite = json.loads(subprocess.run([kvctl, "version", "-w", "json"], check=True, capture_output=True).stdout)["sqlite"]
    with tempfile.TemporaryDirectory(prefix="kvctl-instructions-") as folder:
        native = os.path.join(folder, "native.db")
        subprocess.run([gen_store, "--layout", "native", "--revisions", str(REVISIONS), "--keys", str(KEYS), native],
                       check=True, stdout=subprocess.DEVNULL)
        counted = {
            "dry run, native, %d revisions" % REVISIONS:
                count(folder, kvctl, "compact", "--rev", str(REVISIONS * 9 // 10), "--dry-run", native),
            "dry run, the sample kine store":
                count(folder, kvctl, "compact", "--keep-last", "1000", "--dry-run", sample),
        }
    if "--update" in options:
        with open(RECORD, "w") as f:
            json.dump({"sqlite": sqlite, **counted}, f, indent=1)
            f.write("\n")
    with open(RECORD) as f:
        known = json.load(f)
    if known["sqlite"] != sqlite:
        print("skipped: counted with SQLite %s, here is %s" % (known["sqlite"], sqlite))
        return 77
    worst = 0
    for name, instructions in counted.items():
        ratio = instructions / known[name]
        worst = max(worst, ratio)
        print("%-40s %12d instructions, %.3f of the recorded %d" % (name, instructions, ratio, known[name]))
    return 1 if worst > ALLOWED else 0


sys.exit(main(*sys.argv[1:]))
