"""What is compared with what: a function a group of the targets P1 to P14 and Q1 to Q11 (README.md lists them)."""
import os
import shutil
from dataclasses import dataclass, field
from typing import Callable, Optional

from . import plot
from .data import Store
from .measure import Contender


@dataclass
class Target:
    """`side` must not take more than `limit` times what `against` takes."""
    id: str
    side: str
    against: str
    limit: float


@dataclass
class Case:
    id: str
    title: str
    contenders: list
    targets: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    figures: list = field(default_factory=list)     # targets that are no ratio of two medians
    plots: dict = field(default_factory=dict)       # file name: SVG
    finish: Optional[Callable] = None               # called with (case, environment) after the runs


def figure(ident, side, against, ratio, limit):
    return {"id": ident, "side": side, "against": against, "ratio": ratio, "limit": limit, "reached": ratio <= limit}


def kvctl_compact(env, name, store, target, removed, *options, writes=False, makes=None, binary=None):
    words = ["compact", "--rev", str(target), "-w", "json", *options]
    return Contender(name, lambda s: [binary or env.kvctl, *words, s], store.path, writes=writes, removed=removed,
                     makes=makes)


def program(env, name, store_path, *words, removed=None, writes=False):
    """A contender of ours: the first word is its name, STORE stands for the store."""
    return Contender(name, lambda s: [env.programs["contender"], *(s if w == "STORE" else w for w in words)],
                     store_path, writes=writes, removed=removed)


def cat(path, name="cat of the file"):
    """Reads a file, or the files of a folder, and throws the bytes away."""
    files = '"$0"/*' if os.path.isdir(path) else '"$0"'
    return Contender(name, lambda s: ["sh", "-c", "exec cat %s >/dev/null" % files, s], path)


def dry_native(env):
    """P1, P4: a dry run against a bare scan, cat, SQL and etcd itself."""
    for name in env.pick(quick=["native-200k"], normal=["native-2m"],
                         full=["native-2m", "native-10m", "native-large-values"]):
        store = env.data.store(name)
        target, removed = store.point(0.9)
        case = Case("P1", "dry run, %s" % name, [
            kvctl_compact(env, "kvctl", store, target, removed, "--dry-run"),
            program(env, "bare scan", store.path, "scan-native", "STORE"),
            program(env, "bare scan, mmap", store.path, "scan-native-mmap", "STORE"),
            program(env, "SQL: count and bytes", store.path, "count-native", "STORE", str(target), removed=removed),
            cat(store.path)])
        case.targets.append(Target("P1", "kvctl", "bare scan", 1.3))
        if env.before:
            case.contenders.append(kvctl_compact(env, "kvctl before", store, target, removed, "--dry-run",
                                                 binary=env.before))
            case.targets.append(Target("Q3", "kvctl", "kvctl before", 1 / 2))
        if name in ("native-200k", "native-2m"):
            etcd = env.etcd_mvcc(case)
            if etcd:
                bolt = env.data.bbolt(store, etcd)
                case.contenders.append(Contender("etcd mvcc: open, restore", lambda s: [etcd, "restore", s], bolt))
                case.notes.append("etcd's keep set is not reachable from outside its package and is left out, in its favour")
                case.targets.append(Target("P4", "kvctl", "etcd mvcc: open, restore", 1 / 8))
                server = env.etcd_server(case)
                if server:
                    members = env.data.etcd_dir(store, etcd, env.programs["etcdctl"])
                    case.contenders.append(Contender("etcd server: start to ready", lambda s: [*server, s], members,
                                                     writes=True))
                    case.targets.append(Target("P4", "kvctl", "etcd server: start to ready", 1 / 8))
        yield case


def dry_kine(env):
    """P2, P3: a dry run on a k3s-like store."""
    for name in env.pick(quick=["kine-200k"], normal=["kine-1m"], full=["kine-1m", "kine-5m"]):
        store = env.data.store(name)
        target, removed = store.point(0.96)

        def sql(title, contender):
            return program(env, title, store.path, contender, "STORE", str(target), removed=removed)

        yield Case("P2", "dry run, %s" % name, [
            kvctl_compact(env, "kvctl", store, target, removed, "--dry-run"),
            program(env, "bare scan", store.path, "scan-kine", "STORE"),
            program(env, "bare scan, mmap", store.path, "scan-kine-mmap", "STORE"),
            sql("SQL: window over each name", "count-kine-window"),
            sql("SQL: not in the newest of each name", "count-kine-hand"),
            sql("SQL: exists a successor", "count-kine-exists"),
            sql("SQL: kine's own set", "count-kine-set"),
            cat(store.path)],
            [Target("P2", "kvctl", "bare scan", 1.3),
             Target("P3", "kvctl", "SQL: window over each name", 1 / 5), Target("Q2", "kvctl", "cat of the file", 1)],
            ["P3 is judged against the query that needs no knowledge of kine's links; those that follow kine's indexes "
             "do less than a scan does, and stand here for comparison"])


