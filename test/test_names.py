"""Names of users as they are typed and written on letters: default domain, several domains, aliases, catch-alls, and accounts that were
disabled or locked. (Every form of a name is in src/auth/directory/names_test.c.)"""
import json
import os
import re
import subprocess

import imapwire
import loft
import pytest
from lmtpwire import Lmtp

DEBIAN_LIST = "/usr/share/john/password.lst"
MESSAGE = b"From: a@example.com\r\nSubject: hello\r\n\r\nbody\r\n"
OK = "250 2.0.0"
FULL = "452 4.2.2"
ANNA, BOB, DORA = "anna@example.org", "bob@example.org", "dora@example.net"


@pytest.fixture(scope="module")
def server():
    with loft.Loft({"auth.default_domain": "example.org", "quota.warnings": ""}) as server:
        for user in (ANNA, BOB, DORA):
            server.add_user(user)
        server.run("domain", "add", "example.net")
        server.run("domain", "add", "other.example", "example.org")
        server.run("alias", "add", "team", "anna", "bob")
        server.run("alias", "add", "everybody", "team", DORA, "anna")
        server.run("alias", "add", "a.nna@example.org", ANNA)
        server.run("alias", "add", "@example.net", DORA)
        yield server


def counts(server):
    return [server.json("user", "show", user)["messages"] for user in (ANNA, BOB, DORA)]


def fails(server, *args, text, code=1):
    done = server.run(*args, check=False, input=b"some password\n")
    assert done.returncode == code and text.encode() in done.stderr, done
    return done


@pytest.mark.parametrize(
    "address, copies",
    [
        (ANNA, (1, 0, 0)),
        ("Anna", (1, 0, 0)),
        ("ANNA@Other.Example", (1, 0, 0)),
        ("anna+Sent@other.example", (1, 0, 0)),
        ("A.NNA@example.org", (1, 0, 0)),
        ("team", (1, 1, 0)),
        ("team+x@other.example", (1, 1, 0)),
        ("everybody@example.org", (1, 1, 1)),
        ("what.ever@example.net", (0, 0, 1)),
    ],
)
def test_mail_goes_to_all_for_whom_a_name_stands(server, address, copies):
    before = counts(server)
    with Lmtp(server) as lmtp:
        assert lmtp.deliver(MESSAGE, address) == [OK]
    assert [b - a for a, b in zip(before, counts(server))] == list(copies)
    server.run("deliver", address, input=MESSAGE)
    assert [b - a for a, b in zip(before, counts(server))] == [2 * n for n in copies]


def test_one_reply_for_each_rcpt_whatever_it_stands_for(server):
    before = counts(server)
    with Lmtp(server) as lmtp:
        assert lmtp.deliver(MESSAGE, "team", ANNA, "everybody", DORA) == [OK] * 4
        assert lmtp.deliver(MESSAGE, BOB) == [OK]  # nothing is left over
    assert [b - a for a, b in zip(before, counts(server))] == [1, 2, 1]


@pytest.mark.parametrize(
    "address, reply, exit_code",
    [
        ("nobody@example.org", "550 5.1.1", 67),
        ("nobody", "550 5.1.1", 67),
        ("anna@strange.example", "550 5.1.2", 68),
        ("anna+x@strange.example", "550 5.1.2", 68),
        ("..%2f..%2fetc%2fpasswd@example.org", "550 5.1.1", 67),
        ("../../anna@example.org", "550 5.1.1", 67),
        ("/etc/passwd", "550 5.1.1", 67),
        ("U/anna@example.org", "550 5.1.1", 67),
        ("*)(uid=*@example.org", "550 5.1.1", 67),
        ("a" * 250 + "@example.org", "550 5.1.1", 67),
    ],
)
def test_strange_recipients_are_refused(server, address, reply, exit_code):
    with Lmtp(server) as lmtp:
        assert lmtp.begin(address) == [reply]
    done = server.run("deliver", address, input=MESSAGE, check=False)
    assert done.returncode == exit_code, done.stderr


