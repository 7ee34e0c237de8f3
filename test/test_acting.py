"""Signing in for another user (authorisation identity, RFC 4616), and what those hear who may not come in (RFC 5530)."""

import base64
import json
import os

import pytest

import loft

ANNA, HELP, ROOT = "anna@example.org", "help@example.org", "root@example.org"
RULES = {"auth.may_act_for": f"{HELP}: *@example.org; {ROOT}: {ANNA}, {HELP}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = str(tmp_path_factory.mktemp("acting"))
    with loft.Loft({**RULES, "audit.file": os.path.join(data, "audit.log")}, data) as running:
        for name in (ANNA, HELP, ROOT, "bob@other.example"):
            running.add_user(name, f"of {name}")
        yield running


class Session:
    def __init__(self, server):
        self.socket = server.connect()
        self.file = self.socket.makefile("rb")
        self.lines("*")

    def lines(self, tag):
        found = []
        while not found or not found[-1].startswith(tag):
            line = self.file.readline().decode().rstrip()
            assert line, found
            found.append(line)
        return found

    def command(self, text):
        self.socket.sendall(f"A {text}\r\n".encode())
        return self.lines("A ")

    def plain(self, authzid, authcid, password):
        message = base64.b64encode(f"{authzid}\0{authcid}\0{password}".encode()).decode()
        return self.command(f"AUTHENTICATE PLAIN {message}")[-1]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.socket.close()


def test_who_acts_for_another_gets_that_mail_and_is_marked(server):
    with Session(server) as anna:
        assert anna.plain("", ANNA, f"of {ANNA}").startswith("A OK")
        anna.command("CREATE Hers")
        with Session(server) as helper:
            assert helper.plain(ANNA.upper(), HELP, f"of {HELP}").startswith("A OK")
            assert any("Hers" in line for line in helper.command('LIST "" *'))
            who = {(row["user"], row["by"]) for row in server.json("who")}
            assert who == {(ANNA, ""), (ANNA, HELP)}
    logins = [line for line in server.log if " login " in line and f"by={HELP}" in line]
    assert len(logins) == 1 and f"account={ANNA}" in logins[0]
    with open(os.path.join(server.data, "audit.log")) as f:
        events = [json.loads(line) for line in f]
    assert any(e["event"] == "sign-in" and e.get("user") == ANNA and e.get("by") == HELP for e in events), events
    assert not any(f"of {HELP}" in json.dumps(e) for e in events)


@pytest.mark.parametrize("command", ["disable", "delete", "kick"])
def test_who_acts_for_another_goes_with_what_ends_the_own_sessions(command):
    helper = "help-" + "x" * 150 + "@example.org"
    with loft.Loft({"auth.may_act_for": f"{helper}: {ANNA}"}) as server:
        for name in (ANNA, helper):
            server.add_user(name)
        with Session(server) as anna, Session(server) as acting:
            assert anna.plain("", ANNA, loft.PASSWORD).startswith("A OK")
            assert acting.plain(ANNA, helper, loft.PASSWORD).startswith("A OK")
            command = [command] if command == "kick" else ["user", command]
            ended = server.json(*command, helper, *(["--yes"] if "delete" in command else []))
            assert ended["kicked"] == 1
            assert acting.lines("* BYE")
            assert anna.command("NOOP")[-1].startswith("A OK")


@pytest.mark.parametrize(
    "authzid, authcid, password, answer",
    [
        (ANNA, HELP, "wrong", "A NO [AUTHENTICATIONFAILED] Authentication failed"),
        (ANNA, HELP, f"of {ANNA}", "A NO [AUTHENTICATIONFAILED] Authentication failed"),
        (HELP, ANNA, f"of {ANNA}", "A NO [AUTHORIZATIONFAILED] not allowed to act for that user"),
        ("nobody@example.org", HELP, f"of {HELP}", "A NO [AUTHORIZATIONFAILED] not allowed to act for that user"),
        ("bob@other.example", HELP, f"of {HELP}", "A NO [AUTHORIZATIONFAILED] not allowed to act for that user"),
        (ROOT, HELP, f"of {HELP}", "A NO [AUTHORIZATIONFAILED] not allowed to act for that user"),
        ("*", HELP, f"of {HELP}", "A NO [AUTHORIZATIONFAILED] not allowed to act for that user"),
        ("../anna", HELP, f"of {HELP}", "A NO [AUTHORIZATIONFAILED] not allowed to act for that user"),
        (HELP, ROOT, f"of {ROOT}", "A OK"),
        (HELP, HELP, f"of {HELP}", "A OK"),
        ("", HELP, f"of {HELP}", "A OK"),
    ],
)
def test_only_a_rule_lets_one_act_for_another(server, authzid, authcid, password, answer):
    with Session(server) as session:
        assert session.plain(authzid, authcid, password).startswith(answer)


def test_a_disabled_account_is_told_only_to_who_has_its_password():
    with loft.Loft() as server:
        server.add_user(ANNA)
        server.run("user", "disable", ANNA)
        with Session(server) as session:
            assert session.plain("", ANNA, loft.PASSWORD) == "A NO [CONTACTADMIN] the account is disabled"
            assert session.plain("", ANNA, "guess") == "A NO [AUTHENTICATIONFAILED] Authentication failed"
        server.run("user", "enable", ANNA)
        with Session(server) as session:
            assert session.plain("", ANNA, loft.PASSWORD).startswith("A OK")


def test_a_provider_that_is_down_is_unavailable_and_nobody_else_is_asked(tmp_path):
    """Anna is in the file and, with another password, here: while the file is gone, that one does not open her mail."""
    users = tmp_path / "users"
    users.write_text(f"{ANNA}:{{PLAIN}}in the file\n")
    options = {"auth.providers": "passwd-file own", "passwd_file.path": str(users), "passwd_file.allow_weak": "yes"}
    with loft.Loft({**options, "auth.known_good_count": "0"}) as server:
        server.add_user(ANNA)
        with Session(server) as session:
            assert session.plain("", ANNA, loft.PASSWORD).startswith("A NO [AUTHENTICATIONFAILED]")
            users.unlink()
            for password in (loft.PASSWORD, "in the file", "guess"):
                assert session.plain("", ANNA, password).startswith("A NO [UNAVAILABLE]")
            assert [row for row in server.json("throttle", "list") if row["failures"] > 1] == []
            users.write_text(f"{ANNA}:{{PLAIN}}in the file\n")
            assert session.plain("", ANNA, "in the file").startswith("A OK")


def test_a_rule_that_is_none_is_refused_at_the_start():
    with pytest.raises(RuntimeError, match="auth.may_act_for"):
        loft.Loft({"auth.may_act_for": "help@example.org"}).start()
