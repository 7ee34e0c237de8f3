"""Files that a crash, a bad disk or a full one left behind: the server opens, serves what is whole, says what is not, invents nothing.
LOFT_DAMAGE_SEEDS=100 damages the store in as many random ways (6)."""
import glob
import os
import random
import shutil
import tempfile
import time

import imapwire
import loft
import pytest
from lmtpwire import Lmtp
from load import message

USER = "anna@example.org"


def store_files(data, ending):
    return sorted(glob.glob(os.path.join(data, "store", "**", "*" + ending), recursive=True))


def newest(paths):
    return max((p for p in paths if os.path.getsize(p)), key=os.path.getmtime)


def noise(n, seed):
    """A message that no compression makes smaller, so that its bytes can be found in the segment."""
    rng = random.Random(seed)
    return b"Subject: noise\r\n\r\n" + bytes(rng.choices([b for b in range(1, 256) if b not in b"\r\n"], k=n)) + b"\r\n"


def stored(server):
    """{uid: bytes or None where the server says that they are damaged}"""
    client = imapwire.Imap(server, USER)
    client.ok("SELECT INBOX")
    out = {}
    for line in client.ok("FETCH 1:* (UID FLAGS)"):
        uid = int(imapwire.fetch_items(line)[1][b"UID"])
        untagged, tagged = client.run(f"UID FETCH {uid} BODY.PEEK[]")
        found = [f[1] for f in map(imapwire.fetch_items, untagged) if f and b"BODY[]" in f[1]]
        if tagged.startswith(b"OK"):
            out[uid] = found[0][b"BODY[]"][1]
        else:
            assert tagged.startswith(b"NO [CORRUPTION]"), tagged
            assert not found, found
            out[uid] = None
    client.close()
    return out


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="loft-damage-") as top:
        yield top


def filled(data, messages, kill=False):
    with loft.Loft(data=data) as server:
        server.add_user(USER)
        client = imapwire.Imap(server, USER)
        client.append_many("INBOX", messages)
        client.close()
        if kill:
            server.kill()


@pytest.mark.parametrize("ending, tail", [(".seg", "garbage"), (".seg", "zeros"), (".seg", "begun"), (".log", "zeros"), (".log", "begun")])
def test_torn_tail_is_cut_off(folder, ending, tail):
    """What the last write before a power cut may have left behind the last whole record: of a segment whatever was on the disk,
    of the engine's log zeros or a record that was only begun."""
    messages = [message(f"torn{i}") for i in range(30)]
    data = os.path.join(folder, "data")
    filled(data, messages, kill=True)
    files = store_files(data, ending)
    assert files, os.listdir(os.path.join(data, "store"))
    path = newest(files)
    with open(path, "rb") as f:
        raw = f.read()
    end = len(raw.rstrip(b"\0"))
    end += -end % 8
    log_head = b"csum" + (3000).to_bytes(2, "little") + b"\1"  # RocksDB: checksum, length, type "whole"
    begun = raw[32:100] if ending == ".seg" else log_head + b"x" * 100
    extra = {"garbage": random.Random(1).randbytes(5000), "zeros": b"\0" * 5000, "begun": begun}[tail]
    with open(path, "r+b") as f:
        f.seek(end if ending == ".seg" else len(raw))
        f.write(extra)
    with loft.Loft(data=data) as server:
        assert list(stored(server).values()) == messages
        client = imapwire.Imap(server, USER)
        client.append_many("INBOX", messages[:3])
        client.close()
        server.kill()
        server.start()
        assert list(stored(server).values()) == messages + messages[:3]


def test_flipped_byte_is_reported_and_never_served(folder):
    messages = [noise(3000, i) for i in range(10)]
    data = os.path.join(folder, "data")
    filled(data, messages)
    victim, offset = 4, None
    for path in store_files(data, ".seg"):
        with open(path, "r+b") as f:
            at = f.read().find(messages[victim][1000:1100])
            if at >= 0:
                f.seek(at)
                f.write(bytes([messages[victim][1000] ^ 0x10]))
                offset, name = at, os.path.basename(path)
    assert offset is not None
    with loft.Loft(data=data) as server:
        found = list(stored(server).values())
        assert found == [None if i == victim else raw for i, raw in enumerate(messages)]
        client = imapwire.Imap(server, USER)
        client.ok("SELECT INBOX")
        for items in ("BODY.PEEK[TEXT]", "BODY.PEEK[]<1000.100>", "BINARY.PEEK[1]"):
            untagged, tagged = client.run(f"FETCH {victim + 1} {items}")
            assert tagged.startswith(b"NO [CORRUPTION]"), (items, tagged)
            assert not any(b"BODY[" in line or b"BINARY[" in line for line in untagged)
        client.ok(f"COPY {victim + 1} Trash")  # what does not read the bytes goes on
        client.ok(f"STORE {victim + 1} +FLAGS (\\Deleted)")
        client.ok("EXPUNGE")
        assert len(client.ok("FETCH 1:* (FLAGS BODY.PEEK[])")) == 9
        client.close()
        log = loft.wait_until(lambda: [line for line in server.log if " error " in line])
        assert any(name in line and "offset" in line for line in log), log[:5]


