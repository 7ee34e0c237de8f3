"""Every file of test/transcripts is one test; transcript.py says how they are written."""
import base64
import glob
import os
import time

import loft
import pytest
import transcript

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transcripts")
FILES = sorted(glob.glob(os.path.join(FOLDER, "**", "*.txt"), recursive=True))


@pytest.mark.parametrize("path", FILES, ids=[os.path.relpath(p, FOLDER) for p in FILES])
def test_transcript(path, request):
    settings, _ = transcript.parse(path)
    if settings:
        with loft.Loft(settings) as own:
            transcript.run_file(own, path, own.add_user("anna@example.org"))
    else:
        transcript.run_file(request.getfixturevalue("server"), path, request.getfixturevalue("user"))


def test_a_client_that_does_not_read_holds_nobody_up(server, user):
    """Long answers wait for their reader, resumed where they stopped; other sessions go on meanwhile."""
    message = b"Subject: long\r\n\r\n" + b"0123456789abcde\n" * 65536
    login = f'L LOGIN {user} "{loft.PASSWORD}"\r\n'.encode()
    slow, quick = transcript.Client(server), transcript.Client(server)
    slow.response()
    slow.send(login + b"A APPEND INBOX {%d+}\r\n%b\r\nS SELECT INBOX\r\n" % (len(message), message))
    while not slow.response().startswith(b"S OK"):
        pass
    count = 30
    for i in range(count):
        slow.send(b"f%d FETCH 1 (BODY.PEEK[] UID)\r\n" % i)
    slow.send(b"C LIST \"\" *\r\n")
    quick.response()
    for command in (login, b"S SELECT INBOX\r\n", b"T STORE 1 +FLAGS (\\Flagged)\r\n", b"F FETCH 1 BODY.PEEK[]\r\n"):
        quick.send(command)
        while not (line := quick.response(timeout=10)).startswith(command[:1] + b" "):
            pass
        assert line.startswith(command[:1] + b" OK")
    want = b"* 1 FETCH (BODY[] {%d}\r\n%b UID 1)" % (len(message), message)
    for i in range(count):
        assert slow.response() == want
        while not (line := slow.response()).startswith(b"f"):
            assert line == b"* 1 FETCH (FLAGS (\\Flagged \\Recent))"
        assert line == b"f%d OK FETCH completed" % i
    while not slow.response().startswith(b"C OK"):
        pass
    slow.close()
    quick.close()


def test_annotations_wait_for_their_reader(server, user):
    """GETMETADATA of much, by a client that does not read: others are served, and nothing is lost."""
    value, count = b"x" * 60000, 200
    slow, quick = transcript.Client(server), transcript.Client(server)
    for client in (slow, quick):
        client.send(f'L LOGIN {user} "{loft.PASSWORD}"\r\n'.encode())
        while not client.response().startswith(b"L OK"):
            pass
    slow.send(b"S SETMETADATA INBOX (/private/comment {%d+}\r\n%b)\r\n" % (len(value), value))
    assert slow.response() == b"S OK SETMETADATA completed"
    slow.send(b"G GETMETADATA INBOX (" + b" ".join([b"/private/comment"] * count) + b")\r\n")
    time.sleep(0.5)
    quick.send(b"N NOOP\r\n")
    assert quick.response() == b"N OK NOOP completed"
    values = responses = 0
    while not (line := slow.response()).startswith(b"G "):
        assert line.startswith(b"* METADATA INBOX (/private/comment {60000}\r\n") and line.endswith(b")")
        values += line.count(b"/private/comment {60000}\r\n" + value)
        responses += 1
    assert line == b"G OK GETMETADATA completed" and values == count and responses > 1
    slow.close()
    quick.close()


