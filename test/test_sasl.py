"""AUTHENTICATE as clients speak it, in several steps: every mechanism, and every way in which it can fail."""
import base64
import json
import socket
import ssl
import time

import loft
import pytest
from scramwire import Scram, b64
from test_tls import Authority

FAILED = b"NO [AUTHENTICATIONFAILED] Authentication failed"
ANNA = "anna@example.org"


class Wire:
    """A connection after its greeting. `tls`: False, or the TLS version to speak at most."""

    def __init__(self, server, tls=False, certificate=None):
        self.socket = server.connect(server.imaps_port if tls else server.imap_port)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if tls == "1.2":
                context.maximum_version = ssl.TLSVersion.TLSv1_2
            if certificate:
                context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()
        self.tags = 0

    def line(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), line
        return line[:-2]

    def send(self, data):
        self.socket.sendall(data)

    def offered(self):
        self.send(b"c CAPABILITY\r\n")
        names = self.line().split()
        assert self.line() == b"c OK CAPABILITY completed"
        return [n[5:].decode() for n in names if n.startswith(b"AUTH=")]

    def begin(self, mechanism, initial=None):
        """The first answer: a challenge, decoded, or the reply without its tag, as a str."""
        self.tags += 1
        line = f"a{self.tags} AUTHENTICATE {mechanism}".encode()
        if initial is not None:
            line += b" " + (b64(initial) or b"=")
        self.send(line + b"\r\n")
        return self.answer()

    def respond(self, response):
        self.send(b64(response) + b"\r\n")
        return self.answer()

    def answer(self):
        line = self.line()
        if line.startswith(b"+ "):
            return base64.b64decode(line[2:], validate=True)
        tag, reply = line.split(b" ", 1)
        assert tag == f"a{self.tags}".encode(), line
        return reply.decode()

    def scram(self, mechanism, scram, initial=True):
        """To the end: the reply."""
        said = self.begin(mechanism, scram.first() if initial else None)
        if not initial:
            assert said == b""
            said = self.respond(scram.first())
        if isinstance(said, str):
            return said
        said = self.respond(scram.final(said))
        if isinstance(said, str):
            return said
        assert said == scram.signature
        return self.respond(b"")

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def wire(request, server):
    opened = []

    def make(tls=False, at=server, **more):
        opened.append(Wire(at, tls, **more))
        return opened[-1]
    yield make
    for connection in opened:
        connection.close()


def failures(server, **fields):
    return [line for line in server.log if "login-failed" in line and all(f"{k}={v}" in line for k, v in fields.items())]


def is_in(reply):
    return reply.startswith("OK [CAPABILITY IMAP4rev2 ") and reply.endswith("] Logged in")


# ---- what is offered ----

def test_offers_follow_the_channel(wire):
    plain = ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
    assert wire().offered() == plain
    for version in "1.2", "1.3":
        assert wire(tls=version).offered() == ["SCRAM-SHA-256-PLUS", *plain]


def test_offers_follow_the_settings(wire):
    with loft.Loft({"auth.mechanisms": "SCRAM-SHA-256"}) as own:
        own.add_user(ANNA)
        connection = wire(at=own)
        assert connection.offered() == ["SCRAM-SHA-256"] and b" LOGINDISABLED " in connection.greeting
        connection.send(f'b LOGIN {ANNA} "{loft.PASSWORD}"\r\n'.encode())
        assert connection.line() == b"b NO [CANNOT] Passwords are not taken"
        assert connection.begin("PLAIN", f"\0{ANNA}\0{loft.PASSWORD}".encode()) == "NO [CANNOT] Mechanism not supported"
        assert is_in(connection.scram("SCRAM-SHA-256", Scram(ANNA, loft.PASSWORD)))
    with loft.Loft({"auth.mechanisms": "SCRAM-SHA-256-PLUS, PLAIN", "auth.plaintext_on_loopback": "no"}) as own:
        connection = wire(at=own)
        assert connection.offered() == []
        for mechanism in "PLAIN", "SCRAM-SHA-256-PLUS":
            assert connection.begin(mechanism, b"x") == "NO [PRIVACYREQUIRED] Use TLS before sending a password"
        assert connection.begin("LOGIN") == connection.begin("ANONYMOUS", b"x") == "NO [CANNOT] Mechanism not supported"
        assert wire(at=own, tls="1.3").offered() == ["SCRAM-SHA-256-PLUS", "PLAIN"]


