"""COMPRESS=DEFLATE (RFC 4978) as a client with zlib sees it, and its end with UNAUTHENTICATE (RFC 8437, 4.1)."""
import io
import os
import random
import socket
import ssl
import time
import zlib

import imapwire
import loft
import pytest

MIB = 1 << 20


class Deflated(io.RawIOBase):
    """Reads a socket through inflate; what follows the end of the stream is kept in `clear`."""

    def __init__(self, sock, first=b""):
        self.socket, self.pending, self.inflater = sock, first, zlib.decompressobj(-15)
        self.compressed = 0

    def readable(self):
        return True

    def readinto(self, into):
        while True:
            data = self.inflater.decompress(self.pending, len(into))
            self.pending = self.inflater.unconsumed_tail
            if data or self.inflater.eof:
                into[: len(data)] = data
                return len(data)
            self.pending = self.socket.recv(65536)
            self.compressed += len(self.pending)
            if not self.pending:
                return 0


class Client(imapwire.Imap):
    """Compresses all that it sends, flushed at each send, once compress() was called."""

    def __init__(self, server, user, tls=False):
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(server.connect(server.imaps_port), server_hostname="localhost")
            self.file = self.socket.makefile("rb")
            self.count = 0
            self.greeting = self.file.readline()
            self.ok(f'LOGIN {user} "{loft.PASSWORD}"')
        else:
            super().__init__(server, user)
        self.deflater = None

    def compress(self):
        _, tagged = self.run("COMPRESS DEFLATE")
        assert tagged == b"OK DEFLATE active"
        self.start_layer()

    def start_layer(self):
        self.deflater = zlib.compressobj(wbits=-15)
        self.layer = Deflated(self.socket)
        self.file = io.BufferedReader(self.layer)

    def stop_layer(self):
        self.deflater = None
        assert self.layer.inflater.eof or self.file.read(1) == b""
        assert self.layer.inflater.eof
        rest = self.layer.inflater.unused_data

        class Clear(io.RawIOBase):
            def readable(_):
                return True

            def readinto(_, into):
                nonlocal rest
                data, rest = (rest, b"") if rest else (self.socket.recv(len(into)), b"")
                into[: len(data)] = data
                return len(data)

        self.file = io.BufferedReader(Clear())

    def pack(self, data, flush=zlib.Z_SYNC_FLUSH):
        return self.deflater.compress(data) + self.deflater.flush(flush)

    def send(self, data):
        self.socket.sendall(self.pack(data) if self.__dict__.get("deflater") else data)


@pytest.fixture(params=[False, True], ids=["clear", "tls"])
def client(request, server, user):
    c = Client(server, user, request.param)
    yield c
    c.close()


def message(size, seed=1):
    words = "the quick brown fox jumps over the lazy dog and runs away from all that noise".split()
    chosen = random.Random(seed)
    lines, n = [b"Subject: letter %d" % seed, b""], 0
    while n < size:
        line = " ".join(chosen.choice(words) for _ in range(10)).encode()
        lines.append(line)
        n += len(line) + 2
    return b"\r\n".join(lines) + b"\r\n"


def test_compress_is_offered_after_login_only(server, user):
    c = imapwire.Imap(server)
    assert b"COMPRESS" not in c.greeting
    assert c.run("COMPRESS DEFLATE")[1] == b"BAD Log in first"
    assert " COMPRESS=DEFLATE " in c.code(f'LOGIN {user} "{loft.PASSWORD}"')
    assert c.run("COMPRESS")[1].startswith(b"BAD ")
    assert c.run("COMPRESS GZIP")[1] == b"BAD Unknown compression"
    assert c.run("COMPRESS DEFLATE x")[1].startswith(b"BAD ")
    c.ok("NOOP")  # in clear still
    c.close()


def test_compress_twice_is_refused_by_name(client):
    client.compress()
    assert client.run("COMPRESS DEFLATE")[1] == b"NO [COMPRESSIONACTIVE] DEFLATE is active already, by COMPRESS"
    client.ok("NOOP")
    assert client.run("compress deflate")[1].startswith(b"NO [COMPRESSIONACTIVE] ")


