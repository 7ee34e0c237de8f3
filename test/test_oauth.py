"""Signing in with tokens of an issuer that runs beside the server (oauth_issuer.py)."""
import base64
import hashlib
import hmac
import json
import threading
import time

import imapwire
import loft
import oauth_issuer
import pytest

ANNA = "anna@example.org"


@pytest.fixture
def issuer():
    with oauth_issuer.Issuer() as running:
        yield running


def server_for(issuer, /, **options):
    """A server that takes the issuer's tokens; settings of section [oauth] by their name."""
    settings = {"issuer": issuer.url, "audience": "other loft", "scope": "mail", "plain_on_loopback": "yes", "keys_retry_s": "1",
                "timeout_ms": "500"} | options
    return loft.Loft({"auth.providers": "oauth own"} | {f"oauth.{key}": value for key, value in settings.items()})


def oauthbearer(token, user=ANNA):
    return f"n,a={user},\1host=localhost\1port=143\1auth=Bearer {token}\1\1" if user else f"n,,\1auth=Bearer {token}\1\1"


def xoauth2(token, user=ANNA):
    return f"user={user}\1auth=Bearer {token}\1\1"


class Answer:
    """What came of a sign-in: `code` is the response code of a refusal, `json` what the challenge said."""

    def __init__(self, server, token, user=ANNA, message=oauthbearer):
        imap = imapwire.Imap(server)
        tag = imap.tag()
        mechanism = message.__name__.upper()
        initial = base64.b64encode(message(token, user).encode("latin-1")).decode()
        imap.send(f"{tag} AUTHENTICATE {mechanism} {initial}\r\n".encode())
        line = imap.raw()
        self.json = None
        if line.startswith(b"+ "):
            self.json = json.loads(base64.b64decode(line[2:]))
            imap.send(b"AQ==\r\n")
            line = imap.raw()
        while line.startswith(b"* "):
            line = imap.raw()
        self.text = line.decode()
        self.ok = line.startswith(tag.encode() + b" OK")
        self.code = self.text.partition("[")[2].partition("]")[0]
        if self.ok:
            self.mailboxes = imap.ok('LIST "" *')
        imap.close()


def logged(server, *texts):
    return [line for line in server.log if all(t in line for t in texts)]


@pytest.mark.parametrize("message", [oauthbearer, xoauth2])
@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_token_opens_the_account_of_its_user(issuer, message, alg):
    issuer.keys = [oauth_issuer.Key(alg, "k")]
    with server_for(issuer) as server:
        server.add_user(ANNA)
        answer = Answer(server, issuer.token(ANNA), message=message)
        assert answer.ok and b'"/" INBOX' in answer.mailboxes[-1] + answer.mailboxes[0], answer.text
        assert Answer(server, issuer.token("ANNA@example.org", aud=["x", "other"]), message=message).ok
        assert issuer.asked == {"/.well-known/openid-configuration": 1, "/keys": 1}


def test_first_sign_in_makes_the_account(issuer):
    with server_for(issuer) as server:
        assert Answer(server, issuer.token("bert@example.org"), "bert@example.org").ok
        assert "bert@example.org" in server.run("user", "list").stdout.decode()
        assert Answer(server, issuer.token("carl@example.org"), "").ok  # the token alone says who it is


@pytest.mark.parametrize("message", [oauthbearer, xoauth2])
def test_a_token_may_leave_out_the_default_domain(issuer, message):
    issuer.keys = [oauth_issuer.Key("ES256", "k")]
    settings = {"oauth.issuer": issuer.url, "oauth.audience": "loft", "oauth.plain_on_loopback": "yes", "oauth.scope": "mail",
                "oauth.user_claim": "preferred_username", "auth.providers": "oauth own", "auth.default_domain": "example.org"}
    with loft.Loft(settings) as server:
        server.add_user(ANNA)
        for user in ("anna", ANNA, "Anna@Example.org"):
            answer = Answer(server, issuer.token(ANNA, preferred_username="anna", aud="loft"), user, message=message)
            assert answer.ok, (user, answer.text)
        assert not Answer(server, issuer.token(ANNA, preferred_username="anna", aud="loft"), "bert", message=message).ok
        assert [user["name"] for user in server.json("user", "list")] == [ANNA]


