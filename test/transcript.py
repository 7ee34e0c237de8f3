"""Run wire transcripts: what several numbered clients send (C:) and must receive (S:), in order.

    # a comment; the first comment says what is shown
    @ imap.idle_heartbeat_s=1            settings: this transcript gets a server of its own
    1 login                              connect, greeting, LOGIN with tag "L"; `login rev2` also enables IMAP4rev2
    2 connect                            connect only; `connect tls` on the TLS port
    1 C: a1 SELECT INBOX                 sent with CRLF; `C!:` without; `C1:` one byte at a time
    1 S: * 0 EXISTS                      the next response is exactly this
    1 S~: * FLAGS <<.*>>                 neighbouring S~ lines may come in any order
    1 S*: a1 OK                          skip responses until one that begins so
    1 silent 0.3                         nothing comes for so long
    1 wait 0.2      1 eof      1 close      1 starttls
    0 run user delete <<user>>           a subcommand of loft, while the server runs
    0 adduser two-<<user>>               another account, with the same password

In C and S:  ⏎ is CRLF, ␀ is NUL, ⟦0a ff⟧ bytes in hex, ⟦name.eml⟧ a message of test/messages (with CRLF),
⟦#name.eml⟧ its size, ⟦ab*100⟧ "ab" a hundred times. <<user>>, <<password>> and captured names are replaced. In S: <<regex>> matches,
<<name=regex>> also captures, <<!name>> is anything but what was captured. A response is a line with the literals that it announces.
"""
import os
import re
import socket
import ssl

import loft

HERE = os.path.dirname(os.path.abspath(__file__))
MESSAGES = os.path.join(HERE, "messages")
LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


class Mismatch(AssertionError):
    pass


def message_bytes(name):
    with open(os.path.join(MESSAGES, name), "rb") as f:
        raw = f.read()
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class Client:
    def __init__(self, server, tls=False):
        self.server = server
        self.buffer = b""
        self.socket = server.connect(server.imaps_port if tls else server.imap_port)
        if tls:
            self.start_tls()

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        got = self.socket.recv(65536)
        if not got:
            raise EOFError
        self.buffer += got

    def response(self, timeout=20):
        """One response: a line with all literals in it, without the last CRLF."""
        self.socket.settimeout(timeout)
        at = 0
        while True:
            end = self.buffer.find(b"\r\n", at)
            if end < 0:
                self._fill()
                continue
            end += 2
            literal = LITERAL.search(self.buffer[at:end])
            if not literal:
                line, self.buffer = self.buffer[: end - 2], self.buffer[end:]
                return line
            at = end + int(literal.group(1))
            while len(self.buffer) < at:
                self._fill()

    def silent(self, seconds):
        if self.buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self._fill()
            return False
        except (socket.timeout, TimeoutError):
            return True

    def eof(self):
        self.socket.settimeout(20)
        try:
            while True:
                self._fill()
        except (EOFError, ConnectionResetError, ssl.SSLError):
            return self.buffer

    def close(self):
        self.socket.close()


def expand(text, variables):
    """C: text to bytes."""
    for name, value in variables.items():
        text = text.replace(f"<<{name}>>", value)
    out = b""
    for part in re.split("(⏎|␀|⟦[^⟧]*⟧)", text):
        if part == "⏎":
            out += b"\r\n"
        elif part == "␀":
            out += b"\0"
        elif part.startswith("⟦#"):
            out += str(len(message_bytes(part[2:-1]))).encode()
        elif part.startswith("⟦"):
            inner = part[1:-1]
            times = re.match(r"(.+)\*(\d+)$", inner)
            if times:
                out += expand(times.group(1), {}) * int(times.group(2))
            else:
                out += message_bytes(inner) if inner.endswith(".eml") else bytes.fromhex(inner)
        else:
            out += part.encode()
    return out


def pattern(text, variables):
    """S: text to a compiled pattern over bytes."""
    out = b""
    for part in re.split("(<<.*?>>(?!>))", text):
        if part.startswith("<<"):
            inner = part[2:-2]
            named = re.match(r"([a-z_0-9]+)=(.*)$", inner)
            if inner in variables:
                out += re.escape(variables[inner].encode())
            elif inner.startswith("!"):
                out += b"(?!" + re.escape(variables[inner[1:]].encode()) + rb"(?![A-Za-z0-9]))[A-Za-z0-9]+"
            elif named:
                out += b"(?P<" + named.group(1).encode() + b">" + named.group(2).encode() + b")"
            else:
                out += b"(?:" + inner.encode() + b")"
        else:
            out += re.escape(expand(part, {}))
    return re.compile(out + rb"\Z", re.S)