def test_compressed_commands_are_answered_however_they_are_cut(client):
    client.compress()
    for n in range(1, 8):
        tag = client.tag()
        data = client.pack(tag.encode() + b" STATUS INBOX (MESSAGES)\r\n")
        for at in range(0, len(data), n):
            client.socket.sendall(data[at : at + n])
            time.sleep(0.002)
        untagged, tagged = client.until(tag)
        assert untagged == [b"* STATUS INBOX (MESSAGES 0)"] and tagged.startswith(b"OK")


def test_compressed_commands_come_in_one_segment_and_one_block(client):
    client.compress()
    tags = [client.tag() for _ in range(300)]
    client.send(b"".join(t.encode() + b" NOOP\r\n" for t in tags))
    for tag in tags:
        assert client.until(tag)[1] == b"OK NOOP completed"
    tags = [client.tag() for _ in range(300)]  # each with a flush of its own
    client.socket.sendall(b"".join(client.pack(t.encode() + b" NOOP\r\n") for t in tags))
    for tag in tags:
        assert client.until(tag)[1] == b"OK NOOP completed"


def test_what_follows_compress_in_its_segment_is_compressed_already(client):
    tag, next_tag = client.tag(), client.tag()
    deflater = zlib.compressobj(wbits=-15)
    packed = deflater.compress(next_tag.encode() + b" NOOP\r\n") + deflater.flush(zlib.Z_SYNC_FLUSH)
    client.socket.sendall(tag.encode() + b" COMPRESS DEFLATE\r\n" + packed)
    line = b""
    while not line.endswith(b"\r\n"):
        line += client.socket.recv(1)
    assert line == tag.encode() + b" OK DEFLATE active\r\n"
    client.start_layer()
    client.deflater = deflater
    assert client.until(next_tag)[1] == b"OK NOOP completed"


def test_idle_pushes_through_compression_at_once(client, server, user):
    client.ok("SELECT INBOX")
    client.compress()
    other = imapwire.Imap(server, user)
    for round_number in range(1, 4):
        tag = client.start("IDLE")
        assert client.raw() == b"+ idling"
        time.sleep(0.1)  # the connection is at rest
        begin = time.monotonic()
        other.append_many("INBOX", [message(100, round_number)])
        assert client.raw() == b"* %d EXISTS" % round_number
        assert time.monotonic() - begin < 2
        client.raw()  # RECENT
        client.send(b"DONE\r\n")
        assert client.until(tag)[1] == b"OK IDLE completed"
    other.close()


def test_large_literals_and_many_bodies_go_through_compression(client):
    messages = [message(60_000, n) for n in range(40)] + [os.urandom(300_000).hex().encode() + b"\r\n", message(8 * MIB, 99)]
    client.compress()
    client.append_many("INBOX", messages)
    client.ok("SELECT INBOX")
    before = client.layer.compressed
    untagged = client.ok("FETCH 1:* BODY.PEEK[]")
    got = [imapwire.fetch_items(line)[1][b"BODY[]"][1] for line in untagged]
    assert got == messages
    assert client.layer.compressed - before < sum(map(len, messages)) / 2


def test_a_slow_reader_gets_all_of_a_large_answer(client):
    client.compress()
    big = message(4 * MIB)
    client.append_many("INBOX", [big])
    client.ok("SELECT INBOX")
    tag = client.start("FETCH 1 (BODY.PEEK[] BODY.PEEK[TEXT] BODY.PEEK[])")
    tags = [client.start("NOOP") for _ in range(100)]
    time.sleep(0.5)
    untagged, tagged = client.until(tag)
    assert tagged.startswith(b"OK") and len(untagged[0]) > 2 * len(big)
    for tag in tags:
        assert client.until(tag)[1] == b"OK NOOP completed"


def test_logout_ends_the_stream_in_order(client):
    client.compress()
    untagged, tagged = client.run("LOGOUT")
    assert untagged == [b"* BYE See you"] and tagged == b"OK LOGOUT completed"
    assert client.file.read() == b"" and client.layer.inflater.eof and client.layer.inflater.unused_data == b""


@pytest.mark.parametrize("garbage", [b"\x07" * 100, b"a1 NOOP\r\n" * 20, b"\xff" * 1000, b"\x03\x00" + b"a2 NOOP\r\n"], ids=["type3", "clear", "ones", "end"])
def test_input_that_is_no_deflate_ends_the_connection(client, garbage):
    client.compress()
    client.ok("NOOP")
    client.socket.sendall(garbage)
    client.socket.settimeout(10)
    try:
        while client.socket.recv(4096):
            pass
    except ConnectionResetError:
        pass