def test_groups_of_a_token_are_those_of_its_user(issuer):
    with server_for(issuer, groups_claim="realm.groups") as server:
        def members(group):
            return ANNA in server.run("group", "members", group).stdout.decode()
        server.add_user(ANNA)
        server.run("group", "add", "local")
        server.run("group", "add", "staff")
        server.run("group", "member", "add", "local", ANNA)
        assert Answer(server, issuer.token(ANNA)).ok  # says nothing of groups
        assert members("local")
        assert Answer(server, issuer.token(ANNA, realm={"groups": ["/staff"]})).ok
        assert members("staff") and not members("local")
        assert Answer(server, issuer.token(ANNA, realm={"groups": []})).ok
        assert not members("staff")


def forged(issuer, header, sign):
    return oauth_issuer.compact({"typ": "JWT"} | header, issuer.claims(ANNA), sign)


def hmac_with_public_key(issuer):
    secret = issuer.keys[0].pem()
    return forged(issuer, {"alg": "HS256", "kid": "first"}, lambda data: hmac.digest(secret, data, hashlib.sha256))


def with_own_key(issuer):
    mine = oauth_issuer.Key("RS256", "first")
    return issuer.token(ANNA, mine, {"jwk": mine.jwk(), "jku": issuer.url + "/keys", "x5u": issuer.url + "/keys"})


def twice(issuer):
    claims = json.dumps(issuer.claims("bert@example.org"))[:-1] + ', "email": "' + ANNA + '"}'
    return oauth_issuer.compact({"alg": "RS256", "kid": "first"}, claims, issuer.keys[0].sign)


NOW = time.time()
ATTACKS = {
    "no token": (lambda i: "opaque", "malformed"),
    "two tokens": (lambda i: i.token(ANNA) + "." + i.token(ANNA), "malformed"),
    "no signature": (lambda i: i.token(ANNA).rpartition(".")[0] + ".", "signature"),
    "signature of another": (lambda i: i.token(ANNA)[:-4] + "AAAA", "signature"),
    "alg none": (lambda i: forged(i, {"alg": "none"}, lambda data: b""), "signature"),
    "HMAC with the public key": (hmac_with_public_key, "signature"),
    "key in the token": (with_own_key, "signature"),
    "key by a path": (lambda i: i.token(ANNA, oauth_issuer.Key("RS256", "../../../../etc/passwd")), "signature"),
    "key by an address": (lambda i: i.token(ANNA, oauth_issuer.Key("RS256", i.url + "/keys")), "signature"),
    "claim twice": (twice, "malformed"),
    "extension": (lambda i: i.token(ANNA, header={"crit": ["b64"], "b64": False}), "malformed"),
    "logout token": (lambda i: i.token(ANNA, header={"typ": "logout+jwt"}), "malformed"),
    "another issuer": (lambda i: i.token(ANNA, iss="https://evil.example"), "issuer"),
    "no issuer": (lambda i: i.token(ANNA, iss=None), "issuer"),
    "another audience": (lambda i: i.token(ANNA, aud="webshop"), "audience"),
    "other audiences": (lambda i: i.token(ANNA, aud=["webshop", "lof", "loft "]), "audience"),
    "no audience": (lambda i: i.token(ANNA, aud=None), "audience"),
    "expired": (lambda i: i.token(ANNA, exp=int(NOW) - 100), "expired"),
    "for ever": (lambda i: i.token(ANNA, exp=None), "malformed"),
    "huge number": (lambda i: i.token(ANNA, exp=1 << 70), "malformed"),
    "large number": (lambda i: i.token(ANNA, exp=1e300), "malformed"),
    "not yet": (lambda i: i.token(ANNA, nbf=int(NOW) + 3600), "not-yet-valid"),
    "no scope": (lambda i: i.token(ANNA, scope="openid"), "scope"),
    "bound to a key": (lambda i: i.token(ANNA, cnf={"jkt": "x"}), "bound-to-a-key"),
    "email not verified": (lambda i: i.token(ANNA, email_verified=False), "user"),
    "path as user": (lambda i: i.token("../" + ANNA), "user"),
    "no user": (lambda i: i.token(ANNA, email=None), "user"),
}


