"""The command line of the benchmark."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from . import cases, data, measure, report

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
HERE = os.path.join(SOURCE, "tests", "bench")


class Environment:
    """What the cases need to know: programs, stores, and how much is asked for."""

    def __init__(self, options, programs, kvctl, runner, log):
        self.scale, self.programs, self.kvctl, self.runner, self.log = options.scale, programs, kvctl, runner, log
        self.before = options.before and os.path.abspath(options.before)
        self.data = data.Data(programs, options.data, log)
        self.etcd = None

    def pick(self, quick, normal, full):
        return {"quick": quick, "normal": normal, "full": full}[self.scale]

    def etcd_mvcc(self, case):
        """The program around etcd's packages, built when it is first wanted; None, with a note in the case, when it
        cannot be built."""
        if self.etcd is None:
            built = os.path.join(self.data.folder, "etcd_mvcc")
            words = [self.programs["go"] or "go", "build", "-o", built, "."]
            try:
                done = subprocess.run(words, cwd=os.path.join(HERE, "etcd_mvcc"), capture_output=True, text=True)
                self.etcd = (built, "") if done.returncode == 0 else (None, done.stderr.strip()[-300:])
            except OSError as error:
                self.etcd = (None, str(error))
        if not self.etcd[0]:
            case.notes.append("etcd's mvcc package left out: it cannot be built here: " + self.etcd[1])
        return self.etcd[0]

    def etcd_server(self, case):
        """Debian's server and its etcdctl; None, with a note in the case, when they are not installed."""
        if not self.programs["etcd"] or not self.programs["etcdctl"]:
            case.notes.append("the etcd server is left out: etcd-server and etcd-client are not installed")
            return None
        return [os.path.join(HERE, "etcd_server.py"), self.programs["etcd"], self.programs["etcdctl"]]


def arguments():
    p = argparse.ArgumentParser(prog="tests/bench/run", description="Measures kvctl against every alternative.")
    scale = p.add_mutually_exclusive_group()
    scale.add_argument("--quick", dest="scale", action="store_const", const="quick", default="normal",
                       help="200 thousand rows, 3 runs: minutes, not for quoting")
    scale.add_argument("--full", dest="scale", action="store_const", const="full",
                       help="up to 10 million rows; wants 60 GB of disk and hours")
    p.add_argument("--only", default="", metavar="P1,P5", help="measure only what these targets need")
    p.add_argument("--leave-out", type=re.compile, metavar="REGEX",
                   help="comparisons and contenders that are not run, by their names in the table")
    p.add_argument("--runs", type=int, help="runs of each contender (default 5, quick 3)")
    p.add_argument("--build", default=os.path.join(SOURCE, "build"), help="build folder (default: build)")
    p.add_argument("--kvctl", default=os.environ.get("KVCTL"), help="kvctl to measure (default: $KVCTL or the build's)")
    p.add_argument("--before", metavar="BINARY", help="an earlier kvctl to compare with, for Q3")
    p.add_argument("--data", help="where to keep generated stores (default: BUILD/bench-data)")
    p.add_argument("--out", help="where to write results.md, results.json and plots (default: BUILD/bench-results)")
    options = p.parse_args()
    options.build = os.path.abspath(options.build)
    options.data = os.path.abspath(options.data or os.path.join(options.build, "bench-data"))
    options.out = os.path.abspath(options.out or os.path.join(options.build, "bench-results"))
    options.runs = options.runs or (3 if options.scale == "quick" else 5)
    known = set().union(*(ids for ids, _ in cases.GROUPS))
    options.only = set(filter(None, options.only.split(",")))
    if options.only - known:
        p.error("unknown target %s; there are %s" % (", ".join(options.only - known),
                                                     ", ".join(sorted(known, key=lambda i: (i[0], int(i[1:]))))))
    return options


def find_programs(build):
    programs = {}
    for key, name in (("gen_store", "kvctl_gen_store"), ("gen_raftlog", "kvctl_gen_raftlog"),
                      ("contender", "kvctl_bench_contender"), ("stopwatch", "kvctl_bench_stopwatch")):
        programs[key] = os.path.join(build, "tests", "bench", name)
        if not os.path.exists(programs[key]):
            raise SystemExit("bench: %s is not built; build the project with its tests first, or name --build" % name)
    programs["go"] = shutil.which("go") or next(filter(os.path.exists, ["/usr/local/go/bin/go"]), None)
    programs["etcd"], programs["etcdctl"] = shutil.which("etcd"), shutil.which("etcdctl")
    return programs


def main():
    options = arguments()
    programs = find_programs(options.build)
    kvctl = os.path.abspath(options.kvctl or os.path.join(options.build, "tools", "kvctl"))
    if not os.access(kvctl, os.X_OK):
        raise SystemExit("bench: no kvctl at %s; name one with --kvctl" % kvctl)

    def log(line):
        print(line, file=sys.stderr, flush=True)

    os.makedirs(options.out, exist_ok=True)
    os.makedirs(options.data, exist_ok=True)
    about = report.machine(programs, kvctl, SOURCE)
    measured, text = [], ""
    with tempfile.TemporaryDirectory(dir=options.data, prefix="work-") as work:
        runner = measure.Runner(programs["stopwatch"], work, log)
        env = Environment(options, programs, kvctl, runner, log)
        for ids, group in cases.GROUPS:
            if options.only and not ids & options.only:
                continue
            for case in group(env):
                if options.leave_out:
                    case.contenders = [c for c in case.contenders if not options.leave_out.search(c.name)]
                    if options.leave_out.search(case.title):
                        continue
                log(case.title)
                runner.alternate(case.contenders, options.runs)
                if case.finish:
                    case.finish(case, env)
                for name, svg in case.plots.items():
                    with open(os.path.join(options.out, name), "w") as f:
                        f.write(svg)
                measured.append(case)
                text = report.write(options.out, about, measured)  # kept when a later one is interrupted
    print(text)
    if any(c.skipped for case in measured for c in case.contenders):
        return 1
    missed = any(not f["reached"] for case in measured
                 for f in report.judged(case) + [f for f in case.figures if "reached" in f])
    return 3 if missed else 0
