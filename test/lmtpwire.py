"""A small LMTP client for tests: pipelining, DATA and BDAT, replies as (code, enhanced code, text)."""
import re
import socket


def stuffed(raw):
    return (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:]


class Lmtp:
    def __init__(self, server, greet=True, port=None):
        if port:
            self.socket = server.connect(port)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(20)
            self.socket.connect(server.lmtp_socket)
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()
        if greet:
            self.send("LHLO client.example.com")
            self.capabilities = self.lines()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *commands):
        self.raw(b"".join((c.encode() if isinstance(c, str) else c) + b"\r\n" for c in commands))

    def raw(self, data):
        self.socket.sendall(data)

    def line(self):
        line = self.file.readline()
        if not line:
            raise EOFError
        assert line.endswith(b"\r\n") and len(line) <= 512, line
        return line[:-2].decode()

    def lines(self):
        out = [self.line()]
        while out[-1][3] == "-":
            out.append(self.line())
        return out

    def reply(self):
        """'250 2.1.0 Ok' -> '250 2.1.0'; the text is kept in self.text."""
        line = self.lines()[-1]
        m = re.match(r"(\d{3} (?:\d\.\d+\.\d+)?)\s*(.*)$", line)
        self.text = m.group(2)
        return m.group(1).strip()

    def ask(self, command):
        self.send(command)
        return self.reply()

    def begin(self, *recipients, sender="sender@example.com", parameters=""):
        """MAIL and RCPTs, pipelined; -> the replies to RCPT."""
        self.send(f"MAIL FROM:<{sender}>{parameters}", *(f"RCPT TO:<{r}>" for r in recipients))
        assert self.reply() == "250 2.1.0", self.text
        return [self.reply() for _ in recipients]

    def data(self, raw, count):
        assert self.ask("DATA") == "354"
        self.raw(stuffed(raw) + b".\r\n")
        return [self.reply() for _ in range(count)]

    def deliver(self, raw, *recipients, **envelope):
        """-> one final reply for each recipient; all must be known."""
        assert self.begin(*recipients, **envelope) == ["250 2.1.5"] * len(recipients)
        return self.data(raw, len(recipients))

    def at_end(self):
        """Nothing more comes, and the server has closed."""
        return self.file.read() == b""
