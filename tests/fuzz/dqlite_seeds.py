#!/usr/bin/env python3
"""Writes the first inputs of the fuzz target dqlite_directory: dqlite_seeds.py FOLDER. Checksums are left for the target to make:
inputs are of even length."""
import os
import sqlite3
import struct
import sys
import tempfile

NAMES = ["metadata1", "metadata2", "open-1", "open-2", "closed 1-4", "closed 5-7", "snapshot 3", "meta 3", "snapshot 6",
         "meta 6", "corrupt-open-3"]
PAGE = 512


def word(n):
    return struct.pack("<Q", n)


def text(s):
    return s + b"\0" * (8 - len(s) % 8)


def states():
    """Four states of a small kine table, as lists of pages."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "db")
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA page_size = %d" % PAGE)
        db.execute("CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, deleted INTEGER, "
                   "create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB)")
        db.execute("CREATE UNIQUE INDEX k8s_dqlite_name_del_index ON kine (name, id DESC, deleted)")
        made = []
        for batch in ([(1, "compact_rev_key", 1, 0, 0, 0, b"", None), (2, "/a", 1, 0, 0, 0, b"v2", None)],
                      [(3, "/b", 1, 0, 0, 0, b"v" * 90, None), (4, "/a", 0, 0, 2, 2, b"v4", b"v2")],
                      [(5, "/b", 0, 1, 3, 3, b"v5", None), (6, "/c", 1, 0, 0, 0, b"w" * 700, None)],
                      [(7, "/a", 0, 0, 2, 4, b"v7", b"v4")]):
            for id_, name, created, deleted, create, prev, value, old in batch:
                db.execute("INSERT INTO kine VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
                           (id_, name, created, deleted, create, prev, value, old))
            with open(path, "rb") as f:
                data = bytearray(f.read())
            data[18] = data[19] = 2
            made.append([bytes(data[i:i + PAGE]) for i in range(0, len(data), PAGE)])
        db.close()
        return made


def frames(before, after, commit=1):
    changed = [i for i, p in enumerate(after) if i >= len(before) or before[i] != p]
    return (b"\1\2" + bytes(6) + text(b"k8s") + word(0) + struct.pack("<IBBH", 0, commit, 0, 0) +
            struct.pack("<IHH", len(changed), PAGE, 0) + b"".join(word(i + 1) for i in changed) +
            b"".join(after[i] for i in changed))


def segment(*batches):
    out = word(1)
    for batch in batches:
        headers = b"".join(struct.pack("<QB3xI", term, kind, len(data)) for term, kind, data in batch)
        out += bytes(8) + word(len(batch)) + headers + b"".join(data + bytes(-len(data) % 8) for _, _, data in batch)
    return out


def snapshot(pages):
    return word(1) + word(1) + text(b"k8s") + word(PAGE * len(pages)) + word(0) + b"".join(pages)


def wal_snapshot(pages):
    wal = struct.pack(">IIII", 0x377F0682, 3007000, PAGE, 0) + bytes(16)
    for i, page in enumerate(pages):
        wal += struct.pack(">II", i + 1, len(pages) if i + 1 == len(pages) else 0) + bytes(16) + page
    return word(1) + word(1) + text(b"k8s") + word(0) + word(len(wal)) + wal


CONFIGURATION = b"\1" + word(1) + word(1) + b"127.0.0.1:9001\0" + b"\1"
CONFIGURATION += bytes(-len(CONFIGURATION) % 8)
META = word(1) + word(0) + word(1) + word(len(CONFIGURATION)) + CONFIGURATION
METADATA = word(1) + word(1) + word(2) + word(1)


def seed(folder, name, **files):
    out = b""
    for key, data in files.items():
        which = NAMES.index(key.replace("_", " ").replace(" 1 4", " 1-4").replace(" 5 7", " 5-7"))
        out += struct.pack("<BH", which, len(data)) + data
    if len(out) % 2:
        out += b"\0"
    with open(os.path.join(folder, name), "wb") as f:
        f.write(out)


def main(folder):
    one, two, three, four = states()
    conf, open_ = (1, 3, CONFIGURATION), (1, 1, b"\1\1" + bytes(6) + text(b"k8s"))
    first = segment([conf, open_], [(1, 1, frames([], one))], [(1, 2, b"barrier!")])
    second = segment([(1, 1, frames(one, two)), (2, 2, bytes(8))], [(2, 1, frames(two, three))])
    third = segment([(2, 1, frames(three, four))]) + bytes(64)
    seed(folder, "log-alone", metadata1=METADATA, closed_1_4=first, closed_5_7=second)
    seed(folder, "snapshot-and-log", metadata1=METADATA, snapshot_3=snapshot(one), meta_3=META, closed_1_4=first,
         closed_5_7=second)
    seed(folder, "snapshot-in-a-wal", metadata1=METADATA, snapshot_3=wal_snapshot(one), meta_3=META, closed_1_4=first,
         closed_5_7=second)
    seed(folder, "open-segments", metadata1=METADATA, snapshot_6=snapshot(three), meta_6=META,
         **{"open-1": third, "open-2": bytes(64)})
    seed(folder, "undone", metadata1=METADATA, snapshot_6=snapshot(three), meta_6=META,
         **{"open-1": segment([(2, 1, frames(three, four, 0)), (2, 1, b"\1\3" + bytes(14))], [(2, 1, frames(three, four))])})
    seed(folder, "set-aside", metadata1=METADATA, snapshot_6=snapshot(three), meta_6=META, **{"corrupt-open-3": third})


main(sys.argv[1])
