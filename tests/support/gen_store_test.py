#!/usr/bin/env python3
"""Holds generated stores against their contract: gen_store_test.py PATH-OF-kvctl_gen_store

The figures that the generator prints must follow from the rows it wrote, the rows must form a valid history, and the
same options must give the same bytes."""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import unittest

GENERATOR = sys.argv.pop(1)

KINE_SET = """
SELECT count(*) FROM kine AS o WHERE (o.deleted <> 0 AND o.id <= :t) OR EXISTS (
  SELECT 1 FROM kine AS n WHERE n.prev_revision = o.id AND n.id <= :t AND n.name <> 'compact_rev_key')"""


class GeneratedStores(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def generate(self, name, *options):
        path = os.path.join(self.folder.name, name)
        done = subprocess.run([GENERATOR, *options, path], capture_output=True, check=True)
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        self.addCleanup(db.close)
        return json.loads(done.stdout), db, path

    def test_kine_shares_are_what_the_server_would_remove(self):
        for age in ("v0.1", "v0.5", "v0.14.13", "v0.16.3"):
            with self.subTest(age):
                said, db, _ = self.generate(age, "--layout", "kine", "--rows", "3000", "--schema-age", age,
                                            "--value-size", "20-60", "--gap-share", "0.01", "--removable-share", "0.5")
                self.assertEqual(db.execute("SELECT count(*), max(id) FROM kine").fetchone(), (3000, said["current"]))
                for point in said["shares"][:2] + [said["keep_1000"], said["at_current"]]:
                    removed = db.execute(KINE_SET, {"t": point["revision"]}).fetchone()[0]
                    self.assertEqual(removed, point["removed"], point)
                self.assertAlmostEqual(said["keep_1000"]["removed"] / 3000, 0.5, delta=0.1)

    def test_kine_rows_form_one_chain_a_key(self):
        for age in ("v0.1", "v0.16.3"):
            with self.subTest(age):
                _, db, _ = self.generate("chain" + age, "--layout", "kine", "--rows", "5000", "--schema-age", age,
                                         "--value-size", "20-60")
                newest = {}
                for rid, name, created, deleted, created_at, before, value, old in db.execute(
                        "SELECT id, name, created, deleted, create_revision, prev_revision, value, old_value"
                        " FROM kine WHERE name <> 'compact_rev_key' AND name NOT LIKE 'gap-%' ORDER BY id"):
                    last = newest.get(name)
                    live = last is not None and not last["deleted"]
                    self.assertEqual(bool(created), not live)
                    self.assertEqual(before, last["id"] if last else 0)
                    self.assertEqual(old, last["value"] if last else None)
                    if live and not deleted:
                        self.assertEqual(created_at, last["created_at"])
                    newest[name] = {"id": rid, "deleted": deleted, "value": value,
                                    "created_at": rid if created else created_at}
                self.assertGreater(len(newest), 100)

    def test_kine_file_is_left_as_a_server_leaves_it(self):
        _, db, path = self.generate("wal", "--layout", "kine", "--rows", "500")
        with open(path, "rb") as f:
            self.assertEqual(f.read(20)[18:], b"\2\2")
        self.assertEqual(db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'kine'").fetchone(), (500,))
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchone(), ("ok",))

    def test_native_history_and_its_shares(self):
        said, db, _ = self.generate("native", "--layout", "native", "--revisions", "8000", "--keys", "300",
                                    "--value-size", "0-40", "--txn-share", "0.1", "--raft-entries", "500")
        state, ends = {}, []
        rows = db.execute("SELECT * FROM revision ORDER BY main, sub").fetchall()
        for main, _, tombstone, key, created, version, _, value in rows:
            live = state.get(key)
            if tombstone:
                self.assertIsNotNone(live)
                self.assertEqual((created, version, value), (0, 0, None))
                ends += [main, main]
                state[key] = None
            else:
                self.assertEqual((created, version), (live[0], live[1] + 1) if live else (main, 1))
                ends += [main] if live else []
                state[key] = (created, version)
        self.assertEqual((said["rows"], said["current"]), (8000, rows[-1][0]))
        self.assertEqual((said["keys"], said["key_bytes"]), (len(state), sum(map(len, state))))
        for point in said["shares"][:3] + [said["keep_1000"], said["at_current"]]:
            self.assertEqual(sum(1 for e in ends if e <= point["revision"]), point["removed"], point)
        meta = dict(db.execute("SELECT name, value FROM meta"))
        first, last, count = db.execute("SELECT min(idx), max(idx), count(*) FROM raft_entry").fetchone()
        self.assertEqual((count, last - first), (500, 499))
        self.assertEqual((meta["raft_snapshot_index"] + 1, meta["raft_commit"], meta["consistent_index"]),
                         (first, last, last))

    def test_native_key_index_and_sizes(self):
        _, db, _ = self.generate("key", "--layout", "native", "--revisions", "2000", "--keys", "100", "--key-index",
                                 "--value-size", "64", "--page-size", "16384")
        self.assertEqual(db.execute("PRAGMA page_size").fetchone(), (16384,))
        self.assertEqual(db.execute("SELECT count(*) FROM pragma_index_list('revision')").fetchone(), (2,))
        self.assertEqual(db.execute("SELECT DISTINCT length(value) FROM revision WHERE NOT tombstone").fetchall(),
                         [(64,)])

    def test_same_options_give_the_same_bytes(self):
        for layout, size in (("kine", "--rows"), ("native", "--revisions")):
            files = []
            for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
                _, _, path = self.generate(layout + name, "--layout", layout, size, "2000", "--seed", seed)
                with open(path, "rb") as f:
                    files.append(f.read())
            self.assertEqual(files[0], files[1])
            self.assertNotEqual(files[0], files[2])

    def test_wrong_options_are_refused(self):
        for options in (["--layout", "kine", "--rows", "x"], ["--layout", "other"], ["--rows", "100"],
                        ["--layout", "kine", "--schema-age", "v9"], ["--layout", "native", "--keys", "0"],
                        ["--layout", "kine", "--unknown"]):
            path = os.path.join(self.folder.name, "refused")
            done = subprocess.run([GENERATOR, *options, path], capture_output=True)
            self.assertEqual(done.returncode, 2, options)
            self.assertFalse(os.path.exists(path), options)


if __name__ == "__main__":
    unittest.main()
