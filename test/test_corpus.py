"""Every message goes in by APPEND and by LMTP and comes out byte for byte; sizes, offsets and decoded parts agree with what the
messages really hold, and with an independent parser (Python's email package) wherever that one finds no defect."""
import base64
import concurrent.futures
import email
import email.policy
import quopri
import re
import socket

import corpus
import imapwire
import pytest

BATCH = 500


@pytest.fixture(scope="module")
def messages():
    return list(corpus.every())


@pytest.fixture(scope="module")
def box(server, messages):
    """An account whose INBOX holds all messages, by APPEND, in order."""
    user = server.add_user("corpus-append@example.org")
    client = imapwire.Imap(server, user)
    raws = [raw for _, raw in messages]
    client.append_many("INBOX", raws[:200])
    client.append_many("INBOX", raws[200:], at_once=20)
    client.ok("SELECT INBOX")
    yield client
    client.close()


def fetch_batches(client, count, items):
    """(index from 0, {item: value}) of every message."""
    for first in range(1, count + 1, BATCH):
        last = min(first + BATCH - 1, count)
        untagged = client.ok(f"FETCH {first}:{last} {items}")
        got = [imapwire.fetch_items(line) for line in untagged]
        got = [g for g in got if g]
        assert [g[0] for g in got] == list(range(first, last + 1))
        for seq, values in got:
            yield seq - 1, values


def test_append_gives_back_every_byte(box, messages):
    for i, values in fetch_batches(box, len(messages), "(RFC822.SIZE BODY.PEEK[])"):
        name, raw = messages[i]
        assert int(values[b"RFC822.SIZE"]) == len(raw), name
        assert values[b"BODY[]"][1] == raw, name


def test_header_and_text_make_up_the_message(box, messages):
    for i, values in fetch_batches(box, len(messages), "(BODY.PEEK[HEADER] BODY.PEEK[TEXT])"):
        name, raw = messages[i]
        assert values[b"BODY[HEADER]"][1] + values[b"BODY[TEXT]"][1] == raw, name


def test_partial_fetch_is_a_slice(box, messages):
    for i, values in fetch_batches(box, len(messages), "(BODY.PEEK[]<100.333>)"):
        name, raw = messages[i]
        assert values[b"BODY[]<100>"][1] == raw[100:433], name