@pytest.fixture(scope="module")
def attacked():
    with oauth_issuer.Issuer() as issuer, server_for(issuer, keys_retry_s="3600") as server:
        server.add_user(ANNA)
        yield issuer, server


@pytest.mark.parametrize("attack", ATTACKS)
def test_token_that_is_no_good_is_refused_and_logged_by_class(attacked, attack):
    issuer, server = attacked
    make, fault = ATTACKS[attack]
    token = make(issuer)
    for message in (oauthbearer, xoauth2):
        before = len(server.log)
        answer = Answer(server, token, message=message)
        assert not answer.ok and answer.code == "AUTHENTICATIONFAILED", answer.text
        loft.wait_until(lambda: [x for x in server.log[before:] if "login-failed" in x and f"token={fault}" in x])
        if message is oauthbearer:  # RFC 7628, 3.2.2
            assert answer.json == {"status": "insufficient_scope" if fault == "scope" else "invalid_token", "scope": "mail",
                                   "openid-configuration": issuer.url + "/.well-known/openid-configuration"}
    assert not [line for line in server.log if token[-40:] in line and len(token) > 40]
    assert issuer.asked.get("/keys", 0) <= 1  # whatever key a token names
    assert Answer(server, issuer.token(ANNA)).ok


def test_token_of_another_user_opens_nothing(attacked):
    issuer, server = attacked
    server.add_user("bert@example.org")
    token = issuer.token("bert@example.org")
    assert Answer(server, token, message=xoauth2).code == "AUTHENTICATIONFAILED"
    assert loft.wait_until(lambda: logged(server, "login-failed", f"user={ANNA}", "token=user"))
    assert Answer(server, token).code == "AUTHORIZATIONFAILED"  # the name is who it wants to act for: RFC 7628, 3.1
    assert Answer(server, token, "bert@example.org").ok


@pytest.mark.parametrize("ends", ["yes", "no"])
@pytest.mark.parametrize("idle", [True, False], ids=["idle", "between commands"])
def test_session_ends_with_its_token_where_that_is_set(issuer, ends, idle):
    with server_for(issuer, end_sessions=ends, leeway_s="0") as server:
        server.add_user(ANNA)
        imap = imapwire.Imap(server)
        token = base64.b64encode(oauthbearer(issuer.token(ANNA, exp=time.time() + 2)).encode()).decode()
        imap.ok("AUTHENTICATE OAUTHBEARER " + token)
        imap.ok("SELECT INBOX")
        if idle:
            imap.start("IDLE")
            assert imap.raw().startswith(b"+")
        imap.socket.settimeout(4)
        if ends == "yes":
            assert imap.raw() == b"* BYE What you signed in with has expired; sign in again"
            assert imap.file.read() == b""
        else:
            with pytest.raises(TimeoutError):
                imap.raw()
        imap.close()
        password = imapwire.Imap(server, ANNA)  # has no end
        password.ok("NOOP")
        password.close()


def test_new_key_is_fetched_and_an_old_one_is_good_no_more(issuer):
    with server_for(issuer) as server:
        server.add_user(ANNA)
        old = issuer.keys[0]
        assert Answer(server, issuer.token(ANNA)).ok
        issuer.keys = [oauth_issuer.Key("ES256", "second")]
        time.sleep(1.1)  # oauth.keys_retry_s
        assert Answer(server, issuer.token(ANNA)).ok
        assert not Answer(server, issuer.token(ANNA, old)).ok