def shrink_kine(env):
    """P5, P6: give back nearly everything."""
    for name in env.pick(quick=["kine-200k"], normal=["kine-1m"], full=["kine-1m"]):
        store = env.data.store(name)
        target, removed = store.point(0.96)
        result = env.runner.path("result-of-kvctl.db")
        at = str(target)
        yield Case("P5", "compact --vacuum, %s, %.0f %%" % (name, 100 * removed / store.rows), [
            kvctl_compact(env, "kvctl", store, target, removed, "--vacuum", writes=True, makes=result),
            program(env, "bare scan", store.path, "scan-kine", "STORE"),
            program(env, "kine's set in SQL, VACUUM", store.path, "kine-set-vacuum", "STORE", at, removed=removed,
                    writes=True),
            program(env, "kine's set in SQL, VACUUM INTO", store.path, "kine-set-vacuum-into", "STORE", at, "{new}",
                    removed=removed, writes=True),
            program(env, "kine's batches of 1000, VACUUM", store.path, "kine-batches-vacuum", "STORE", at,
                    removed=removed, writes=True),
            program(env, "hand-written SQL, VACUUM", store.path, "newest-of-each-name-vacuum", "STORE", writes=True),
            program(env, "VACUUM INTO, nothing removed", store.path, "vacuum-into", "STORE", "{new}", writes=True),
            program(env, "cp + fsync of the result", result, "copy", "STORE", "{new}")],
            [Target("P5", "kvctl", "kine's set in SQL, VACUUM", 1 / 20), Target("P6", "kvctl", "bare scan", 3),
             Target("Q1", "kvctl", "kine's set in SQL, VACUUM", 0.033)])


def shrink_kine_little(env):
    """P7: most rows stay; and the middle, for the record."""
    for name in env.pick(quick=["kine-200k"], normal=["kine-1m"], full=["kine-1m"]):
        store = env.data.store(name)
        for share in (0.08, 0.5):
            target, removed = store.point(share)
            result = env.runner.path("result-of-kvctl.db")
            yield Case("P7", "compact --vacuum, %s, %.0f %%" % (name, 100 * removed / store.rows), [
                kvctl_compact(env, "kvctl", store, target, removed, "--vacuum", writes=True, makes=result),
                program(env, "kine's set in SQL, VACUUM", store.path, "kine-set-vacuum", "STORE", str(target),
                        removed=removed, writes=True),
                program(env, "kine's set in SQL, VACUUM INTO", store.path, "kine-set-vacuum-into", "STORE", str(target),
                        "{new}", removed=removed, writes=True),
                program(env, "cp + fsync of the result", result, "copy", "STORE", "{new}")],
                [Target("P7", "kvctl", "kine's set in SQL, VACUUM", 1 / 2)] if share == 0.08 else [])


def shrink_native(env):
    """P8: against etcd's start, compaction and defragmentation; and smaller shares, for the record."""
    for name in env.pick(quick=["native-200k"], normal=["native-2m"], full=["native-2m"]):
        store = env.data.store(name)
        for share in (0.9, 0.5, 0.1):
            target, removed = store.point(share)
            result = env.runner.path("result-of-kvctl.db")
            case = Case("P8", "compact --vacuum, %s, %.0f %%" % (name, 100 * removed / store.rows), [
                kvctl_compact(env, "kvctl", store, target, removed, "--vacuum", writes=True, makes=result),
                program(env, "SQL, VACUUM", store.path, "native-sql-vacuum", "STORE", str(target), removed=removed,
                        writes=True),
                program(env, "VACUUM INTO, nothing removed", store.path, "vacuum-into", "STORE", "{new}", writes=True),
                program(env, "cp + fsync of the result", result, "copy", "STORE", "{new}")])
            etcd = env.etcd_mvcc(case) if share == 0.9 else None
            if etcd:
                bolt = env.data.bbolt(store, etcd)
                at = str(target)
                case.contenders.append(Contender("etcd mvcc: restore, compact, defrag",
                                                 lambda s, at=at: [etcd, "compact", s, at], bolt, writes=True))
                case.targets.append(Target("P8", "kvctl", "etcd mvcc: restore, compact, defrag", 1 / 6))
                server = env.etcd_server(case)
                if server:
                    members = env.data.etcd_dir(store, etcd, env.programs["etcdctl"])
                    case.contenders.append(Contender("etcd server: start, compact, defrag",
                                                     lambda s, at=at: [*server, s, at], members, writes=True))
            yield case


