"""Kubernetes objects as the API server stores them, out of real ones: renamed, with other times, writers, annotations.

A message is a list of fields, [number, wire type, value] each: an int, or bytes that may be a message again."""
import calendar
import glob
import json
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.join(HERE, "..", "..", "..", "testdata", "kube")
MAGIC = b"k8s\0"
FIXED = {1: 8, 5: 4}    # wire types of a size


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def instant(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def read_varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return n, at


def fields_of(message):
    fields, at = [], 0
    while at < len(message):
        tag, at = read_varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = read_varint(message, at)
        else:
            size, at = (FIXED[wire], at) if wire in FIXED else read_varint(message, at)
            value, at = message[at:at + size], at + size
        fields.append([number, wire, value])
    return fields


def message_of(fields):
    out = b""
    for number, wire, value in fields:
        out += varint(number << 3 | wire)
        if wire == 0:
            out += varint(value)
        elif wire == 2:
            out += varint(len(value)) + value
        else:
            out += value
    return out


def text(number, value):
    return [number, 2, value.encode() if isinstance(value, str) else value]


def get(fields, number, default=b""):
    return next((value for n, _, value in fields if n == number), default)


def replaced(fields, number, new):
    """The fields with all of one number replaced, in the order of numbers."""
    return sorted([f for f in fields if f[0] != number] + new, key=lambda f: f[0])


def moment(seconds):
    return message_of([[1, 0, seconds], [2, 0, 0]])


class Writer:
    """An entry of managedFields."""

    def __init__(self, name, seconds, owns):
        self.name, self.seconds, self.owns = name, seconds, owns

    def message(self):
        return message_of([text(1, self.name), text(2, "Update"), text(3, "v1"), text(4, moment(self.seconds)),
                           text(6, "FieldsV1"), text(7, message_of([text(1, json.dumps(self.owns))]))])

    def json(self):
        return {"manager": self.name, "operation": "Update", "apiVersion": "v1", "time": rfc3339(self.seconds),
                "fieldsType": "FieldsV1", "fieldsV1": self.owns}


class Pair:
    """A .pb file of the API server's and the .json beside it."""

    def __init__(self, path):
        with open(path, "rb") as f:
            stored = f.read()
        if not stored.startswith(MAGIC):
            raise ValueError(path)
        self.envelope = fields_of(stored[len(MAGIC):])
        self.type = fields_of(get(self.envelope, 1))
        self.kind = get(self.type, 2).decode()
        self.body = fields_of(get(self.envelope, 2))
        with open(path[:-len(".pb")] + ".json", encoding="utf-8") as f:
            self.json = json.load(f)

    def has_metadata(self):
        """Can be stored under a name; reviews and a Status cannot."""
        return "name" in self.json.get("metadata", {})

    def stored(self, namespace, name, created, writers, annotations=None, change=None, kind=None):
        """What the API server would store; `change` takes and gives the fields of the object's own message."""
        meta = fields_of(get(self.body, 1))
        for number, new in ((1, [text(1, name)]), (3, [text(3, namespace)]), (8, [text(8, moment(created))]),
                            (17, [text(17, w.message()) for w in writers])):
            meta = replaced(meta, number, new)
        if annotations is not None:
            meta = replaced(meta, 12, [text(12, message_of([text(1, k), text(2, v)])) for k, v in annotations.items()])
        body = replaced(self.body, 1, [text(1, message_of(meta))])
        envelope = replaced(self.envelope, 2, [text(2, message_of(change(body) if change else body))])
        if kind:
            envelope = replaced(envelope, 1, [text(1, message_of(replaced(self.type, 2, [text(2, kind)])))])
        return MAGIC + message_of(envelope)

    def shown(self, namespace, name, created, writers):
        """What the API server would answer for it."""
        meta = {**self.json["metadata"], "name": name, "namespace": namespace, "creationTimestamp": rfc3339(created),
                "managedFields": [w.json() for w in writers]}
        return {**self.json, "metadata": meta}


def lease_spec(holder, seconds, renewed):
    """A Lease's own fields."""
    def change(body):
        return replaced(body, 2, [text(2, message_of([text(1, holder), [2, 0, seconds], text(4, moment(renewed))]))])
    return change


def own(name):
    return Pair(os.path.join(TESTDATA, name + ".pb"))


def custom(api_version, kind, namespace, name, created, writers, spec):
    """A custom resource: JSON."""
    meta = {"name": name, "namespace": namespace, "creationTimestamp": rfc3339(created),
            "managedFields": [w.json() for w in writers]}
    return json.dumps({"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}).encode()


def api_pairs():
    """Every object of k8s.io/api's testdata; those of our own making where Go cannot give it."""
    folder = TESTDATA
    try:
        said = subprocess.run(["go", "mod", "download", "-json", "k8s.io/api@v0.37.2"], cwd="/", capture_output=True,
                              timeout=20, check=True,
                              env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/local/go/bin"})
        folder = os.path.join(json.loads(said.stdout)["Dir"], "testdata", "HEAD")
    except (OSError, ValueError, subprocess.SubprocessError):
        print("no k8s.io/api to be had from Go: the objects of testdata/kube alone")
    pairs = [Pair(path) for path in sorted(glob.glob(os.path.join(folder, "*.pb")))]
    return [p for p in pairs if p.has_metadata()]
