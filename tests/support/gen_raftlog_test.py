#!/usr/bin/env python3
"""Holds generated raft logs against one another: gen_raftlog_test.py PATH-OF-kvctl_gen_raftlog

The three forms must hold the same entries, and the WAL's frames and checksums must be whole."""
import base64
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

GENERATOR = sys.argv.pop(1)
ENTRIES = 3000

CRC = []
for number in range(256):
    for _ in range(8):
        number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
    CRC.append(number)


def crc32c(crc, data):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def fields(data):
    """A protobuf message as {field: value}; a repeated field keeps its last value."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            found[tag >> 3] = varint()
        else:
            size = varint()
            found[tag >> 3] = data[at:at + size]
            at += size
    return found


def wal_entries(folder):
    entries, crc, last_state = [], 0, None
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        at = 0
        while at < len(data):
            length, = struct.unpack_from("<Q", data, at)
            if length == 0:
                assert not any(data[at:])
                break
            size, padding = length & (1 << 56) - 1, (length >> 56) & 7 if length >> 63 else 0
            record = fields(data[at + 8:at + 8 + size])
            at += 8 + size + padding
            assert at % 8 == 0
            if record[1] == 4:
                assert record[2] == crc
                continue
            crc = crc32c(crc, record[3])
            assert record[2] == crc
            if record[1] == 2:
                entry = fields(record[3])
                entries.append((entry[3], entry[2], entry.get(4, b"")))
            elif record[1] == 3:
                last_state = fields(record[3])
    return entries, last_state


class GeneratedLogs(unittest.TestCase):
    def test_all_forms_hold_the_same_entries(self):
        with tempfile.TemporaryDirectory() as folder:
            path = {}
            for form in ("wal", "dump", "jsonl"):
                path[form] = os.path.join(folder, form)
                subprocess.run([GENERATOR, "--format", form, "--entries", str(ENTRIES), "--value-size", "30",
                                path[form]], check=True)
            entries, state = wal_entries(path["wal"])
            self.assertEqual([e[0] for e in entries], list(range(1, ENTRIES + 1)))
            self.assertEqual((state[1], state[3]), (2, ENTRIES))

            with open(path["jsonl"]) as f:
                head, *lines = [json.loads(line) for line in f]
            self.assertEqual(head["hard_state"]["commit"], ENTRIES)
            self.assertEqual([(x["index"], x["term"], base64.b64decode(x["data"])) for x in lines], entries)

            with open(path["dump"]) as f:
                rows = [line.split("\t") for line in f if line.startswith("   ")]
            self.assertEqual([(int(r[1]), int(r[0])) for r in rows], [e[:2] for e in entries])
            for row, (_, _, data) in zip(rows[2:], entries[2:]):
                request = fields(data)
                name = {4: "put:<", 5: "delete_range:<", 6: "txn:<", 8: "lease_grant:<"}[min(request)]
                self.assertTrue(row[3].startswith("header:<ID:%d > %s" % (fields(request[100])[1], name)), row[3][:80])

    def test_wrong_options_are_refused(self):
        for options in (["--format", "other", "x"], ["--entries", "x", "x"], ["--format", "wal"], ["--unknown", "1", "x"]):
            self.assertEqual(subprocess.run([GENERATOR, *options], capture_output=True).returncode, 2, options)


if __name__ == "__main__":
    unittest.main()