def in_place_native(env):
    """P9: a few rows go, the file keeps its size."""
    for name in env.pick(quick=["native-200k"], normal=["native-2m"], full=["native-2m"]):
        store = env.data.store(name)
        target, removed = store.point(0.1)
        yield Case("P9", "compact in place, %s, 10 %%" % name, [
            kvctl_compact(env, "kvctl", store, target, removed, "--strategy", "in-place", writes=True),
            program(env, "bare scan", store.path, "scan-native", "STORE"),
            program(env, "SQL", store.path, "native-sql", "STORE", str(target), removed=removed, writes=True)],
            [Target("P9", "kvctl", "bare scan", 2)])


def memory(env):
    """P10: what a dry run keeps in memory."""
    for name in env.pick(quick=["native-200k"], normal=["native-10m"],
                         full=["native-10m", "native-large-values", "kine-5m"]):
        store = env.data.store(name)
        target, removed = store.point(0.5)
        run = kvctl_compact(env, "kvctl", store, target, removed, "--dry-run")

        def finish(case, env, name=name, store=store, run=run):
            if run.skipped:
                return
            floor = env.runner.once(Contender("floor", lambda s: [env.kvctl, "--version"]), memory=True)
            peak = env.runner.once(run, memory=True)
            key = store.key_bytes / store.rows
            own = 1024 * (peak["peak_anonymous_kib"] - floor["peak_anonymous_kib"]) / store.rows
            resident = 1024 * (peak["max_rss_kib"] - floor["max_rss_kib"]) / store.rows
            entry = figure("P10", "bytes a revision beyond its share of the keys", "32", own - key, 32)
            if name != "native-10m":
                del entry["reached"]    # the target is this store's; in a small one the process's own few MB count
            case.figures.append(entry)
            case.notes.append("above the process's floor: %.1f bytes a revision of memory of its own (%.1f of them for "
                              "each key once), %.1f with pages of mapped files, which the kernel may drop" % (
                                  own, key, resident))

        yield Case("P10", "memory of a dry run, %s" % name, [run], finish=finish)


def growth(env):
    """P11: time a row from small stores to large ones."""
    natives = env.pick(quick=["50k", "100k", "200k"], normal=["200k", "500k", "1m", "2m"],
                       full=["200k", "500k", "1m", "2m", "5m", "10m"])
    sizes = {"native": natives, "bbolt": natives,
             "kine": env.pick(quick=["50k", "100k", "200k"], normal=["200k", "500k", "1m"],
                              full=["200k", "500k", "1m", "2m", "5m", "10m"])}
    for layout, names in sizes.items():
        case = Case("P11", "growth, %s" % layout, [])
        etcd = env.etcd_mvcc(case) if layout == "bbolt" else None
        floor = "cat" if layout == "bbolt" else "bare scan"
        series = {"kvctl, dry run": [], "kvctl, compact --vacuum": [], floor: []}
        for size in names:
            if layout == "bbolt" and not etcd:
                break
            store = env.data.store("%s-%s" % ("kine-small-values" if layout == "kine" else "native", size))
            target, removed = store.point(0.9)
            if layout == "bbolt":
                store = Store(env.data.bbolt(store, etcd), store.said)
            for title, contender in (
                    ("kvctl, dry run", kvctl_compact(env, "dry run, " + size, store, target, removed, "--dry-run")),
                    ("kvctl, compact --vacuum", kvctl_compact(env, "compact --vacuum, " + size, store, target, removed,
                                                              "--vacuum", writes=True)),
                    (floor, cat(store.path, "cat, " + size) if layout == "bbolt" else
                     program(env, "bare scan, " + size, store.path, "scan-" + layout, "STORE"))):
                series[title].append((store.rows, contender))

        def finish(case, env, layout=layout, series=series):
            lines = {}
            for title, points in series.items():
                measured = [(rows, 1e9 * c.median() / rows) for rows, c in points if c.runs]
                if len(measured) > 1:
                    lines[title] = measured
                    values = [v for _, v in measured]
                    entry = figure("P11", "%s %s, ns a row" % (layout, title), "smallest",
                                   max(values) / min(values), 1.3)
                    if not title.startswith("kvctl"):
                        del entry["reached"]    # for comparison
                        case.notes.append("the %s itself grows by %.2f a row" % (title, entry["ratio"]))
                    case.figures.append(entry)
            if lines:
                name = "growth-%s.svg" % layout
                case.plots[name] = plot.growth("Time a row, %s stores, 90 %% removed" % layout, "ns a row", lines)
                case.notes.append("plot: " + name)

        case.contenders = [c for points in series.values() for _, c in points]
        case.finish = finish
        yield case


