"""dqlite's client protocol: words of eight bytes, little endian; a message is a header (words of the body, type, schema) and a
body. Only what the tests ask."""
import socket
import struct

LEADER, CLIENT, OPEN, EXEC_SQL, QUERY_SQL, ADD, ASSIGN = 0, 1, 3, 8, 9, 12, 13
FAILURE, SERVER, DATABASE, RESULT, ROWS = 0, 1, 4, 6, 7
SPARE, VOTER = 2, 0                     # roles, as a client names them: 0 voter, 1 standby, 2 spare
INTEGER, FLOAT, TEXT, BLOB, NULL = 1, 2, 3, 4, 5
MORE = 0xEEEEEEEEEEEEEEEE               # behind the rows of a part
VERSION = 1


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__("%d: %s" % (code, message))
        self.code = code


def padded(data):
    return data + b"\0" * (-len(data) % 8)


def text(s):
    return padded(s.encode() + b"\0")


def parameters(values):
    """Their types, a byte each behind a count, then the values."""
    types, body = [], b""
    for v in values:
        if v is None:
            types.append(NULL)
            body += bytes(8)
        elif isinstance(v, int):
            types.append(INTEGER)
            body += struct.pack("<q", v)
        elif isinstance(v, bytes):
            types.append(BLOB)
            body += struct.pack("<Q", len(v)) + padded(v)
        else:
            types.append(TEXT)
            body += text(v)
    return padded(bytes([len(types)] + types)) + body if types else b""


class Body:
    def __init__(self, data):
        self.data, self.at = data, 0

    def word(self):
        self.at += 8
        return struct.unpack_from("<Q", self.data, self.at - 8)[0]

    def text(self):
        end = self.data.index(b"\0", self.at)
        found = self.data[self.at:end].decode()
        self.at += (end - self.at + 8) // 8 * 8
        return found

    def value(self, kind):
        if kind == TEXT:
            return self.text()
        if kind == BLOB:
            size = self.word()
            self.at += (size + 7) // 8 * 8
            start = self.at - (size + 7) // 8 * 8
            return self.data[start:start + size]
        bits = struct.pack("<Q", self.word())
        return None if kind == NULL else struct.unpack("<d" if kind == FLOAT else "<q", bits)[0]


class Client:
    """A connection to one node."""

    def __init__(self, address, timeout=20):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.socket.sendall(struct.pack("<Q", VERSION))
        self.database = None

    def close(self):
        self.socket.close()

    def receive(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the node closed the connection")
            data += part
        return bytes(data)

    def answer(self):
        words, kind, _, _ = struct.unpack("<IBBH", self.receive(8))
        body = Body(self.receive(8 * words))
        if kind == FAILURE:
            raise Refused(body.word(), body.text())
        return kind, body

    def ask(self, kind, body):
        self.socket.sendall(struct.pack("<IBBH", len(body) // 8, kind, 0, 0) + body)
        return self.answer()

    def leader(self):
        """Its address; empty while there is none."""
        _, body = self.ask(LEADER, bytes(8))
        body.word()
        return body.text()

    def open(self, name):
        _, body = self.ask(OPEN, text(name) + bytes(8) + text(""))
        self.database = body.word() & 0xFFFFFFFF

    def execute(self, sql, *values):
        """The id of the row that was inserted last."""
        _, body = self.ask(EXEC_SQL, struct.pack("<Q", self.database) + text(sql) + parameters(values))
        return body.word()

    def query(self, sql, *values):
        kind, body = self.ask(QUERY_SQL, struct.pack("<Q", self.database) + text(sql) + parameters(values))
        rows = []
        while True:
            columns = body.word()
            for _ in range(columns):
                body.text()
            while True:
                mark = struct.unpack_from("<Q", body.data, body.at)[0]
                if mark & 0xFF in (0xFF, 0xEE):
                    break
                types = body.data[body.at:body.at + (columns + 1) // 2]
                body.at += (columns + 15) // 16 * 8
                kinds = [types[i // 2] >> (4 * (i % 2)) & 15 for i in range(columns)]
                rows.append(tuple(body.value(k) for k in kinds))
            if mark != MORE:
                return rows
            kind, body = self.answer()

    def add(self, node, address):
        self.ask(ADD, struct.pack("<Q", node) + text(address))

    def assign(self, node, role):
        self.ask(ASSIGN, struct.pack("<QQ", node, role))