def test_a_full_member_holds_up_nobody(server):
    before = counts(server)
    server.run("quota", "set", BOB, "--messages", str(before[1]))
    try:
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(MESSAGE, "team", BOB) == [OK, FULL]
        server.run("deliver", "team", input=MESSAGE)
        assert server.run("deliver", BOB, input=MESSAGE, check=False).returncode == 75
        assert [b - a for a, b in zip(before, counts(server))] == [2, 0, 0]
    finally:
        server.run("quota", "set", BOB, "--messages", "none")


# ---- signing in ----


def login(server, user, password=loft.PASSWORD):
    client = imapwire.Imap(server)
    _, tagged = client.run(f'LOGIN "{user}" "{password}"')
    return client, tagged.decode()


@pytest.mark.parametrize("typed", ["anna", "ANNA@Example.org", "anna@other.example", "a.nna", "A.nna@other.example"])
def test_a_user_signs_in_by_every_name(server, typed):
    client, tagged = login(server, typed)
    assert tagged.startswith("OK"), tagged
    assert [who["user"] for who in server.json("who")].count(ANNA) == 1
    client.ok("LOGOUT")
    loft.wait_until(lambda: not server.json("who"))


HOSTILE = [
    b"team",
    b"everybody@example.org",
    b"@example.net",
    b"what.ever@example.net",
    b"anna+x@example.org",
    b"anna@strange.example",
    b"../anna@example.org",
    b"../../store",
    b"/etc/passwd",
    b"U/anna@example.org",
    b"anna@example.org\x01",
    b"anna@example.org\x7f",
    b"*",
    b"*)(uid=*))(|(uid=*",
    b"' OR 1=1 --",
    b"%s%s%s%n",
    b"${jndi:ldap://127.0.0.1/x}",
    b"\xff\xfe",
    b"\xc0\xafanna",
    b"\xed\xa0\x80",
    "anna\u202e@example.org".encode(),
    "\u200fanna@example.org".encode(),
    "\u0430nna@example.org".encode(),  # a Cyrillic letter is another one
    "\U0001f4a9@example.org".encode(),
    b"a" * 5000,
    b"anna\r\nlogin-failed user=bob",
    b"anna\x1b[2J",
]


@pytest.mark.parametrize("name", HOSTILE, ids=[repr(name[:20]) for name in HOSTILE])
def test_hostile_names_open_nothing_and_stay_in_their_place(server, name):
    client = imapwire.Imap(server)
    lines = len(server.log)
    client.send(b"t1 LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n" % (len(name), name, len(loft.PASSWORD), loft.PASSWORD.encode()))
    answer = client.file.readline()
    assert answer.startswith((b"t1 NO ", b"t1 BAD ", b"* BYE ")), answer
    client.close()
    if b"AUTHENTICATIONFAILED" in answer:
        loft.wait_until(lambda: any("login-failed" in line for line in server.log[lines:]))
    for line in server.log[lines:]:
        assert all(c.isprintable() for c in line) and not line.startswith("login-failed"), line


# ---- disabled and locked ----


@pytest.fixture
def carl(server):
    yield server.add_user("carl@example.org")
    server.run("user", "delete", "carl@example.org", "--yes")


@pytest.mark.parametrize("hold, release", [("disable", "enable"), ("lock", "unlock")])
def test_a_hold_ends_sessions_and_keeps_everybody_out(server, carl, hold, release):
    client, tagged = login(server, carl)
    assert tagged.startswith("OK")
    assert json.loads(server.run("user", hold, carl, "--reason", "on leave", "--for", "2h", "--json").stdout)["kicked"] == 1
    with pytest.raises((EOFError, OSError)):
        while True:
            client.ok("NOOP")
    _, tagged = login(server, carl)
    assert tagged.startswith("NO")
    shown = server.json("user", "show", carl)
    word = "disabled" if hold == "disable" else "locked"
    assert shown[word] is True and shown[word + "_reason"] == "on leave"
    assert shown[word + "_until_s"] - shown[word + "_since_s"] == 7200
    assert re.search(r"carl@example\.org .* yes", server.run("user", "list").stdout.decode())
    with Lmtp(server) as lmtp:
        assert lmtp.deliver(MESSAGE, carl) == [OK]
    server.run("user", release, carl)
    assert login(server, carl)[1].startswith("OK")
    assert word + "_reason" not in server.json("user", "show", carl)