@pytest.mark.parametrize("seed", range(int(os.environ.get("LOFT_DAMAGE_SEEDS", "6"))))
def test_flipped_bytes_anywhere_give_errors_and_no_wrong_mail(folder, seed):
    """In any file of the store. It may refuse to open, with the reason; what it serves is right."""
    rng = random.Random(seed)
    messages = [noise(2000, i) for i in range(20)]
    data = os.path.join(folder, "data")
    filled(data, messages)
    files = [p for p in store_files(data, "") if os.path.isfile(p) and os.path.getsize(p) and not p.endswith(("LOCK", "LOG", "ballast"))]
    path = rng.choice(files)
    with open(path, "r+b") as f:
        content = f.read().rstrip(b"\0")
        for _ in range(3):
            at = rng.randrange(len(content))
            f.seek(at)
            f.write(bytes([content[at] ^ (1 << rng.randrange(8))]))
    server = loft.Loft(data=data)
    try:
        server.start()
    except RuntimeError as e:
        assert "orrupt" in str(e) or "damage" in str(e) or "checksum" in str(e), e
        return
    try:
        if usable(server):
            for raw in stored_or_refused(server).values():
                assert raw is None or raw in messages
    finally:
        server.stop()


def usable(server):
    """Somebody can sign in; otherwise the server says that something is damaged."""
    client = imapwire.Imap(server)
    _, tagged = client.run(f'LOGIN {USER} "{loft.PASSWORD}"')
    client.close()
    assert tagged.startswith((b"OK", b"NO [CORRUPTION]", b"NO [UNAVAILABLE]")), tagged
    return tagged.startswith(b"OK")


def stored_or_refused(server):
    client = imapwire.Imap(server, USER)
    _, tagged = client.run("SELECT INBOX")
    client.close()
    assert tagged.startswith((b"OK", b"NO [CORRUPTION]")), tagged
    return stored(server) if tagged.startswith(b"OK") else {}


def test_full_disk_takes_no_mail_and_lets_people_delete(folder):
    data = os.path.join(folder, "data")
    messages = [message(f"full{i}") for i in range(10)]
    filled(data, messages)
    free = shutil.disk_usage(folder).free
    with loft.Loft({"store.watermark_bytes": str(free * 2)}, data) as server:
        with Lmtp(server) as lmtp:
            assert lmtp.ask("MAIL FROM:<> SIZE=100") == "452 4.3.1"
            assert lmtp.deliver(messages[0], USER, USER.replace("@", "+Sent@")) == ["452 4.3.1"] * 2
            assert lmtp.ask("NOOP") == "250 2.0.0"
        client = imapwire.Imap(server, USER)
        client.ok("SELECT INBOX")
        for raw in (messages[0], message("large") * 2000):
            _, tagged = client.run(b"APPEND INBOX {%d+}\r\n" % len(raw) + raw)
            assert tagged.startswith(b"NO ["), tagged
        client.ok("COPY 3 Trash")  # adds no bytes
        client.ok("STORE 1:5 +FLAGS (\\Deleted)")
        client.ok("EXPUNGE")
        client.ok("MOVE 1 Archive")
        client.close()
    with loft.Loft(data=data) as server:  # space again
        assert list(stored(server).values()) == messages[6:]
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(messages[0], USER) == ["250 2.0.0"]


def test_opening_is_fast_after_a_kill_with_much_mail(folder):
    data = os.path.join(folder, "data")
    with loft.Loft(data=data) as server:
        server.add_user(USER)
        client = imapwire.Imap(server, USER)
        raws = [message(f"much{i}") for i in range(500)]
        for _ in range(8):
            client.append_many("INBOX", raws, at_once=50)
        for _ in range(300):
            client.ok("NOOP")
        client.ok("SELECT INBOX")
        for n in range(1, 1500):
            client.ok(f"STORE {n} +FLAGS.SILENT (\\Flagged)")
        server.kill()
        begin = time.monotonic()
        server.start()
        reader = imapwire.Imap(server, USER)
        untagged = reader.ok("SELECT INBOX")
        took = time.monotonic() - begin
        reader.close()
        assert b"* 4000 EXISTS" in untagged
        assert took < 5, f"{took:.1f} s"
