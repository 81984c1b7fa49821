"""Runs contenders in turn and keeps what each run took."""
import json
import os
import shutil
import statistics
import subprocess
from dataclasses import dataclass, field
from typing import Callable, Optional


class Failed(Exception):
    """A contender did not do its work."""


@dataclass
class Contender:
    """One side of a comparison: `command(store)` gives the words to run; `{new}` in them is a path that does not exist."""
    name: str
    command: Callable[[str], list]
    store: Optional[str] = None     # the file or folder it works on
    writes: bool = False            # gets a fresh copy of the store for each run
    removed: Optional[int] = None   # revisions that it must say it removed
    makes: Optional[str] = None     # where to leave the file it wrote, for other contenders
    runs: list = field(default_factory=list)
    skipped: str = ""

    def seconds(self):
        return sorted(r["seconds"] for r in self.runs)

    def median(self):
        return statistics.median(self.seconds())

    def processor(self):
        """What its threads took together: on a machine with other work the seconds that say something."""
        return statistics.median(r["user"] + r["system"] for r in self.runs)


def removed_by(answer):
    """How many revisions a program says it removed: kvctl's report or a contender's JSON line."""
    if "removed" in answer:
        return answer["removed"]["revisions"]
    return answer.get("rows")


def copy_store(source, target):
    """A copy whose pages are in memory and on disk, so that neither reading nor old writes disturb the run."""
    if os.path.isdir(target):
        shutil.rmtree(target)
    elif os.path.exists(target):
        os.unlink(target)
    for suffix in ("-wal", "-shm", "-journal"):
        if os.path.exists(target + suffix):
            os.unlink(target + suffix)
    if os.path.isdir(source):
        shutil.copytree(source, target)
        os.sync()
        return
    shutil.copyfile(source, target)
    with open(target, "rb+") as f:
        os.fsync(f.fileno())


def warm(path):
    """Reads a file or a folder's files, so that what ran in between has not taken them out of memory."""
    if os.path.isdir(path):
        for name in os.listdir(path):
            warm(os.path.join(path, name))
        return
    with open(path, "rb", buffering=0) as f:
        buffer = bytearray(1 << 20)
        while f.readinto(buffer):
            pass


class Runner:
    def __init__(self, stopwatch, work_folder, log):
        self.stopwatch, self.folder, self.log = stopwatch, work_folder, log

    def path(self, name):
        return os.path.join(self.folder, name)

    def once(self, contender, memory=False):
        """One run; returns the stopwatch's figures."""
        store = contender.store
        if contender.writes:
            store = self.path("store.db")
            copy_store(contender.store, store)
        elif store:
            warm(store)
        new = self.path("new.db")
        if os.path.exists(new):
            os.unlink(new)
        words = [w.replace("{new}", new) for w in contender.command(store)]
        result, answer = self.path("result.json"), self.path("answer")
        with open(answer, "wb") as out, open(self.path("errors"), "wb") as err:
            subprocess.run([self.stopwatch, result] + (["--memory"] if memory else []) + words, stdout=out, stderr=err,
                           check=True)
        with open(result) as f:
            figures = json.load(f)
        if figures["exit"] != 0:
            with open(self.path("errors"), errors="replace") as f:
                raise Failed("%s: exit %d: %s" % (contender.name, figures["exit"], f.read(300).strip()))
        if contender.removed is not None:
            with open(answer) as f:
                removed = removed_by(json.loads(f.read()))
            if removed != contender.removed:
                raise Failed("%s removed %s revisions, not %d" % (contender.name, removed, contender.removed))
        if contender.makes:
            os.replace(store if contender.writes else new, contender.makes)
        return figures

    def alternate(self, contenders, runs):
        """`runs` rounds, each with every contender once, after one round that is not counted. A contender that fails
        that round is left out with the reason."""
        for number in range(runs + 1):
            for contender in contenders:
                if contender.skipped:
                    continue
                try:
                    figures = self.once(contender)
                except Failed as failure:
                    contender.skipped = str(failure)
                    self.log("  left out: " + contender.skipped)
                    continue
                if number > 0:
                    contender.runs.append(figures)
                    self.log("  %-34s %9.3f s" % (contender.name, figures["seconds"]))
