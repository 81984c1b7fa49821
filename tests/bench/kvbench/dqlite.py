"""Writes a dqlite data directory around a kine store: a snapshot of it, and a log that writes pages of it again."""
import ctypes
import os
import random
import struct
import zlib

PAGE = 4096
PAGES = 6           # of a transaction
BATCHES = 512       # of a segment


class _FrameInfo(ctypes.Structure):
    _fields_ = [("block_size", ctypes.c_int), ("block_mode", ctypes.c_int), ("content_checksum", ctypes.c_int),
                ("frame_type", ctypes.c_int), ("content_size", ctypes.c_ulonglong), ("dictionary", ctypes.c_uint),
                ("block_checksum", ctypes.c_int)]


class _Preferences(ctypes.Structure):
    _fields_ = [("frame", _FrameInfo), ("level", ctypes.c_int), ("auto_flush", ctypes.c_uint),
                ("favor_speed", ctypes.c_uint), ("reserved", ctypes.c_uint * 3)]


def compress(data):
    lz4 = ctypes.CDLL("liblz4.so.1")
    lz4.LZ4F_compressFrameBound.restype = lz4.LZ4F_compressFrame.restype = ctypes.c_size_t
    wanted = _Preferences()
    wanted.frame.content_checksum = 1
    wanted.frame.content_size = len(data)
    room = lz4.LZ4F_compressFrameBound(ctypes.c_size_t(len(data)), ctypes.byref(wanted))
    out = ctypes.create_string_buffer(room)
    size = lz4.LZ4F_compressFrame(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), ctypes.byref(wanted))
    return out.raw[:size]


MIRROR = bytes(int("{:08b}".format(i)[::-1], 2) for i in range(256))


def crc(data):
    """Most significant bit first, from 0: zlib's over mirrored bytes, without what it adds at either end."""
    mirrored = zlib.crc32(data.translate(MIRROR), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int("{:032b}".format(mirrored)[::-1], 2)


def word(n):
    return struct.pack("<Q", n)


def text(s):
    return s + b"\0" * (8 - len(s) % 8)


def batch(data):
    header = struct.pack("<QQB3xI", 1, 2, 1, len(data))
    return struct.pack("<II", crc(header), crc(data)) + header + data


def write(database, folder, log_bytes):
    """The directory's bytes, about: the snapshot's and `log_bytes`."""
    os.makedirs(folder)
    with open(database, "rb") as f:
        pages = bytearray(f.read())
    pages[18] = pages[19] = 2
    pages = bytes(pages)
    configuration = b"\1" + word(1) + word(1) + b"127.0.0.1:9001\0\1"
    configuration += bytes(-len(configuration) % 8)
    covered = word(1) + word(len(configuration)) + configuration

    def put(name, content):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content)

    put("snapshot-2-1-1000", compress(word(1) + word(1) + text(b"k8s") + word(len(pages)) + word(0) + pages))
    put("snapshot-2-1-1000.meta", word(1) + word(crc(covered)) + covered)
    put("metadata1", word(1) + word(1) + word(2) + word(1))
    dice = random.Random(5)
    index = 2
    while log_bytes > 0:
        segment = word(1)
        for _ in range(BATCHES):
            numbers = sorted(dice.sample(range(2, len(pages) // PAGE + 1), PAGES))
            segment += batch(b"\1\2" + bytes(6) + text(b"k8s") + word(0) + struct.pack("<IBBHIHH", 0, 1, 0, 0, PAGES, PAGE, 0) +
                             b"".join(word(n) for n in numbers) +
                             b"".join(pages[PAGE * (n - 1):PAGE * n] for n in numbers))
        put("%016d-%016d" % (index, index + BATCHES - 1), segment)
        index += BATCHES
        log_bytes -= len(segment)