def logs(env):
    """P12: readers of raft logs."""
    entries = env.pick(quick=50_000, normal=500_000, full=2_000_000)
    for form, title, limit in (("wal", "a WAL directory", 4), ("dump", "dump text", 8), ("jsonl", "JSON Lines", 8)):
        path = env.data.log_file(form, entries)
        yield Case("P12", "raft log, %s, %d entries" % (title, entries), [
            Contender("kvctl", lambda s: [env.kvctl, "raft", "-w", "json", s], path),
            cat(path, "cat")],
            [Target("P12", "kvctl", "cat", limit)])


def hash_native(env):
    """P13: HashKV reads every value."""
    for name in env.pick(quick=["native-200k"], normal=["native-2m"],
                         full=["native-2m", "native-large-values"]):
        store = env.data.store(name)
        yield Case("P13", "hash, %s" % name, [
            Contender("kvctl", lambda s: [env.kvctl, "hash", "-w", "json", s], store.path),
            program(env, "bare scan with values", store.path, "scan-native-values", "STORE"),
            program(env, "bare scan with values, mmap", store.path, "scan-native-values-mmap", "STORE"),
            cat(store.path)],
            [Target("P13", "kvctl", "bare scan with values", 1.2)])


def dqlite(env):
    """P14: a directory laid together is its files read, and the database written once."""
    for name, log in env.pick(quick=[("kine-50k", 40 << 20)], normal=[("kine-100k", 80 << 20)],
                              full=[("kine-100k", 80 << 20), ("kine-1m", 400 << 20)]):
        store = env.data.store(name)
        path = env.data.dqlite_dir(store, log)
        floor = 'cat "$0"/* >/dev/null && cat "$1" >"$2" && rm "$2"'
        made = env.runner.path("database")
        unpacked = 'cat "$0"/0* >/dev/null && lz4 -dcq "$0"/snapshot-2-1-1000 >"$1" && rm "$1"'
        case = Case("P14", "a dqlite directory of %d MB, %s" % (
            sum(e.stat().st_size for e in os.scandir(path)) >> 20, name), [
                Contender("kvctl", lambda s: [env.kvctl, "get", "-w", "json", "/registry/health", s], path),
                Contender("cat, and the database written once",
                          lambda s: ["sh", "-c", floor, s, store.path, made], path),
                cat(path)],
            [Target("P14", "kvctl", "cat, and the database written once", 1.5)])
        if shutil.which("lz4"):
            case.contenders.append(Contender("cat of the log, lz4 -d of the snapshot",
                                             lambda s: ["sh", "-c", unpacked, s, made], path))
        yield case


def check(env):
    """Q6, Q7: everything that `check` looks at, against SQLite's own check of its pages and indexes."""
    for ident, limit, names in (("Q6", 1.5, env.pick(quick=["native-200k"], normal=["native-1m"], full=["native-1m"])),
                                ("Q7", 1.0, env.pick(quick=["kine-200k"], normal=["kine-1m"], full=["kine-1m"]))):
        for name in names:
            store = env.data.store(name)
            yield Case(ident, "check, %s" % name, [
                Contender("kvctl", lambda s: [env.kvctl, "check", "-w", "json", s], store.path),
                program(env, "PRAGMA integrity_check", store.path, "integrity-check", "STORE")],
                [Target(ident, "kvctl", "PRAGMA integrity_check", limit)])