def test_issuer_that_is_down_is_no_wrong_token(issuer):
    issuer.behaviour["/keys"] = "error"
    with server_for(issuer) as server:
        server.add_user(ANNA)
        answer = Answer(server, issuer.token(ANNA))
        assert not answer.ok and answer.code == "UNAVAILABLE", answer.text
        assert loft.wait_until(lambda: logged(server, "oauth-keys-failed", "500"))
        imap = imapwire.Imap(server, ANNA)  # passwords are the matter of another provider
        imap.close()
        issuer.behaviour.clear()
        time.sleep(1.1)
        assert Answer(server, issuer.token(ANNA)).ok
        issuer.behaviour["/keys"] = issuer.behaviour["/.well-known/openid-configuration"] = "error"
        time.sleep(1.1)
        new = oauth_issuer.Key("ES256", "second")
        assert Answer(server, issuer.token(ANNA, new)).code == "UNAVAILABLE"  # it may well be the issuer's
        assert Answer(server, issuer.token(ANNA)).ok


@pytest.mark.parametrize("how", ["slow", "html", "huge", "redirect"])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys"])
def test_issuer_that_is_broken_costs_little_and_opens_nothing(issuer, path, how):
    issuer.behaviour[path] = how
    with server_for(issuer) as server:
        server.add_user(ANNA)
        begun = time.monotonic()
        assert Answer(server, issuer.token(ANNA)).code == "UNAVAILABLE"
        assert time.monotonic() - begun < 20  # and not the 30 s of the slow one
        assert "/stolen" not in issuer.asked


@pytest.mark.parametrize("pem", [False, True])
def test_keys_may_come_from_a_file(issuer, tmp_path, pem):
    path = tmp_path / "keys"
    path.write_bytes(issuer.keys[0].pem() if pem else json.dumps({"keys": [issuer.keys[0].jwk()]}).encode())
    with server_for(issuer, keys_file=path) as server:
        server.add_user(ANNA)
        assert Answer(server, issuer.token(ANNA)).ok
        assert not Answer(server, issuer.token(ANNA, oauth_issuer.Key("RS256", "first"))).ok
        path.write_bytes(issuer.keys[0].pem().replace(b"A", b"B"))  # it becomes unreadable: what was read goes on
        time.sleep(1.1)
        assert Answer(server, issuer.token(ANNA)).ok
        assert issuer.asked == {}


@pytest.mark.parametrize("host, trusted, ok", [("127.0.0.1", True, True), ("127.0.0.1", False, False),
                                               ("issuer.example", True, False)])
def test_issuer_is_believed_over_tls_only(tmp_path, host, trusted, ok):
    ca, certificate = oauth_issuer.make_certificate(str(tmp_path), host)
    with oauth_issuer.Issuer(certificate) as issuer, \
            server_for(issuer, plain_on_loopback="no", **({"ca_file": ca} if trusted else {})) as server:
        server.add_user(ANNA)
        answer = Answer(server, issuer.token(ANNA))
        assert answer.ok == ok and (ok or answer.code == "UNAVAILABLE"), answer.text
        assert ok or issuer.asked == {}


@pytest.mark.parametrize("change, text", [
    ({"audience": ""}, "oauth.audience is not set"),
    ({"plain_on_loopback": "no"}, "oauth.issuer: the address does not begin with https://"),
    ({"algorithms": "HS256"}, "oauth.algorithms: no algorithm HS256"),
    ({"validation": "introspection", "client_id": "loft"}, "oauth.client_id needs oauth.client_secret_file"),
    ({"issuer": ""}, "auth.providers has oauth: set oauth.issuer"),
])
def test_settings_that_do_not_do_are_told_at_the_start(issuer, change, text):
    server = server_for(issuer, **change)
    with pytest.raises(RuntimeError, match=text.replace(".", "\\.")):
        server.start()