def test_a_hold_with_an_end_ends(server, carl):
    server.run("user", "lock", carl, "--for", "1s")
    assert login(server, carl)[1].startswith("NO")
    loft.wait_until(lambda: login(server, carl)[1].startswith("OK"))
    assert server.json("user", "show", carl)["locked"] is False


def test_a_disabled_account_may_refuse_mail(server, carl):
    server.run("alias", "add", "both", carl, ANNA)
    server.run("user", "disable", carl, "--refuse-mail")
    with Lmtp(server) as lmtp:
        assert lmtp.begin(carl, "both") == ["550 5.2.1", "250 2.1.5"]
        assert lmtp.data(MESSAGE, 1) == [OK]
    assert server.run("deliver", carl, input=MESSAGE, check=False).returncode == 67
    assert server.json("user", "show", carl)["refuses_mail"] is True
    server.run("user", "enable", carl)
    with Lmtp(server) as lmtp:
        assert lmtp.deliver(MESSAGE, carl, "both") == [OK, OK]


def test_bad_holds_are_refused(server, carl):
    fails(server, "user", "lock", "nobody", text="no user nobody")
    fails(server, "user", "lock", carl, "--for", "soon", text="such as 30m, 12h or 7d", code=2)
    fails(server, "user", "lock", carl, "--for", "0", text="such as 30m, 12h or 7d", code=2)
    fails(server, "user", "lock", carl, "--reason", "a\nb", text="no line of text")
    fails(server, "user", "lock", carl, "--reason", "x" * 128, text="127 bytes")
    assert server.json("user", "show", carl)["locked"] is False


# ---- users whom somebody else keeps ----


def test_an_account_is_made_when_its_user_first_comes_or_gets_mail(tmp_path):
    passwords = tmp_path / "passwd"
    passwords.write_text("anna@example.org:{PLAIN}correct horse\nbob@example.org:{PLAIN}correct horse\n")
    options = {"auth.providers": "own passwd-file", "passwd_file.path": str(passwords), "auth.default_domain": "example.org"}
    with loft.Loft(options) as server:
        server.add_user("own@example.org")
        assert [user["name"] for user in server.json("user", "list")] == ["own@example.org"]
        client, tagged = login(server, "anna")
        assert tagged.startswith("OK"), tagged
        client.ok("SELECT INBOX")
        with Lmtp(server) as lmtp:
            assert lmtp.begin("nobody@example.org") == ["550 5.1.1"]
            assert lmtp.ask("RSET") == "250 2.0.0"
            assert lmtp.deliver(MESSAGE, "bob+x@example.org", ANNA) == [OK, OK]
        shown = {user["name"]: user["provider"] for user in server.json("user", "list")}
        assert shown == {ANNA: "passwd-file", BOB: "passwd-file", "own@example.org": "own"}
        assert server.json("user", "show", BOB)["messages"] == 1
        fails(server, "user", "passwd", BOB, "--password-stdin", text="the password of bob@example.org is kept by passwd-file")
        # A password of our own for the same name is another person's.
        passwords.write_text("own@example.org:{PLAIN}other horse\n")
        assert login(server, "own@example.org", "other horse")[1].startswith("NO")
        assert login(server, ANNA)[1].startswith("NO")  # gone from the file
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(MESSAGE, ANNA) == [OK]  # the account is still there
        server.run("user", "delete", ANNA, "--yes")
        with Lmtp(server) as lmtp:
            assert lmtp.begin(ANNA) == ["550 5.1.1"]


def test_a_provider_that_leaves_out_the_domain_means_the_same_account(tmp_path):
    passwords = tmp_path / "passwd"
    passwords.write_text("anna@example.org:{PLAIN}correct horse\n"
                         "a.meier@example.org:{PLAIN}correct horse::::::user=anna\n"
                         "team@example.org:{PLAIN}correct horse\n"
                         "teamster@example.org:{PLAIN}correct horse::::::user=team\n")
    options = {"auth.providers": "own passwd-file", "passwd_file.path": str(passwords), "auth.default_domain": "example.org"}
    with loft.Loft(options) as server:
        server.add_user("own@example.org")
        server.add_user("two@example.org")
        server.run("alias", "add", "team", "own", "two")
        for name in ("a.meier", "anna", "a.meier@example.org"):
            assert login(server, name)[1].startswith("OK"), name
        for _ in range(2):
            for name in ("team", "teamster"):  # an alias is nobody's account, and gets none beside it
                assert login(server, name)[1].startswith("NO"), name
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(MESSAGE, "team@example.org") == [OK]
        assert [user["name"] for user in server.json("user", "list")] == [ANNA, "own@example.org", "two@example.org"]