def test_settings_with_unknown_mechanisms_are_told():
    own = loft.Loft()
    done = own.run("config", "check", "-o", "auth.mechanisms=PLAIN ANONYMOUS", check=False)
    assert done.returncode != 0 and b"auth.mechanisms: no mechanism ANONYMOUS" in done.stderr


# ---- LOGIN and PLAIN ----

def test_login_asks_for_name_and_password(wire, user):
    password = loft.PASSWORD.encode()
    connection = wire()
    assert connection.begin("LOGIN") == b"Username:"
    assert connection.respond(user.encode()) == b"Password:"
    assert is_in(connection.respond(password))
    connection = wire()
    assert connection.begin("login", user.encode()) == b"Password:"
    assert connection.respond(b"wrong") == FAILED.decode()
    assert connection.begin("LOGIN", b"nobody") == b"Password:"
    assert connection.respond(password) == FAILED.decode()
    assert connection.begin("LOGIN", b"").startswith("BAD ")
    assert connection.begin("LOGIN", user.encode()) == b"Password:"
    connection.send(b"*\r\n")
    assert connection.answer() == "BAD Authentication cancelled"


def test_scram_broken_off_once_it_told_the_salt_is_a_failed_login(wire):
    with loft.Loft({"auth.mechanisms": "SCRAM-SHA-256"}) as own:
        own.add_user(ANNA)
        idle = wire(at=own)
        for _ in range(15):  # nothing was asked yet, and nothing told
            assert idle.begin("SCRAM-SHA-256") == b""
            idle.send(b"*\r\n")
            assert idle.answer() == "BAD Authentication cancelled"
        assert own.json("throttle", "list") == [] and not failures(own)
        connection = wire(at=own)
        for name in (ANNA, "nobody") * 5:
            assert connection.begin("SCRAM-SHA-256", Scram(name, "x").first()).startswith(b"r=")
            connection.send(b"*\r\n")
            assert connection.answer() == "BAD Authentication cancelled"
        assert connection.line() == b"* BYE Too many failed logins"
        assert {row["kind"]: row["failures"] for row in own.json("throttle", "list")} == {"address": 10, "network": 10}
        loft.wait_until(lambda: len(failures(own, mechanism="SCRAM-SHA-256", reason="malformed")) == 10)
        assert is_in(idle.scram("SCRAM-SHA-256", Scram(ANNA, loft.PASSWORD)))


def test_plain_may_not_act_for_others_without_a_rule(wire, server, user):
    connection = wire()
    other = server.add_user("other-" + user)
    assert connection.begin("PLAIN", f"{other}\0{user}\0{loft.PASSWORD}".encode()).startswith("NO [AUTHORIZATIONFAILED]")
    assert connection.begin("PLAIN", f"{other}\0{user}\0wrong".encode()) == FAILED.decode()
    assert is_in(connection.begin("PLAIN", f"{user.upper()}\0{user}\0{loft.PASSWORD}".encode()))


# ---- SCRAM ----

@pytest.mark.parametrize("tls", [False, "1.2", "1.3"])
@pytest.mark.parametrize("initial", [True, False])
def test_scram_lets_in_who_knows_the_password(wire, user, tls, initial):
    connection = wire(tls)
    assert connection.scram("SCRAM-SHA-256", Scram(user, "wrong"), initial) == FAILED.decode()
    assert connection.scram("SCRAM-SHA-256", Scram("nobody", loft.PASSWORD), initial) == FAILED.decode()
    assert is_in(connection.scram("scram-sha-256", Scram(user, loft.PASSWORD), initial))