# ---- introspection ----


@pytest.fixture
def secret(tmp_path, issuer):
    path = tmp_path / "secret"
    path.write_text(issuer.client[1] + "\n")
    return path


def asking(issuer, secret, /, **options):
    return server_for(issuer, **({"validation": "introspection", "client_id": "loft", "client_secret_file": secret} | options))


def test_issuer_is_asked_about_tokens(issuer, secret):
    with asking(issuer, secret, cache_s="1") as server:
        server.add_user(ANNA)
        token = issuer.opaque("a+b/c=", ANNA)
        assert Answer(server, token).ok
        assert issuer.forms == [{"token": token, "token_type_hint": "access_token"}]
        assert Answer(server, token, message=xoauth2).ok
        assert not Answer(server, token, "bert@example.org").ok  # remembered, and still not bert's
        assert issuer.asked["/introspect"] == 1
        issuer.active.clear()
        time.sleep(1.1)  # oauth.cache_s
        answer = Answer(server, token)
        assert answer.code == "AUTHENTICATIONFAILED" and answer.json["status"] == "invalid_token"
        assert loft.wait_until(lambda: logged(server, "login-failed", "token=revoked"))
        assert not [line for line in server.log if "s3cret" in line or token in line]


def test_answer_of_the_issuer_is_held_to_the_same_rules(issuer, secret):
    with asking(issuer, secret) as server:
        server.add_user(ANNA)
        for name, claims in {"iss": {"iss": "https://x.example"}, "aud": {"aud": "x"}, "exp": {"exp": 1}, "scope": {"scope": "x"},
                             "email": {"email_verified": False}}.items():
            assert Answer(server, issuer.opaque(name, ANNA, **claims)).code == "AUTHENTICATIONFAILED", name
        assert Answer(server, issuer.opaque("short", ANNA, iss=None, exp=None)).ok  # RFC 7662, 2.2: optional


def test_either_checks_what_it_can_by_itself(issuer, secret):
    with asking(issuer, secret, validation="either") as server:
        server.add_user(ANNA)
        assert Answer(server, issuer.token(ANNA)).ok
        assert "/introspect" not in issuer.asked
        assert Answer(server, issuer.opaque("opaque", ANNA)).ok
        assert not Answer(server, issuer.token(ANNA, exp=1)).ok
        assert issuer.asked["/introspect"] == 1


@pytest.mark.parametrize("how", ["error", "slow", "html", "huge", "redirect", "wrong secret"])
def test_issuer_that_cannot_be_asked_is_no_wrong_token(issuer, secret, how):
    if how == "wrong secret":
        secret.write_text("guess")
    else:
        issuer.behaviour["/introspect"] = how
    with asking(issuer, secret) as server:
        server.add_user(ANNA)
        token = issuer.opaque("opaque", ANNA)
        assert Answer(server, token).code == "UNAVAILABLE"
        assert not logged(server, "s3cret") and not logged(server, "guess")
        assert "/stolen" not in issuer.asked


def test_slow_issuer_holds_up_nobody_else(issuer, secret):
    issuer.behaviour["/introspect"] = "slow"
    with asking(issuer, secret, requests_at_once="2", timeout_ms="1000") as server:
        server.add_user(ANNA)
        answers = []
        threads = [threading.Thread(target=lambda n=n: answers.append(Answer(server, f"token{n}"))) for n in range(6)]
        for t in threads:
            t.start()
        loft.wait_until(lambda: issuer.asked.get("/introspect", 0) >= 2)
        imapwire.Imap(server, ANNA).close()  # with a password, meanwhile
        assert not answers
        assert issuer.asked["/introspect"] == 2  # oauth.requests_at_once
        for t in threads:
            t.join()
        assert {a.code for a in answers} == {"UNAVAILABLE"}