def test_a_bomb_does_not_grow_the_server(server, user):
    client = Client(server, user)
    client.compress()
    bomb = zlib.compressobj(9, wbits=-15)
    data = b"".join(bomb.compress(b"\0" * MIB) for _ in range(200)) + bomb.flush()
    assert len(data) < 300_000
    before = server.rss_bytes()
    try:
        client.socket.sendall(data)
        client.socket.settimeout(10)
        while client.socket.recv(4096):
            pass
    except ConnectionError:
        pass
    assert server.rss_bytes() - before < 8 * MIB


# ---- UNAUTHENTICATE: RFC 8437, 4.1: both sides end their compression ----


@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH], ids=["sync", "full", "finish"])
@pytest.mark.parametrize("pipelined", [False, True], ids=["waits", "pipelined"])
def test_unauthenticate_ends_compression_in_both_directions(client, server, user, flush, pipelined):
    second = server.add_user(f"second-{time.monotonic_ns()}@example.org")
    client.compress()
    client.ok("CREATE mine")
    tag, noop = client.tag(), client.tag()
    packed = client.pack(noop.encode() + b" NOOP\r\n") + client.pack(tag.encode() + b" UNAUTHENTICATE\r\n", flush)
    login = f'x1 LOGIN {second} "{loft.PASSWORD}"\r\nx2 LIST "" *\r\n'.encode()
    client.socket.sendall(packed + (login if pipelined else b""))
    assert client.until(noop)[1] == b"OK NOOP completed"
    assert client.until(tag)[1] == b"OK UNAUTHENTICATE completed"
    client.stop_layer()
    if not pipelined:
        client.send(login)
    assert client.until("x1")[1].startswith(b"OK [CAPABILITY ")
    assert not any(b"mine" in line for line in client.until("x2")[0])
    client.compress()  # and once more
    client.ok("NOOP")
    assert not any(b"mine" in line for line in client.ok('LIST "" *'))


def test_a_final_block_behind_the_flush_of_unauthenticate_is_no_command(client, user):
    client.compress()
    tag = client.tag()
    data = client.pack(tag.encode() + b" UNAUTHENTICATE\r\n") + client.deflater.flush(zlib.Z_FINISH)
    data += f'x1 LOGIN {user} "{loft.PASSWORD}"\r\n'.encode()
    for i in range(len(data)):
        client.socket.sendall(data[i : i + 1])
        time.sleep(0.001)
    assert client.until(tag)[1] == b"OK UNAUTHENTICATE completed"
    client.stop_layer()
    assert client.until("x1")[1].startswith(b"OK [CAPABILITY ")


def test_compressed_commands_behind_unauthenticate_end_the_connection(client):
    client.compress()
    tag = client.tag()
    client.send(tag.encode() + b" UNAUTHENTICATE\r\nx1 NOOP\r\n")
    assert client.until(tag)[1] == b"OK UNAUTHENTICATE completed"
    client.stop_layer()
    assert client.raw() == b"* BYE Compressed input goes on behind UNAUTHENTICATE"
    assert client.file.readline() == b""


def test_starttls_works_behind_unauthenticate(server, user):
    client = Client(server, user)
    client.compress()
    tag = client.tag()
    client.socket.sendall(client.pack(tag.encode() + b" UNAUTHENTICATE\r\n") + b"x1 CAPABILITY\r\nx2 STARTTLS\r\nx3 CREATE injected\r\n")
    assert client.until(tag)[1] == b"OK UNAUTHENTICATE completed"
    client.stop_layer()
    untagged, _ = client.until("x1")
    assert b" STARTTLS " in untagged[0] and b"COMPRESS" not in untagged[0]
    assert client.until("x2")[1].startswith(b"OK ")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
    client.file = client.socket.makefile("rb")
    client.ok(f'LOGIN {user} "{loft.PASSWORD}"')
    client.compress()
    client.ok("NOOP")
    assert not any(b"injected" in line for line in client.ok('LIST "" *'))
    client.close()
