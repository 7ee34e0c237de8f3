"""Loft is killed while users share mailboxes: what was acknowledged is there, whoever has a right finds it, and a MOVE into another
account leaves a message in one place or in both, never in none.

    LOFT_CRASH_SECONDS=600   for how long (45)"""
import os
import random
import threading
import time

import imapwire
import loft

SECONDS = float(os.environ.get("LOFT_CRASH_SECONDS", "45")) / 5
SEED = int(os.environ.get("LOFT_CRASH_SEED", "1"))
ANNA, BERT = "anna", "bert"


def client(server, user):
    wire = imapwire.Imap(server)
    wire.socket.settimeout(60)
    assert ask(wire, f'LOGIN {user} "{loft.PASSWORD}"')[0]
    return wire


def ask(wire, command):
    """-> (OK?, untagged lines)"""
    wire.send(b"t " + (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
    lines = []
    while not (line := wire.raw()).startswith(b"t "):
        lines.append(line)
    return line.startswith(b"t OK"), lines


def until_killed(server, r, work, longest_s=0.6):
    """Run work() again and again until the server is killed under it."""
    killer = threading.Timer(r.random() * longest_s, server.kill)
    killer.start()
    try:
        while True:
            work()
    except (EOFError, ConnectionError):
        pass
    killer.join()
    server.start()


def test_who_has_a_right_finds_it_after_a_kill():
    """The index is written before the right: LIST shows whatever MYRIGHTS grants."""
    r = random.Random(SEED)
    with loft.Loft() as server:
        server.add_user(ANNA), server.add_user(BERT)
        end, made, acknowledged = time.monotonic() + SECONDS, 0, set()
        while time.monotonic() < end:
            wire = client(server, ANNA)

            def work():
                nonlocal made
                made += 1
                if ask(wire, f"CREATE box{made}")[0] and ask(wire, f"SETACL box{made} {r.choice([BERT, 'anyone'])} lr")[0]:
                    acknowledged.add(made)

            until_killed(server, r, work)
            wire = client(server, BERT)
            listed = {line.split(b"/box")[-1].strip(b'"') for line in ask(wire, 'LIST "" "Other Users/*"')[1]}
            for n in range(1, made + 1):
                granted = ask(wire, f'MYRIGHTS "Other Users/{ANNA}/box{n}"')[0]
                assert granted or n not in acknowledged, f"seed {SEED}: the right on box{n} is lost"
                assert (b"%d" % n in listed) == granted, f"seed {SEED}: box{n}: right {granted}, LIST {b'%d' % n in listed}"
            wire.close()
        assert made > 10


def subjects(wire, name):
    assert ask(wire, f"SELECT {name}")[0]
    found = []
    for line in ask(wire, "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
        if b"Subject: " in line:
            found.append(int(line.split(b"Subject: ")[1].split()[0].rstrip(b")")))
    return found


def test_a_move_into_another_account_loses_nothing():
    r = random.Random(SEED)
    with loft.Loft() as server:
        server.add_user(ANNA), server.add_user(BERT)
        wire = client(server, ANNA)
        assert ask(wire, f"SETACL INBOX {BERT} lrswite")[0]
        wire.close()
        end, count, kills = time.monotonic() + SECONDS, 0, 0
        while time.monotonic() < end:
            wire = client(server, BERT)
            for _ in range(8):
                body = b"Subject: %d\r\n\r\n%b\r\n" % (count, b"x" * r.randint(1, 20000))
                assert ask(wire, b"APPEND INBOX {%d+}\r\n%b" % (len(body), body))[0]
                count += 1
            ask(wire, "SELECT INBOX")

            def work():
                ask(wire, f'MOVE {r.randint(1, 3)} "Other Users/{ANNA}/INBOX"')
                time.sleep(0.01)

            until_killed(server, r, work, 0.3)
            kills += 1
            wire = client(server, BERT)
            there, here = subjects(wire, f'"Other Users/{ANNA}/INBOX"'), subjects(wire, "INBOX")
            assert set(there) | set(here) == set(range(count)), f"seed {SEED}: lost {set(range(count)) - set(there) - set(here)}"
            assert len(there) + len(here) - count <= kills, f"seed {SEED}: more copies than kills"
            wire.close()


def test_what_was_seen_survives_a_kill():
    r = random.Random(SEED)
    with loft.Loft() as server:
        server.add_user(ANNA), server.add_user(BERT)
        wire = client(server, ANNA)
        assert ask(wire, f"SETACL INBOX {BERT} lrs")[0]
        message = b"Subject: x\r\n\r\nx\r\n"
        assert ask(wire, b"APPEND INBOX" + b" {%d+}\r\n%b" % (len(message), message) * 100)[0]
        wire.close()
        end, seen, doubtful = time.monotonic() + SECONDS, set(), set()
        while time.monotonic() < end:
            wire = client(server, BERT)
            ask(wire, f'SELECT "Other Users/{ANNA}/INBOX"')

            def work():
                uid, on = r.randint(1, 100), r.random() < 0.6
                doubtful.add(uid)
                assert ask(wire, f"UID STORE {uid} {'+' if on else '-'}FLAGS.SILENT (\\Seen)")[0]
                doubtful.discard(uid)
                seen.add(uid) if on else seen.discard(uid)

            until_killed(server, r, work)
            wire = client(server, BERT)
            ask(wire, f'EXAMINE "Other Users/{ANNA}/INBOX"')
            found = {int(n) for line in ask(wire, "UID SEARCH SEEN")[1] if line.startswith(b"* SEARCH") for n in line.split()[2:]}
            assert found - doubtful == seen - doubtful, f"seed {SEED}"
            seen, doubtful = found, set()
            wire.close()
            wire = client(server, ANNA)
            ask(wire, "EXAMINE INBOX")
            assert [line for line in ask(wire, "UID SEARCH SEEN")[1] if b"SEARCH" in line] == [b"* SEARCH"]
            wire.close()