# ---- passwords that may be chosen ----


def add(server, name, password):
    return server.run("user", "add", name, "--password-stdin", input=password.encode() + b"\n", check=False)


def test_new_passwords_are_judged(tmp_path):
    common = tmp_path / "common"
    common.write_text("#!comment: of a test\nCorrect Battery\n")
    options = {"auth.password_length_min": "10", "auth.common_passwords": str(common)}
    with loft.Loft(options) as server:
        for password, text in (
            ("too short", b"at least 10 characters"),
            ("correct BATTERY", b"in a list of common ones"),
            ("Anna.Meier@Example.org", b"must not be the user name"),
            ("anna.MEIER", b"must not be the user name"),
        ):
            done = add(server, "anna.meier@example.org", password)
            assert done.returncode == 1 and text in done.stderr, done
            assert password.encode() not in done.stderr
        assert server.json("user", "list") == []
        assert add(server, "anna.meier@example.org", "not so short").returncode == 0
        done = server.run("user", "passwd", "anna.meier@example.org", "--password-stdin", input=b"short\n", check=False)
        assert done.returncode == 1 and b"at least 10 characters" in done.stderr
        assert login(server, "anna.meier@example.org", "not so short")[1].startswith("OK")  # the old one stays
        assert not any("no-common-passwords" in line for line in server.log)


def test_without_a_list_the_log_says_so(tmp_path):
    missing = str(tmp_path / "missing")
    with loft.Loft({"auth.common_passwords": missing}) as server:
        assert any("no-common-passwords" in line and missing in line and "john-data" in line for line in server.log)
        assert add(server, "anna", "password").returncode == 0


@pytest.mark.skipif(not os.path.exists(DEBIAN_LIST), reason="john-data is not installed")
@pytest.mark.parametrize("password", ["password", "PassWord", "12345678", "qwertyuiop", "trustno1", "iloveyou"])
def test_the_list_of_debian_holds_what_is_guessed_first(tmp_path, password):
    """With no server: the defaults."""
    done = subprocess.run([loft.BINARY, "-d", str(tmp_path / "data"), "user", "add", "anna", "--password-stdin"], input=password.encode() + b"\n",
                          capture_output=True)
    assert done.returncode == 1 and b"guessed first" in done.stderr, done


# ---- the command line ----


def test_aliases_and_domains_are_listed_and_deleted(server, carl):
    server.run("alias", "add", "c", carl, "bob")
    aliases = [(a["name"], a["target"]) for a in server.json("alias", "list")]
    assert ("c@example.org", carl) in aliases and ("c@example.org", BOB) in aliases
    assert b"@example.net" in server.run("alias", "list").stdout
    server.run("alias", "delete", "c", "bob")
    fails(server, "alias", "delete", "c", "bob", text="does not stand for bob@example.org")
    server.run("alias", "delete", "c")
    fails(server, "alias", "delete", "c", text="there is no alias c")
    domains = {d["name"]: d["target"] for d in server.json("domain", "list")}
    assert domains == {"example.net": "", "example.org": "", "other.example": "example.org"}
    server.run("domain", "add", "new.example")
    server.run("domain", "delete", "new.example")
    fails(server, "domain", "delete", "example.net", text="there are users in example.net, such as dora@example.net")


def test_names_in_the_way_are_told(server):
    fails(server, "user", "add", "team", "--password-stdin", text="team is an alias")
    fails(server, "user", "add", "anna", "--password-stdin", text="user anna@example.org exists already")
    fails(server, "user", "add", "x@strange.example", "--password-stdin", text="strange.example is no domain of this server")
    fails(server, "alias", "add", "bob", "anna", text="bob@example.org is a user")
    fails(server, "alias", "add", "new", "nobody", text="there is no user or alias nobody")
    fails(server, "alias", "add", "team", "everybody", text="would stand for itself")