def test_more_news_of_annotations_than_are_kept(server, user):
    """Which ones changed is not known any more: whatever is there is told, and nothing of empty mailboxes."""
    login = f'L LOGIN {user} "{loft.PASSWORD}"\r\n'.encode()
    watching, writing = transcript.Client(server), transcript.Client(server)
    for client in (watching, writing):
        client.send(login + b"E ENABLE METADATA\r\n")
        while not client.response().startswith(b"E OK"):
            pass
    names, boxes = [b"/private/n%d" % i for i in range(90)], [b"box%d" % i for i in range(13)]
    for box in boxes:
        writing.send(b"C CREATE %b\r\nS SETMETADATA %b (%b)\r\n" % (box, box, b" ".join(n + b' "x"' for n in names)))
        while not (line := writing.response()).startswith(b"S "):
            pass
        assert line == b"S OK SETMETADATA completed"
    watching.send(b"N NOOP\r\n")
    told = {}
    while not (line := watching.response()).startswith(b"N OK"):
        words = line.split(b" ")
        assert words[:2] == [b"*", b"METADATA"] and len(words) > 3, line
        told[words[2]] = set(words[3:])
    assert told == {box: set(names) for box in boxes}
    watching.send(b"M NOOP\r\n")
    assert watching.response() == b"M OK NOOP completed"
    watching.close()
    writing.close()


def test_an_idle_session_is_told_within_moments(server, user):
    """Fifty waiting clients hear of a new message."""
    login = f'L LOGIN {user} "{loft.PASSWORD}"\r\n'.encode()
    waiting = [transcript.Client(server) for _ in range(50)]
    for client in waiting:
        client.send(login + b"S SELECT INBOX\r\nI IDLE\r\n")
    for client in waiting:
        while not client.response().startswith(b"+ "):
            pass
    waiting[0].send(b"DONE\r\nA APPEND INBOX {3+}\r\nabc\r\n")
    for client in waiting[1:]:
        assert client.response(timeout=5) == b"* 1 EXISTS"
    for client in waiting:
        client.close()


def test_goodbye_is_not_said_inside_a_message():
    """A server that ends while a long literal is half out closes; its BYE would be taken for mail."""
    message = b"Subject: long\r\n\r\n" + b"0123456789abcde\n" * (4 * 65536)
    with loft.Loft() as own:
        user = own.add_user("anna@example.org")
        client = transcript.Client(own)
        client.response()
        client.send(f'L LOGIN {user} "{loft.PASSWORD}"\r\n'.encode())
        client.send(b"A APPEND INBOX {%d+}\r\n%b\r\nS SELECT INBOX\r\n" % (len(message), message))
        while not client.response().startswith(b"S OK"):
            pass
        for _ in range(8):
            client.send(b"F FETCH 1 BODY.PEEK[]\r\n")
        time.sleep(0.3)  # until nothing more fits between us
        own.process.terminate()
        while True:
            try:
                assert b"* BYE" not in client.response(timeout=20)
            except (EOFError, ConnectionError):
                break
        assert b"* BYE" not in client.buffer
        client.close()


@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
@pytest.mark.parametrize("delay_ms", ["0", "1"])
def test_a_failed_sign_in_is_logged_once(mechanism, delay_ms):
    plain = base64.b64encode(b"\0nobody@example.org\0guess").decode()
    command = {"LOGIN": "LOGIN nobody@example.org guess", "PLAIN": f"AUTHENTICATE PLAIN {plain}"}[mechanism]
    with loft.Loft({"auth.failure_delay_ms": delay_ms, "auth.failure_delay_max_ms": delay_ms}) as server:
        with server.connect() as s:
            s.sendall(f"A {command}\r\n".encode())
            reply = b""
            while b"A NO [AUTHENTICATIONFAILED]" not in reply:
                reply += s.recv(4096)
        loft.wait_until(lambda: any("login-failed" in line for line in server.log))
    failed = [line for line in server.log if "failed" in line]
    assert len(failed) == 1, failed
    assert all(word in failed[0] for word in ("address=127.0.0.1", f"mechanism={mechanism}", "user=nobody@example.org", "reason=unknown-user")), failed
    assert "guess" not in failed[0]