def deliver(server, user, messages):
    """Over LMTP, by BDAT and by DATA in turns, pipelined."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(server.lmtp_socket)
    f = s.makefile("rb")

    def reply(code):
        line = f.readline()
        while line[3:4] == b"-":
            line = f.readline()
        assert line.startswith(code), line

    reply(b"220")
    s.sendall(b"LHLO test\r\n")
    reply(b"250")
    for i, (name, raw) in enumerate(messages):
        s.sendall(b"MAIL FROM:<sender@example.com>\r\nRCPT TO:<%s>\r\n" % user.encode())
        if i % 2 == 0 or not raw.endswith(b"\r\n"):
            half = len(raw) // 2
            s.sendall(b"BDAT %d\r\n" % half + raw[:half] + b"BDAT %d LAST\r\n" % (len(raw) - half) + raw[half:])
            reply(b"250"), reply(b"250"), reply(b"250"), reply(b"250")
        else:
            stuffed = (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:]
            s.sendall(b"DATA\r\n")
            reply(b"250"), reply(b"250"), reply(b"354")
            s.sendall(stuffed + b".\r\n")
            reply(b"250")
    s.sendall(b"QUIT\r\n")
    reply(b"221")
    f.close()
    s.close()


def test_lmtp_gives_back_every_byte(server, messages):
    """By four senders at once, each to an account of its own."""
    users = [server.add_user(f"corpus-lmtp{i}@example.org") for i in range(4)]
    shares = [messages[i::4] for i in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, [server] * 4, users, shares))
    for user, share in zip(users, shares):
        client = imapwire.Imap(server, user)
        client.ok("SELECT INBOX")
        for i, values in fetch_batches(client, len(share), "(BODY.PEEK[])"):
            name, raw = share[i]
            stored = values[b"BODY[]"][1]
            assert stored.startswith(b"Return-Path: <sender@example.com>\r\n"), name
            assert stored.endswith(raw), name
            assert stored[: len(stored) - len(raw)].count(b"\r\n") <= 6, name
        client.close()


# ---- structure ----


def _multipart_children(structure):
    out = []
    for item in structure:
        if not isinstance(item, list):
            break
        out.append(item)
    return out


def _word(s):
    return s[1].decode("latin-1").lower() if isinstance(s, tuple) else ""


def walk(structure, path=()):
    """Like leaves(), with multipart children told by position: they come before the subtype string."""
    if isinstance(structure[0], list):
        for i, child in enumerate(_multipart_children(structure)):
            yield from walk(child, path + (i + 1,))
        return
    here = path or (1,)
    yield here, structure
    if _word(structure[0]) == "message" and _word(structure[1]) in ("rfc822", "global") and len(structure) > 8:
        inner = structure[8]
        yield from walk(inner, here if isinstance(inner[0], list) else here + (1,))


def part_queries(structure, limit=40):
    return [(path, part) for path, part in walk(structure)][:limit]


def test_parts_have_the_sizes_and_lines_that_bodystructure_tells(box, messages):
    checked = 0
    for i, values in fetch_batches(box, len(messages), "(BODYSTRUCTURE)"):
        name, raw = messages[i]
        parts = part_queries(values[b"BODYSTRUCTURE"])
        items = []
        for path, _ in parts:
            number = ".".join(map(str, path))
            items += [f"BODY.PEEK[{number}]", f"BODY.PEEK[{number}.MIME]"]
        got = [imapwire.fetch_items(line) for line in box.ok(f"FETCH {i + 1} ({' '.join(items)})")]
        found = [g for g in got if g][0][1]
        for path, part in parts:
            number = ".".join(map(str, path)).encode()
            body = found[b"BODY[" + number + b"]"]
            assert body is not None, (name, number)
            assert len(body[1]) == int(part[6]), (name, number, part[:7])
            assert body[1] in raw, (name, number)
            mime = found[b"BODY[" + number + b".MIME]"]
            assert mime is not None and mime[1] in raw, (name, number)
            lines = None
            if _word(part[0]) == "text":
                lines = int(part[7])
            elif _word(part[0]) == "message" and _word(part[1]) in ("rfc822", "global") and len(part) > 9:
                lines = int(part[9])
            if lines is not None:
                assert lines in (body[1].count(b"\n"), body[1].count(b"\n") + (not body[1].endswith(b"\n") and len(body[1]) > 0)), (name, number)
            checked += 1
    assert checked >= len(messages)


def python_parts(message, path=()):
    """(path, type, raw payload or None) of each part that is no multipart, as the email package sees it."""
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        for i, child in enumerate(message.get_payload()):
            yield from python_parts(child, path + (i + 1,))
        return
    here = path or (1,)
    if message.get_content_type() == "message/rfc822" and message.is_multipart():
        yield here, "message/rfc822", None
        inner = message.get_payload()[0]
        yield from python_parts(inner, here if inner.get_content_maintype() == "multipart" else here + (1,))
        return
    payload = message.get_payload()
    yield here, message.get_content_type(), payload if isinstance(payload, str) else None


def is_odd(raw):
    """Bytes that the email package takes for something else: a lone CR ends a line there, and nowhere else."""
    return b"\0" in raw or re.search(rb"\r(?!\n)", raw) is not None


def has_defects(message):
    return any(part.defects for part in message.walk())


def test_structure_agrees_with_an_independent_parser(box, messages):
    compared, different = 0, []
    for i, values in fetch_batches(box, len(messages), "(BODYSTRUCTURE)"):
        name, raw = messages[i]
        if is_odd(raw) or raw.startswith((b"From ", b">From ")):
            continue
        try:
            message = email.message_from_bytes(raw, policy=email.policy.compat32)
            if has_defects(message):
                continue
            theirs = [(path, kind) for path, kind, _ in python_parts(message)]
        except Exception:  # its parser gave up
            continue
        ours = [(path, f"{_word(p[0])}/{_word(p[1])}") for path, p in walk(values[b"BODYSTRUCTURE"])]
        compared += 1
        if ours != theirs:
            different.append((name, ours[:6], theirs[:6]))
    print(f"compared {compared}, different {len(different)}")
    assert compared > 250
    allowed = compared // 200  # where the two read broken mail differently; half of a percent
    assert len(different) <= allowed, "\n".join(map(str, different[:20]))


def clean_parts(message, path=()):
    """(path, decoded) of the parts whose encoding follows its grammar to the letter: there is one right answer for those."""
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for i, child in enumerate(message.get_payload()):
            yield from clean_parts(child, path + (i + 1,))
        return
    payload = message.get_payload()
    if message.get_content_maintype() in ("message", "multipart") or not isinstance(payload, str) or not payload.isascii():
        return
    encoding = str(message.get("content-transfer-encoding", "")).strip().lower()
    if encoding == "base64":
        text = re.sub(r"\s", "", payload)
        if len(text) % 4 == 0 and re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text):
            yield path or (1,), base64.b64decode(text)
    elif encoding == "quoted-printable" and not re.search(r"=(?![0-9A-F]{2}|\r\n)|[ \t]\r\n|[ \t]$", payload):
        yield path or (1,), quopri.decodestring(payload.encode())


def test_binary_agrees_with_an_independent_decoder(box, messages):
    compared, different = 0, []
    for i, (name, raw) in enumerate(messages):
        if i % 2 or is_odd(raw):
            continue
        message = email.message_from_bytes(raw, policy=email.policy.compat32)
        if has_defects(message):
            continue
        structure = imapwire.fetch_items(box.ok(f"FETCH {i + 1} (BODYSTRUCTURE)")[0])[1][b"BODYSTRUCTURE"]
        if [path for path, _ in walk(structure)] != [path for path, _, _ in python_parts(message)]:
            continue  # they do not mean the same parts: told by the test above
        for path, decoded in list(clean_parts(message))[:8]:
            number = ".".join(map(str, path))
            got = [g for g in map(imapwire.fetch_items, box.ok(f"FETCH {i + 1} (BINARY.PEEK[{number}] BINARY.SIZE[{number}])")) if g]
            value = got[0][1][f"BINARY[{number}]".encode()]
            size = got[0][1][f"BINARY.SIZE[{number}]".encode()]
            assert value is not None and int(size) == len(value[1]), (name, number)
            compared += 1
            if value[1] != decoded:
                different.append((name, number, len(value[1]), len(decoded)))
    print(f"compared {compared}")
    assert compared > 20
    assert not different, "\n".join(map(str, different[:20]))


def test_envelopes_are_well_formed(box, messages):
    for i, values in fetch_batches(box, len(messages), "(ENVELOPE PREVIEW)"):
        name, _ = messages[i]
        envelope = values[b"ENVELOPE"]
        assert len(envelope) == 10, name
        for addresses in envelope[2:8]:
            assert addresses is None or (addresses and all(len(a) == 4 for a in addresses)), name
        for text in (envelope[0], envelope[1], envelope[8], envelope[9]):
            assert text is None or isinstance(text, tuple), name