def test_scram_sha_1_is_there_by_setting(wire, server):
    assert wire().begin("SCRAM-SHA-1", b"n,,n=u,r=x") == "NO [CANNOT] Mechanism not supported"
    with loft.Loft({"auth.mechanisms": "SCRAM-SHA-1 SCRAM-SHA-1-PLUS PLAIN"}) as own:
        own.add_user(ANNA)
        connection = wire(at=own)  # the first sign-in makes the verifier, if loft user add did not
        assert is_in(connection.begin("PLAIN", f"\0{ANNA}\0{loft.PASSWORD}".encode()))
        assert is_in(wire(at=own).scram("SCRAM-SHA-1", Scram(ANNA, loft.PASSWORD, "sha1")))
        connection = wire(at=own, tls="1.2")
        bound = connection.socket.get_channel_binding("tls-unique")
        assert is_in(connection.scram("SCRAM-SHA-1-PLUS", Scram(ANNA, loft.PASSWORD, "sha1", "p=tls-unique,,", bound)))


def test_scram_is_bound_to_its_channel(wire, server, user):
    connection = wire(tls="1.2")
    bound = connection.socket.get_channel_binding("tls-unique")
    assert is_in(connection.scram("SCRAM-SHA-256-PLUS", Scram(user, loft.PASSWORD, header="p=tls-unique,,", binding=bound)))


def test_somebody_between_is_found_out(wire, server, user):
    """The binding of another connection, of another type, none at all, or one that was hidden from the client."""
    other = wire(tls="1.2").socket.get_channel_binding("tls-unique")
    for header, binding, sent in (("p=tls-unique,,", other, None), ("p=tls-unique,,", b"", None), ("p=tls-exporter,,", other, None),
                                  ("p=tls-unique,,", b"", "n,,")):
        connection = wire(tls="1.2")
        said = connection.begin("SCRAM-SHA-256-PLUS", (s := Scram(user, loft.PASSWORD, header=header, binding=binding)).first())
        assert connection.respond(s.final(said, header=sent)) == FAILED.decode()
    connection = wire(tls="1.3")
    assert connection.scram("SCRAM-SHA-256", Scram(user, loft.PASSWORD, header="y,,")) == FAILED.decode()
    assert loft.wait_until(lambda: len(failures(server, user=user, reason="channel-binding")) == 5)
    assert connection.scram("SCRAM-SHA-256-PLUS", Scram(user, loft.PASSWORD)) == "BAD this mechanism needs channel binding"
    # CVE-2026-33603: a binding that is claimed where nobody checks it
    for mechanism, header in (("SCRAM-SHA-256", "p=tls-exporter,,"), ("SCRAM-SHA-256", "p=tls-unique,,")):
        assert wire(tls="1.2").scram(mechanism, Scram(user, loft.PASSWORD, header=header)) == \
            "BAD channel binding needs a -PLUS mechanism"
    assert wire(tls="1.3").scram("SCRAM-SHA-256-PLUS", Scram(user, loft.PASSWORD, header="p=tls-unique,,")).startswith("NO [CANNOT]")
    assert wire(tls="1.2").scram("SCRAM-SHA-256-PLUS", Scram(user, loft.PASSWORD, header="p=tls-none,,")).startswith("NO [CANNOT]")
    assert is_in(wire().scram("SCRAM-SHA-256", Scram(user, loft.PASSWORD, header="y,,")))  # there it was not offered


def test_a_binding_serves_one_exchange(wire, user):
    """RFC 9266, 4.1"""
    connection = wire(tls="1.2")
    bound = connection.socket.get_channel_binding("tls-unique")
    assert connection.scram("SCRAM-SHA-256-PLUS", Scram(user, "wrong", header="p=tls-unique,,", binding=bound)) == FAILED.decode()
    assert "SCRAM-SHA-256-PLUS" not in connection.offered()
    assert connection.scram("SCRAM-SHA-256-PLUS", Scram(user, loft.PASSWORD, header="p=tls-unique,,", binding=bound)) == \
        "NO [CANNOT] The channel binding is used up: connect again"
    assert is_in(connection.scram("SCRAM-SHA-256", Scram(user, loft.PASSWORD)))


def test_names_that_nobody_has_keep_their_salt(tmp_path):
    """... over a restart, too: or a restart would tell who exists. RFC 5802, 9"""
    def first(server, name):
        connection = Wire(server)
        said = connection.begin("SCRAM-SHA-256", Scram(name, "x").first())
        connection.close()
        return said.decode().split(",", 1)[1]
    with loft.Loft(data=str(tmp_path)) as own:
        own.add_user(ANNA)
        before = {name: first(own, name) for name in ("carl", "emil", ANNA)}
        assert {name: first(own, name) for name in before} == before
        assert len(set(before.values())) == 3
        assert len({(len(said), said.split(",")[1]) for said in before.values()}) == 1
        own.restart()
        assert {name: first(own, name) for name in before} == before


