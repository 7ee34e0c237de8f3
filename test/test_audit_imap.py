"""What IMAP sessions leave for auditors."""
import json
import os
import re

import pytest

from imapwire import Imap
from loft import PASSWORD, Loft, wait_until
from test_audit import events, facts, path_of

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture
def server():
    with Loft() as running:
        running.add_user("anna@example.org")
        running.add_user("bert@example.org")
        yield running


def table():
    """The keys of each event, as the manual page has them."""
    with open(os.path.join(HERE, "..", "src", "base", "audit_events.c"), encoding="utf-8") as f:
        text = f.read()
    rows = re.findall(r'\[AUDIT_\w+\] = \{ "([\w-]+)",\s*((?:"[^"]*"\s*)+),', text)
    return {name: set("".join(re.findall(r'"([^"]*)"', keys)).split()) for name, keys in rows}


def append(client, mailbox, count):
    for _ in range(count):
        client.ok(b"APPEND " + mailbox + b" {15+}\r\nSubject: x\r\n\r\n.")


def after(server, name, count=1):
    """Events of that name, once there are so many."""
    return wait_until(lambda: (lambda found: found if len(found) >= count else None)(events(server, name)))


def test_sign_in_and_sign_out_say_who_how_and_from_where(server):
    c = Imap(server)
    c.ok('ID ("name" "Thunder" "version" "1.0")')
    c.ok(f'LOGIN Anna@EXAMPLE.org "{PASSWORD}"')
    c.ok("NOOP")
    c.ok("LOGOUT")
    c.close()
    out, = after(server, "sign-out")
    signed_in, = events(server, "sign-in")
    session = signed_in["session"]
    assert facts(signed_in) == {"ok": True, "user": "anna@example.org", "mechanism": "LOGIN", "provider": "own",
                                "protocol": "imap", "address": "127.0.0.1", "client": "Thunder 1.0", "session": session}
    assert facts(out) == {"user": "anna@example.org", "protocol": "imap", "address": "127.0.0.1", "session": session,
                          "client": "Thunder 1.0", "duration_s": 0, "commands": out["commands"]}
    assert out["commands"] > 0
    assert not events(server, "client")


def test_id_after_the_sign_in_is_told_too(server):
    c = Imap(server, "anna@example.org")
    c.ok('ID ("name" "Mutter")')
    told, = after(server, "client")
    assert told["client"] == "Mutter" and told["user"] == "anna@example.org"
    assert told["session"] == events(server, "sign-in")[0]["session"]
    c.close()


@pytest.mark.parametrize("name, password, reason", [
    ("anna@example.org", "wrong", "wrong"), ("nobody@example.org", "wrong", "unknown-user"), ('""', '""', "unknown-user")])
def test_refusals_have_a_reason_that_the_client_is_not_told(server, name, password, reason):
    c = Imap(server)
    _, tagged = c.run(f"LOGIN {name} {password}")
    assert tagged.startswith(b"NO [AUTHENTICATIONFAILED]") and reason.encode() not in tagged
    c.close()
    refused, = after(server, "sign-in")
    assert refused["ok"] is False and refused["reason"] == reason and refused["address"] == "127.0.0.1"
    assert refused.get("user", '""') == name
    with open(path_of(server)) as f:
        assert PASSWORD not in f.read()


def test_sign_in_of_a_disabled_user_and_one_beyond_the_limit_are_refusals():
    with Loft({"limits.connections_per_account": "1"}) as server:
        server.add_user("anna@example.org")
        first = Imap(server, "anna@example.org")
        second = Imap(server)
        second.run(f'LOGIN anna@example.org "{PASSWORD}"')
        assert [(e["ok"], e.get("reason")) for e in events(server, "sign-in")] == [(True, None), (False, "limit")]
        first.close()
        second.close()


def test_lock_is_recorded_once():
    with Loft({"auth.lock_failures": "3"}) as server:
        server.add_user("anna@example.org")
        c = Imap(server)
        for i in range(5):  # the same again would count once
            c.run(f"LOGIN anna@example.org wrong{i}")
        lock, = after(server, "lock")
        assert lock["user"] == "anna@example.org" and lock["failures"] == 3 and lock["until_s"] > 0
        assert [e["reason"] for e in events(server, "sign-in")] == ["wrong"] * 3 + ["locked"] * 2
        c.close()


