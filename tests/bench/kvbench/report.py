"""What was measured, as a table for people and as JSON for machines."""
import datetime
import json
import os
import platform
import re
import subprocess


def output_of(*words, cwd=None):
    try:
        done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def first_match(pattern, path):
    with open(path) as f:
        found = re.search(pattern, f.read())
    return found.group(1).strip() if found else ""


def machine(programs, kvctl, source_folder):
    """Where and with what the figures were made."""
    commit = output_of("git", "rev-parse", "--short=12", "HEAD", cwd=source_folder)
    changed = bool(output_of("git", "status", "--porcelain", "--untracked-files=no", cwd=source_folder))
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit + (" with changes" if changed else ""),
        "kvctl": output_of(kvctl, "--version").split("\n")[0],
        "cpu": first_match(r"model name\s*:\s*(.*)", "/proc/cpuinfo"),
        "cores": os.cpu_count(),
        "memory_gib": round(int(first_match(r"MemTotal:\s*(\d+)", "/proc/meminfo")) / (1 << 20), 1),
        "kernel": platform.release(),
        "system": first_match(r'PRETTY_NAME="(.*)"', "/etc/os-release"),
        "sqlite": output_of("sqlite3", "--version").split(" ")[0],
        "compiler": output_of("c++", "--version").split("\n")[0],
        "etcd": output_of("etcd", "--version").split("\n")[0],
        "go": output_of(programs["go"], "version") if programs.get("go") else "",
        "load_before": os.getloadavg()[0],
    }


def judged(case):
    """The targets of a case whose both sides ran: list of dicts."""
    by_name = {c.name: c for c in case.contenders if c.runs}
    result = []
    for target in case.targets:
        ours, theirs = by_name.get(target.side), by_name.get(target.against)
        if ours and theirs:
            ratio = ours.median() / theirs.median()
            result.append({"id": target.id, "side": target.side, "against": target.against, "ratio": ratio,
                           "limit": target.limit, "reached": ratio <= target.limit})
    return result


def case_table(case):
    """Markdown rows: median, spread, and how many times kvctl's median."""
    lines = ["### %s" % case.title, "", "| contender | median s | min | max | noise | x kvctl | peak MiB |",
             "|---|---|---|---|---|---|---|"]
    first = next((c for c in case.contenders if c.runs), None)
    for c in case.contenders:
        if not c.runs:
            lines.append("| %s | - | | | | | |" % c.name)
            continue
        s = c.seconds()
        lines.append("| %s | %.3f | %.3f | %.3f | %.0f %% | %.2f | %.0f |" % (
            c.name, c.median(), s[0], s[-1], 100 * (s[-1] - s[0]) / c.median(), c.median() / first.median(),
            max(r["max_rss_kib"] for r in c.runs) / 1024))
    skipped = [c for c in case.contenders if c.skipped]
    lines += [""] + ["- left out: %s" % c.skipped for c in skipped]
    lines += ["- %s: %s / %s = %.3f, target <= %.3f: **%s**" % (
        j["id"], j["side"], j["against"], j["ratio"], j["limit"], "reached" if j["reached"] else "MISSED")
        for j in judged(case)]
    lines += ["- " + note for note in case.notes]
    return "\n".join(lines) + "\n"


def as_json(case):
    return {
        "id": case.id, "title": case.title, "targets": judged(case), "notes": case.notes, "figures": case.figures,
        "contenders": [{"name": c.name, "skipped": c.skipped or None, "runs": c.runs,
                        **({"median": c.median(), "min": c.seconds()[0], "max": c.seconds()[-1]} if c.runs else {})}
                       for c in case.contenders]}


def summary(cases):
    lines = ["### Targets", "", "| # | measured | ratio | target | |", "|---|---|---|---|---|"]
    for case in cases:
        for j in judged(case) + [f for f in case.figures if "reached" in f]:
            lines.append("| %s | %s: %s : %s | %.3f | <= %.3f | %s |" % (
                j["id"], case.title, j["side"], j["against"], j["ratio"], j["limit"],
                "reached" if j["reached"] else "MISSED"))
    return "\n".join(lines) + "\n"


def write(folder, about, cases):
    """results.md and results.json in `folder`; returns the text."""
    text = "".join("- %s: %s\n" % item for item in about.items() if item[1] != "") + "\n"
    text += summary(cases) + "\n" + "\n".join(case_table(c) for c in cases)
    with open(os.path.join(folder, "results.md"), "w") as f:
        f.write(text)
    with open(os.path.join(folder, "results.json"), "w") as f:
        json.dump({"machine": about, "cases": [as_json(c) for c in cases]}, f, indent=1)
    return text