def test_another_nonce_than_ours_is_refused(wire, user):
    """... though all else is right, the proof too."""
    connection = wire()
    scram = Scram(user, loft.PASSWORD)
    assert connection.respond(scram.final(connection.begin("SCRAM-SHA-256", scram.first()), nonce="abcdefgh")) == FAILED.decode()


def test_scram_messages_that_are_none(wire, user):
    connection = wire()
    for first in (b"", b"\0", b"n,,", b"n,,n=u", b"n,,r=x,n=u", b"F,n,,n=u,r=x", b"n,,n=,r=x", b"n,,n=\xff,r=x", b"n,,n=u,r=\x01"):
        reply = connection.begin("SCRAM-SHA-256", first)
        assert reply.startswith("BAD "), (first, reply)
    connection = wire()
    assert connection.begin("SCRAM-SHA-256", b"n,,m=x,n=u,r=x").startswith("NO [CANNOT] ")
    for final in (b"", b"c=biws", b"c=biws,r=x,p=", b"*", b"\xff" * 100, b"c=biws,r=" + b"x" * 9000):
        assert isinstance(connection.begin("SCRAM-SHA-256", Scram(user, "x").first()), bytes)
        assert connection.respond(final).startswith(("BAD ", "NO [LIMIT]"))


@pytest.mark.parametrize("command, answer", [
    (("user", "disable"), "NO [CONTACTADMIN] the account is disabled"),
    (("user", "lock"), "NO [CONTACTADMIN] the account is locked"),
    (("user", "delete", "--yes"), FAILED.decode()),
    (("user", "app-password", "delete"), FAILED.decode()),
])
@pytest.mark.parametrize("acting", [False, True])
def test_a_sign_in_that_is_decided_is_looked_at_again_before_it_is_a_session(wire, command, answer, acting):
    """Once the server has shown its signature, the client may take its time."""
    with loft.Loft({"auth.may_act_for": f"help@example.org: {ANNA}"}) as own:
        own.add_user(ANNA)
        name = own.add_user("help@example.org") if acting else ANNA
        own.run("user", "app-password", "add", name, "phone")
        connection = wire(at=own)
        scram = Scram(name, loft.PASSWORD, header=f"n,a={ANNA}," if acting else "n,,")
        assert connection.respond(scram.final(connection.begin("SCRAM-SHA-256", scram.first()))) == scram.signature
        own.run(*command, name, *(["phone"] if "app-password" in command else []))
        assert connection.respond(b"") == answer
        assert own.json("who") == []
        connection.send(b"s SELECT INBOX\r\n")
        assert connection.line().startswith(b"s BAD ")
        refused = failures(own, user=name)
        assert len(refused) == 1 and "reason=ok" not in refused[0], refused


def test_what_makes_a_sign_in_no_worse_does_not_stop_it(wire):
    with loft.Loft() as own:
        own.add_user(ANNA)
        connection = wire(at=own)
        scram = Scram(ANNA, loft.PASSWORD)
        assert connection.respond(scram.final(connection.begin("SCRAM-SHA-256", scram.first()))) == scram.signature
        own.run("user", "app-password", "add", ANNA, "phone")  # a change of the directory, and of what belongs to the user
        own.add_user("other@example.org")
        assert is_in(connection.respond(b""))


# ---- tokens and certificates ----

