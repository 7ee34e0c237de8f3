"""A small IMAP client for tests that look at every byte: pipelining, literals, responses as nested lists."""
import re

import loft

_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n$")


class Imap:
    def __init__(self, server, user=None):
        self.socket = server.connect()
        self.file = self.socket.makefile("rb", buffering=1 << 20)
        self.count = 0
        self.greeting = self.file.readline()
        if user:
            self.ok(f'LOGIN {user} "{loft.PASSWORD}"')

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def raw(self):
        """One response as bytes, literals included, without its last CRLF."""
        out = b""
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError(f"connection ended after {out[-200:]!r}")
            out += line
            m = _LITERAL.search(line)
            if not m:
                return out[:-2]
            out += self.file.read(int(m.group(1)))

    def tag(self):
        self.count += 1
        return f"t{self.count}"

    def start(self, command):
        tag = self.tag()
        self.send(tag.encode() + b" " + (command.encode() if isinstance(command, str) else command) + b"\r\n")
        return tag

    def until(self, tag):
        """Responses up to the tagged one: (list of untagged, tagged)."""
        untagged = []
        while True:
            line = self.raw()
            if line.startswith(tag.encode() + b" "):
                return untagged, line[len(tag) + 1 :]
            untagged.append(line)

    def run(self, command):
        return self.until(self.start(command))

    def ok(self, command):
        untagged, tagged = self.run(command)
        assert tagged.startswith(b"OK"), f"{str(command)[:200]}: {tagged!r}"
        return untagged

    def code(self, command):
        """The response code of a tagged OK."""
        _, tagged = self.run(command)
        assert tagged.startswith(b"OK"), f"{str(command)[:200]}: {tagged!r}"
        m = re.match(rb"OK \[([^\]]*)\]", tagged)
        return m.group(1).decode() if m else ""

    def append_many(self, mailbox, messages, at_once=1):
        """Pipelined APPENDs of `at_once` messages each (RFC 3502 when above 1); every one must succeed."""
        groups = [messages[i : i + at_once] for i in range(0, len(messages), at_once)]
        for first in range(0, len(groups), 20):
            tags = []
            for group in groups[first : first + 20]:
                tag = self.tag()
                command = tag.encode() + b" APPEND " + mailbox.encode()
                for raw in group:
                    command += b" " + (b"~" if b"\0" in raw else b"") + b"{%d+}\r\n" % len(raw) + raw
                self.send(command + b"\r\n")
                tags.append(tag)
            for tag in tags:
                _, tagged = self.until(tag)
                assert tagged.startswith(b"OK [APPENDUID "), tagged


def parse(data, at=0):
    """A response's data as nested lists: atoms and numbers as bytes, NIL as None, strings as ("s", bytes). -> (list, end)"""
    out = []
    while at < len(data):
        c = data[at : at + 1]
        if c == b" ":
            at += 1
        elif c == b"(":
            inner, at = parse(data, at + 1)
            out.append(inner)
        elif c == b")":
            return out, at + 1
        elif c == b'"':
            end, value = at + 1, b""
            while data[end : end + 1] != b'"':
                if data[end : end + 1] == b"\\":
                    end += 1
                value += data[end : end + 1]
                end += 1
            out.append(("s", value))
            at = end + 1
        elif c == b"{" or data[at : at + 2] == b"~{":
            m = re.compile(rb"~?\{(\d+)\}\r\n").match(data, at)
            n = int(m.group(1))
            out.append(("s", data[m.end() : m.end() + n]))
            at = m.end() + n
        else:
            m = re.compile(rb"[^ ()\"]*?\[[^\]]*\](?:<\d+>)?|[^ ()\"]+").match(data, at)
            word = m.group(0)
            out.append(None if word.upper() == b"NIL" else word)
            at = m.end()
    return out, at


def fetch_items(line):
    """b'* 3 FETCH (UID 5 ...)' -> (3, {b"UID": b"5", ...}), or None."""
    m = re.match(rb"\* (\d+) FETCH ", line)
    if not m:
        return None
    inner = parse(line, m.end())[0][0]
    return int(m.group(1)), dict(zip(inner[::2], inner[1::2]))