def parse(path):
    """-> (settings, [(line number, session, verb, text)])"""
    settings, steps = {}, []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("@ "):
                key, value = line[2:].split("=", 1)
                settings[key.strip()] = value.strip()
                continue
            m = re.match(r"(\d+) (C[!1]?:|S[~*]?:|[a-z]+) ?(.*)$", line)
            if not m:
                raise ValueError(f"{path}:{number}: cannot read: {line}")
            steps.append((number, m.group(1), m.group(2), m.group(3)))
    return settings, steps


class Runner:
    def __init__(self, server, path, variables):
        self.server, self.path, self.variables, self.clients = server, path, dict(variables), {}

    def _match(self, number, got, expected):
        m = pattern(expected, self.variables).match(got)
        if not m:
            raise Mismatch(f"{self.path}:{number}\n  want: {expected}\n  got:  {got!r}")
        self.variables.update({k: v.decode() for k, v in m.groupdict().items()})

    def _login(self, client, text):
        client.response()
        client.send(expand('L LOGIN <<user>> "<<password>>"', self.variables) + b"\r\n")
        while not (line := client.response()).startswith(b"L "):
            pass
        if not line.startswith(b"L OK"):
            raise Mismatch(f"{self.path}: login: {line!r}")
        if text == "rev2":
            client.send(b"E ENABLE IMAP4rev2\r\n")
            while not (line := client.response()).startswith(b"E "):
                pass

    def _unordered(self, client, group):
        left = list(group)
        while left:
            got = client.response()
            for entry in left:
                m = pattern(entry[1], self.variables).match(got)
                if m:
                    self.variables.update({k: v.decode() for k, v in m.groupdict().items()})
                    left.remove(entry)
                    break
            else:
                wanted = "\n        ".join(e[1] for e in left)
                raise Mismatch(f"{self.path}:{left[0][0]}\n  want one of: {wanted}\n  got:  {got!r}")

    def run(self, steps):
        try:
            i = 0
            while i < len(steps):
                number, session, verb, text = steps[i]
                if verb == "S~:":
                    group = []
                    while i < len(steps) and steps[i][1:3] == (session, "S~:"):
                        group.append((steps[i][0], steps[i][3]))
                        i += 1
                    self._unordered(self.clients[session], group)
                    continue
                try:
                    self.step(number, session, verb, text)
                except (EOFError, socket.timeout, TimeoutError, ConnectionError, ssl.SSLError) as e:
                    raise Mismatch(f"{self.path}:{number}: {verb} {text}\n  {type(e).__name__} {e}") from e
                i += 1
        finally:
            for client in self.clients.values():
                client.close()

    def step(self, number, session, verb, text):
        if verb in ("connect", "login"):
            client = self.clients[session] = Client(self.server, tls="tls" in text)
            if verb == "login":
                self._login(client, text)
            return
        if verb == "adduser":
            self.server.add_user(expand(text, self.variables).decode())
            return
        if verb == "run":
            self.server.run(*expand(text, self.variables).decode().split())
            return
        client = self.clients[session]
        if verb == "C:":
            client.send(expand(text, self.variables) + b"\r\n")
        elif verb == "C!:":
            client.send(expand(text, self.variables))
        elif verb == "C1:":
            for byte in expand(text, self.variables) + b"\r\n":
                client.send(bytes([byte]))
        elif verb == "S:":
            self._match(number, client.response(), text)
        elif verb == "S*:":
            want = expand(text, self.variables)
            while not client.response().startswith(want):
                pass
        elif verb == "silent":
            if not client.silent(float(text)):
                raise Mismatch(f"{self.path}:{number}: not silent: {client.buffer!r}")
        elif verb == "wait":
            import time

            time.sleep(float(text))
        elif verb == "eof":
            rest = client.eof()
            if rest:
                raise Mismatch(f"{self.path}:{number}: before the end came {rest!r}")
        elif verb == "close":
            client.close()
        elif verb == "starttls":
            client.start_tls()
        else:
            raise ValueError(f"{self.path}:{number}: no such step: {verb}")


def run_file(server, path, user):
    _, steps = parse(path)
    Runner(server, path, {"user": user, "password": loft.PASSWORD}).run(steps)