@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """A server that asks an issuer of tokens, of whom nobody has the key."""
    folder = tmp_path_factory.mktemp("oauth")
    key = {"kty": "EC", "crv": "P-256", "kid": "one", "alg": "ES256", "use": "sig",  # RFC 7515, A.3.1
           "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
    (folder / "keys.json").write_text(json.dumps({"keys": [key]}))
    options = {"auth.providers": "own oauth", "oauth.issuer": "https://issuer.example.org/", "oauth.audience": "imap",
               "oauth.scope": "mail", "oauth.keys_file": str(folder / "keys.json"), "auth.failure_delay_ms": "200",
               "auth.failure_delay_max_ms": "200"}
    with loft.Loft(options) as running:
        running.add_user(ANNA)
        yield running


def test_a_token_that_is_refused_is_told_in_json(wire, issuer):
    """RFC 7628, 3.2.2 and 4.3; the form of Google for XOAUTH2"""
    configuration = "https://issuer.example.org/.well-known/openid-configuration"
    for mechanism, message, dummy, told in (
            ("OAUTHBEARER", f"n,a={ANNA},\1host=h\1port=143\1auth=Bearer bad\1\1", b"\1",
             {"status": "invalid_token", "scope": "mail", "openid-configuration": configuration}),
            ("OAUTHBEARER", f"n,a={ANNA},\1auth=\1\1", b"\1",
             {"status": "invalid_token", "scope": "mail", "openid-configuration": configuration}),
            ("XOAUTH2", f"user={ANNA}\1auth=Bearer bad\1\1", b"", {"status": "401", "schemes": "bearer", "scope": "mail"})):
        connection = wire(at=issuer)
        assert connection.offered() == ["SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]
        assert json.loads(connection.begin(mechanism, message.encode())) == told
        assert connection.respond(dummy) == FAILED.decode()
        assert connection.begin(mechanism) == b""
        assert json.loads(connection.respond(message.encode())) == told
        connection.send(b"*\r\n")
        assert connection.answer() == "BAD Authentication cancelled"
    assert failures(issuer, mechanism="OAUTHBEARER", reason="token-bad")


def test_messages_with_tokens_that_are_none(wire, issuer):
    for mechanism, message in (("OAUTHBEARER", b""), ("OAUTHBEARER", b"\1"), ("OAUTHBEARER", b"n,,\1auth=Bearer x\1"),
                               ("OAUTHBEARER", b"n,,\1auth=Bearer \xff\1\1"), ("OAUTHBEARER", b"n,,auth=Bearer x\1\1"),
                               ("XOAUTH2", b""), ("XOAUTH2", b"user=\1\1"), ("XOAUTH2", b"auth=Bearer x\1\1")):
        reply = wire(at=issuer).begin(mechanism, message)
        assert isinstance(reply, str) and reply.startswith("BAD ") or mechanism == "XOAUTH2" and json.loads(reply), (message, reply)
    for message in (b"p=tls-exporter,,\1auth=Bearer x\1\1", b"n,,\1auth=Basic x\1\1"):
        assert wire(at=issuer).begin("OAUTHBEARER", message).startswith("NO [CANNOT] ")


def test_external_takes_the_name_of_the_certificate(wire, tmp_path):
    authority = Authority(str(tmp_path))
    for name, email in (("anna", ANNA), ("nobody", "nobody@example.org"), ("nameless", "")):
        authority.sign(name, email)

    def certificate(name):
        return authority.path(name, "crt"), authority.path(name, "key")
    with loft.Loft({"tls.client_ca": authority.certificate, "imaps.client_certificate": "request"}) as own:
        own.add_user(ANNA)
        own.add_user("bob@example.org")
        connection = wire(tls="1.3", at=own, certificate=certificate("anna"))
        assert connection.offered() == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "EXTERNAL", "PLAIN", "LOGIN"]
        assert connection.begin("EXTERNAL", b"bob@example.org").startswith("NO [AUTHORIZATIONFAILED]")
        assert connection.begin("EXTERNAL", b"an\0na").startswith("BAD ")
        assert connection.begin("EXTERNAL") == b""
        assert is_in(connection.respond(b""))
        for initial in (b"", b"ANNA@example.org"):
            assert is_in(wire(tls="1.2", at=own, certificate=certificate("anna")).begin("EXTERNAL", initial))
        assert wire(tls="1.3", at=own, certificate=certificate("nobody")).begin("EXTERNAL", b"") == FAILED.decode()
        # CVE-2019-3814: a valid certificate without a name is nobody's, whomever its client asks for
        nameless = wire(tls="1.3", at=own, certificate=certificate("nameless"))
        assert "EXTERNAL" not in nameless.offered()
        assert nameless.begin("EXTERNAL", ANNA.encode()) == "NO [CANNOT] Mechanism not supported"
        assert wire(tls="1.3", at=own).begin("EXTERNAL", b"") == "NO [CANNOT] Mechanism not supported"


# ---- holes that others had ----

EXCHANGES = [("PLAIN", []), ("LOGIN", [b"anna"]), ("SCRAM-SHA-256", []), ("SCRAM-SHA-256", [b"n,,n=anna,r=abc"]), ("LOGIN", [])]


def test_clients_may_go_away_at_each_step(server, user):
    """CVE-2017-15132 (memory), CVE-2019-11494 (crash); and CVE-2019-11499: bytes that are no answer, over TLS."""
    for tls in (False, "1.3"):
        for mechanism, responses in EXCHANGES * 4:
            connection = Wire(server, tls)
            said = connection.begin(mechanism)
            for response in responses:
                said = connection.respond(response)
            assert isinstance(said, bytes)
            connection.close()
        for garbage in (b"\0\xff\xfe" * 50 + b"\r\n", b"\r\n\r\n\r\n", b"a" * 20000, b"=\r\n", b"\x16\x03\x01\r\n"):
            connection = Wire(server, tls)
            connection.begin("PLAIN")
            connection.send(garbage)
            connection.close()
    assert is_in(Wire(server).begin("PLAIN", f"\0{user}\0{loft.PASSWORD}".encode()))


def test_bad_base64_is_nobody_elses_trouble(server, user):
    """CVE-2025-59028"""
    good, bad = Wire(server), Wire(server)
    scram = Scram(user, loft.PASSWORD)
    said = good.begin("SCRAM-SHA-256", scram.first())
    for line in (b"!", b"====", b"AA", b"\xff\xff", b"A" * 15999):
        assert bad.begin("SCRAM-SHA-256") == b""
        bad.send(line + b"\r\n")
        assert bad.answer() == "BAD the response is not base64"
    assert good.respond(scram.final(said)) == scram.signature
    assert is_in(good.respond(b""))
    good.close()
    bad.close()


def test_literals_are_no_initial_response(wire, user):
    """CVE-2025-59032"""
    connection = wire()
    for literal in (b"{4+}\r\nAAAA\r\n", b"{0+}\r\n\r\n"):
        connection.send(b"x AUTHENTICATE PLAIN " + literal)
        assert connection.line().startswith(b"x BAD ")
    connection.begin("PLAIN")
    connection.send(b"{4}\r\n")  # an answer is a line, whatever it looks like
    assert connection.answer() == "BAD the response is not base64"
    assert is_in(connection.begin("PLAIN", f"\0{user}\0{loft.PASSWORD}".encode()))


def test_ten_failures_end_the_connection(wire, user):
    connection = wire()
    for _ in range(9):
        assert connection.begin("SCRAM-SHA-256", b"n,,n=").startswith("BAD ")
    connection.begin("PLAIN", f"\0{user}\0wrong".encode())
    assert connection.line().startswith(b"* BYE ")


# ---- answers that wait ----

def test_challenges_wait_as_replies_do(user):
    """After a failure the yes of SCRAM is held back, too: its last challenge."""
    with loft.Loft({"auth.failure_delay_ms": "400", "auth.failure_delay_max_ms": "400"}) as own:
        own.add_user(ANNA)
        connection = Wire(own)
        begin = time.monotonic()
        assert connection.scram("SCRAM-SHA-256", Scram(ANNA, "wrong")) == FAILED.decode()
        assert time.monotonic() - begin >= 0.39
        scram = Scram(ANNA, loft.PASSWORD)
        begin = time.monotonic()
        final = scram.final(connection.begin("SCRAM-SHA-256", scram.first()))
        connection.send(b64(final) + b"\r\n" + b"\r\n" + b"n NOOP\r\n")  # all at once
        assert connection.answer() == scram.signature
        assert time.monotonic() - begin >= 0.39
        assert is_in(connection.answer())
        assert connection.line() == b"n OK NOOP completed"
        connection.close()
        waiting = Wire(own)
        waiting.begin("SCRAM-SHA-256", (scram := Scram(ANNA, "wrong")).first())
        waiting.send(b64(scram.final(b"r=abcdefghabcdefghabcdefgh12,s=AAAA,i=4096")) + b"\r\n")
        waiting.socket.shutdown(socket.SHUT_RDWR)  # while it waits
        waiting.close()