def test_each_command_that_takes_messages_away_is_one_event_with_a_count(server):
    c = Imap(server, "anna@example.org")
    append(c, b"INBOX", 9)
    c.ok("SELECT INBOX")
    c.ok("STORE 1:3 +FLAGS (\\Deleted)")
    c.ok("EXPUNGE")
    c.ok("EXPUNGE")  # nothing: no event
    c.ok("MOVE 1:2 Trash")
    c.ok("STORE 1 +FLAGS (\\Deleted)")
    uid = re.search(rb"UID (\d+)", c.ok("FETCH 1 UID")[0]).group(1)
    c.ok(b"UID EXPUNGE " + uid)
    c.ok(b"REPLACE 1 INBOX {15+}\r\nSubject: y\r\n\r\n.")
    c.ok("STORE 1:2 +FLAGS (\\Deleted)")
    c.ok("CLOSE")
    c.ok("LOGOUT")
    out, = after(server, "sign-out")
    assert out["expunged"] == 7
    common = {"user": "anna@example.org", "mailbox": "INBOX", "address": "127.0.0.1", "session": out["session"]}
    assert [facts(e) for e in events(server, "expunge")] == [
        {**common, "messages": 3, "command": "EXPUNGE"},
        {**common, "messages": 2, "command": "MOVE", "to": "Trash"},
        {**common, "messages": 1, "command": "EXPUNGE"},
        {**common, "messages": 1, "command": "REPLACE"},
        {**common, "messages": 2, "command": "CLOSE"},
    ]
    c.close()


def test_mailboxes_and_rights(server):
    c = Imap(server, "anna@example.org")
    c.ok("CREATE Work")
    append(c, b"Work", 2)
    c.ok("RENAME Work Play")
    c.ok("SETACL Play bert@example.org +lrte")
    c.ok("SETACL Play bert@example.org -e")
    c.ok("DELETEACL Play bert@example.org")
    c.ok("DELETE Play")
    c.run("DELETE Play")  # there is none: no event
    common = {"ok": True, "user": "anna@example.org", "address": "127.0.0.1",
              "session": events(server, "sign-in")[0]["session"]}
    assert [(e["event"], facts(e)) for e in events(server) if e["event"].startswith(("mailbox", "acl"))] == [
        ("mailbox-rename", {**common, "mailbox": "Work", "to": "Play"}),
        ("acl", {**common, "mailbox": "Play", "who": "bert@example.org", "change": "add", "rights": "lrte"}),
        ("acl", {**common, "mailbox": "Play", "who": "bert@example.org", "change": "remove", "rights": "e"}),
        ("acl", {**common, "mailbox": "Play", "who": "bert@example.org", "change": "delete"}),
        ("mailbox-delete", {**common, "mailbox": "Play", "messages": 2}),
    ]
    c.close()


def test_what_one_does_in_the_mailbox_of_another_names_its_owner(server):
    anna, bert = Imap(server, "anna@example.org"), Imap(server, "bert@example.org")
    append(anna, b"INBOX", 2)
    anna.ok("SETACL INBOX bert@example.org lrte")
    bert.ok('SELECT "Other Users/anna@example.org/INBOX"')
    bert.ok("STORE 1 +FLAGS (\\Deleted)")
    bert.ok("EXPUNGE")
    gone, = after(server, "expunge")
    assert (gone["user"], gone["owner"], gone["mailbox"]) == ("bert@example.org", "anna@example.org", "INBOX")
    lines = server.run("log", "--json", "--user", "anna@example.org", "--event", "expunge").stdout.splitlines()
    assert len(lines) == 1
    anna.close()
    bert.close()


HOSTILE = ['x", "event":"forged', 'x\\"}', "{\"time\"}", "\x7f\x9b2J", "é" * 100, "x" * 4000]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_clients_and_names_forge_nothing(server, text):
    raw = text.encode()
    literal = b"{%d+}\r\n%s" % (len(raw), raw)
    c = Imap(server)
    c.ok(b'ID ("name" ' + literal[:1900] + b")") if len(raw) < 1000 else c.run("NOOP")
    c.run(b"LOGIN " + literal + b" wrong") if len(raw) < 1000 else c.run("NOOP")
    c.ok(f'LOGIN anna@example.org "{PASSWORD}"')
    c.ok(b'ID ("name" ' + literal + b' "version" "}\\"")') if len(raw) < 1000 else None
    c.run(b"CREATE " + literal)
    c.run(b"DELETE " + literal)
    c.ok("LOGOUT")
    c.close()
    after(server, "sign-out")
    known = table()
    for event in events(server):
        assert set(event) - {"time", "event"} <= known[event["event"]], event
    with open(path_of(server), "rb") as f:
        for line in f:
            assert not re.search(rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]", line[:-1]), line


def test_kill_loses_no_event_that_a_client_was_told_of(server):
    clients = [Imap(server, "anna@example.org") for _ in range(20)]
    server.kill()
    assert len([e for e in events(server, "sign-in") if e["ok"]]) == len(clients)
    server.start()
    assert events(server)[-1]["event"] == "start"
    for c in clients:
        c.close()


def test_a_line_cut_by_a_crash_is_passed_over_after_the_next_start(server):
    server.kill()
    with open(path_of(server), "a") as f:
        f.write('{"time":"2026-11-20T11:17:00.123Z","event":"sign-in","ok":tr')
    server.start()
    done = server.run("log", "--json")
    assert b"1 line was passed over" in done.stderr
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()].count("start") == 2