def kubernetes(env):
    """Q9: one pass over the values, by SQLite, and with all that is told from them."""
    rows = env.pick(quick=200_000, normal=1_000_000, full=1_000_000)
    path = env.data.kube(rows)
    scan = "bare scan with values"
    case = Case("Q9", "Kubernetes objects, kine, %d rows" % rows, [
        Contender("kvctl churn", lambda s: [env.kvctl, "churn", "--by", "manager", "-w", "json", s], path),
        Contender("kvctl timeline", lambda s: [env.kvctl, "timeline", "-w", "json", s], path),
        program(env, scan, path, "scan-kine-values", "STORE"),
        cat(path)], [Target("Q9", "kvctl churn", scan, 2), Target("Q9", "kvctl timeline", scan, 2)])

    def finish(case, _env):
        seconds = {c.name: c.processor() for c in case.contenders if c.runs}
        for side in ("kvctl churn", "kvctl timeline"):
            if {side, scan} <= set(seconds):
                case.notes.append("processor time, all threads: %s / %s = %.2f s / %.2f s = %.3f" % (
                    side, scan, seconds[side], seconds[scan], seconds[side] / seconds[scan]))

    case.finish = finish
    yield case


def etcd_db(env):
    """Q4, Q5: compaction and defragmentation of an etcd db in one."""
    for name in env.pick(quick=["native-200k"], normal=["native-2m"], full=["native-2m"]):
        store = env.data.store(name)
        target, removed = store.point(0.9)
        case = Case("Q4", "compact, an etcd db, %s, 90 %%" % name, [])
        etcd = env.etcd_mvcc(case)
        if etcd:
            db = env.data.bbolt(store, etcd)
            at, result = str(target), env.runner.path("result-of-kvctl.db")
            words = [env.kvctl, "compact", "--rev", at, "-w", "json", "-o", "{new}"]
            case.contenders += [
                Contender("kvctl", lambda s, words=words: [*words, s], db, removed=removed, makes=result),
                Contender("etcd mvcc: restore, compact, defrag", lambda s, at=at: [etcd, "compact", s, at], db, writes=True),
                cat(db), program(env, "cp + fsync of the result", result, "copy", "STORE", "{new}")]
            case.targets = [Target("Q4", "kvctl", "etcd mvcc: restore, compact, defrag", 1 / 20)]
            case.finish = against_both("Q5", 1.5)
        yield case


def conversions(env):
    """Q11: a store of another layout out of one."""
    for name, to in ((env.pick("native-200k", "native-2m", "native-2m"), "native"),
                     (env.pick("kine-200k", "kine-1m", "kine-1m"), "bbolt")):
        store = env.data.store(name)
        case = Case("Q11", "import to %s, %s" % (to, name), [])
        source = store.path
        if to == "native":
            etcd = env.etcd_mvcc(case)
            if not etcd:
                yield case
                continue
            source = env.data.bbolt(store, etcd)
        result = env.runner.path("result-of-kvctl.db")
        case.contenders += [
            Contender("kvctl", lambda s, to=to: [env.kvctl, "import", "-q", "--to", to, "-o", "{new}", s], source,
                      makes=result),
            cat(source), program(env, "cp + fsync of the result", result, "copy", "STORE", "{new}")]
        case.finish = against_both("Q11", 3)
        yield case


def against_both(ident, limit):
    """A figure for kvctl against reading the source and writing the result, one after the other."""
    def finish(case, env):
        by_name = {c.name: c for c in case.contenders if c.runs}
        if {"kvctl", "cat of the file", "cp + fsync of the result"} <= set(by_name):
            floor = by_name["cat of the file"].median() + by_name["cp + fsync of the result"].median()
            case.figures.append(figure(ident, "kvctl", "cat + cp and fsync of the result",
                                       by_name["kvctl"].median() / floor, limit))
    return finish


# Which targets each group measures.
GROUPS = [({"P1", "P4", "Q3"}, dry_native), ({"P2", "P3", "Q2"}, dry_kine), ({"P5", "P6", "Q1"}, shrink_kine),
          ({"P7"}, shrink_kine_little), ({"P8"}, shrink_native), ({"P9"}, in_place_native), ({"P10"}, memory),
          ({"P11"}, growth), ({"P12"}, logs), ({"P13"}, hash_native), ({"Q6", "Q7"}, check), ({"Q9"}, kubernetes),
          ({"Q4", "Q5"}, etcd_db), ({"Q11"}, conversions), ({"P14"}, dqlite)]
