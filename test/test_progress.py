"""A client that waits for a long search is told how far it has come (RFC 9585), and others are served meanwhile."""
import re
import time

import imapwire
import loft
import pytest

MEGABYTES, COPIES_MAX = 1, 65536


def times_told(client):
    lines, _ = client.until(client.start("SEARCH BODY nothing-of-the-kind"))
    told = {m.group(1) for line in lines if (m := re.match(rb'\* OK \[INPROGRESS \("[^"]*" (\d+) ', line))}
    return len(told - {b"0"})


@pytest.fixture(scope="module")
def slow():
    with loft.Loft({"imap.progress_interval_ms": "1", "index.enabled": "no"}) as server:
        user = server.add_user("anna@example.org")
        client = imapwire.Imap(server, user)
        raw = b"Subject: long\r\n\r\n" + b"=C3=A4bcdefghijklmnopqrstuvwxyz, and so on until the end of it\r\n" * (MEGABYTES << 14)
        client.ok(b"APPEND INBOX {%d+}\r\n%b" % (len(raw), raw))
        client.ok("SELECT INBOX")
        copies = 1
        while copies < COPIES_MAX and times_told(client) < 4:  # on a fast machine a search must be longer
            client.ok("COPY 1:* INBOX")
            copies *= 2
        yield server, user, client, copies
        client.close()


@pytest.mark.parametrize("command", ["SEARCH", "SEARCH RETURN (PARTIAL -1:-1)", "SORT (SUBJECT) UTF-8", "THREAD REFERENCES UTF-8"])
def test_a_long_search_tells_its_progress(slow, command):
    server, user, client, copies = slow
    tag = client.start(f"{command} BODY nothing-of-the-kind")
    done, lines = 0, []
    while not (line := client.raw()).startswith(tag.encode()):
        lines.append(line)
        if m := re.match(rb'\* OK \[INPROGRESS \("%b" (\d+) (\d+)\)\] ' % tag.encode(), line):
            assert done <= int(m.group(1)) < int(m.group(2)) == copies
            done = int(m.group(1))
    assert line.startswith(tag.encode() + b" OK")
    assert done > 0 and not lines[-1].startswith(b"* OK")
    assert all(l.startswith(b"* OK [INPROGRESS") for l in lines[:-1])


def test_a_search_of_several_mailboxes_counts_all_of_them(slow):
    server, user, client, copies = slow
    tag = client.start("ESEARCH IN (personal) RETURN (COUNT) OR BODY nothing-of-the-kind ALL BODY other")
    lines, tagged = client.until(tag)
    assert tagged.startswith(b"OK") and lines
    assert all(re.match(rb'\* OK \[INPROGRESS \("%b" \d+ %d\)\] ' % (tag.encode(), copies), l) for l in lines)


def test_a_tag_with_a_bracket_is_left_out(slow):
    server, user, client, copies = slow
    client.send(b"t]x SEARCH BODY nothing-of-the-kind\r\n")
    lines, _ = client.until("t]x")
    assert lines[:-1] and all(re.match(rb"\* OK \[INPROGRESS \(NIL \d+ \d+\)\] ", l) for l in lines[:-1])


def test_others_are_served_meanwhile(slow):
    server, user, client, copies = slow
    other = imapwire.Imap(server, user)
    tag = client.start("SEARCH BODY nothing-of-the-kind")
    client.raw()
    began = time.monotonic()
    other.ok("NOOP")
    assert time.monotonic() - began < 5
    client.until(tag)
    other.close()


def test_a_short_search_tells_none(slow):
    server, user, client, copies = slow
    assert client.ok("SEARCH UNSEEN SUBJECT long")[0].startswith(b"* SEARCH 1 2 ")


def test_others_get_their_turn_in_the_middle_of_a_message():
    """However large it is. A machine that is faster needs a larger one."""
    with loft.Loft({"imap.progress_interval_ms": "1", "index.enabled": "no"}) as server:
        client = imapwire.Imap(server, server.add_user("anna@example.org"))
        line = b"=C3=A4bcdefghijklmnopqrstuvwxyz, and so on until the end of it\r\n"
        head = b"Subject: one\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        keys = " ".join(f'NOT BODY "and so on until the end-{i}"' for i in range(60))
        for megabytes in (2, 8, 32, 60):
            raw = head + line * (megabytes << 14)
            client.ok("CREATE one")
            client.ok(b"APPEND one {%d+}\r\n%b" % (len(raw), raw))
            client.ok("SELECT one")
            lines, _ = client.until(client.start(f"SEARCH {keys}"))
            told = [l for l in lines if b"[INPROGRESS" in l]
            if len(told) > 1:
                break
            client.ok("CLOSE")
            client.ok("DELETE one")
        assert told and all(b" 0 1)]" in l for l in told)
        assert lines[-1] == b"* SEARCH 1"
        client.close()


def test_searches_that_wait_for_their_turn_keep_little_of_a_large_message():
    """Its text is read in windows, and found wherever it is: in the last line, over the edge of a window, in a header field that no record keeps."""
    clients, megabytes = 8, 24
    with loft.Loft({"index.enabled": "no"}) as server:
        user = server.add_user("anna@example.org")
        client = imapwire.Imap(server, user)
        edge = b"x" * 200000 + b"\r\n"
        raw = (b"Subject: large\r\nX-Odd: " + edge + b"\r\n" + b"abcdefghijklmnopqrstuvwxyz, and so on until the end of it\r\n" * 2000 + edge
               + b"0123456789 abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwx\r\n" * (megabytes << 14) + b"the last line of all\r\n")
        client.ok(b"APPEND INBOX {%d+}\r\n%b" % (len(raw), raw))
        client.ok("SELECT INBOX")
        for found in ('BODY "last line of all"', 'TEXT "until the end"', "HEADER X-Odd xxxx", 'NOT BODY "last line of none"',
                      'FUZZY BODY "lazt line"', "BODY xxxxxxxxxx", 'OR BODY nothing BODY "LINE OF ALL"'):
            assert client.ok(f"SEARCH {found}")[0] == b"* SEARCH 1", found
        assert client.ok('SEARCH BODY "last line of none"')[0].rstrip() == b"* SEARCH"
        others = [imapwire.Imap(server, user) for _ in range(clients)]
        keys = " ".join(f'NOT BODY "until the very end-{i}"' for i in range(40))
        for other in others:
            other.ok("SELECT INBOX")
        before, most = server.rss_bytes(), 0
        tags = [other.start(f"SEARCH {keys}") for other in others]
        for other, tag in zip(others, tags):
            most = max(most, server.rss_bytes())
            lines, _ = other.until(tag)
            assert lines[-1] == b"* SEARCH 1"
            other.close()
        assert most - before < (clients * megabytes << 20) / 4
        client.close()
