"""curl: one command a run. Its exit codes are what scripts go by."""
import os
import re

import client
import letters
import loft
import pytest

client.needs("curl")

LOGIN_DENIED, QUOTE_ERROR, TLS_FAILED, BAD_CERTIFICATE = 67, 21, 64, 60


@pytest.fixture
def curl(server, user, home):
    """curl(path, options...) over TLS; `url` for another kind of connection."""
    def run(path="", *options, url=None, password=loft.PASSWORD, ok=(0,)):
        base = url or f"imaps://localhost:{server.imaps_port}"
        return home.run("curl", "-sS", "-v", "--max-time", "50", "--cacert", home.ca, "--user", f"{user}:{password}",
                        *options, f"{base}/{path}", ok=ok)
    return run


def test_curl_lists_mailboxes(curl):
    listed = curl().stdout
    assert sorted(line.rpartition(" ")[2] for line in listed.decode().splitlines()) == \
        ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]
    for use in (b"\\Archive", b"\\Drafts", b"\\Junk", b"\\Sent", b"\\Trash"):
        assert use in listed


@pytest.mark.parametrize("options", [(), ("--ssl-reqd",)], ids=["plain", "STARTTLS"])
def test_curl_fetches_a_message_byte_for_byte(curl, imap, server, options):
    message = letters.letter(17)
    uid = imap.put(message)
    got = curl(f"INBOX;UID={uid}", *options, url=f"imap://localhost:{server.imap_port}")
    assert got.stdout == message
    assert ("TLS handshake" in got.text) == bool(options)


@pytest.mark.parametrize("section, begin, end", [
    ("HEADER", b"Received: from", b"\r\n\r\n"),
    ("HEADER.FIELDS%20(Subject)", b"Subject: mixed with a picture\r\n", b"\r\n\r\n"),
    ("1", "Grüße aus Köln".encode(), b"Anhang.\r\n"),
    ("2.MIME", b"Content-Type: image/png", b"\r\n\r\n"),
    ("TEXT", b"This is a multi-part", b"--\r\n"),
])
def test_curl_fetches_a_section(curl, imap, section, begin, end):
    message = letters.letter(18)
    uid = imap.put(message)
    got = curl(f"INBOX;UID={uid};SECTION={section}").stdout
    assert got.startswith(begin) and got.endswith(end)
    assert section.startswith("HEADER.F") or got in message + b"\r\n"


def test_curl_fetches_by_sequence_number_and_checks_uidvalidity(curl, imap):
    imap.put(letters.letter(0))
    imap.put(letters.letter(1))
    validity = imap.count("INBOX", "UIDVALIDITY")
    assert curl(f"INBOX;UIDVALIDITY={validity};MAILINDEX=2").stdout == letters.letter(1)
    assert curl(f"INBOX;UIDVALIDITY={validity + 1};MAILINDEX=2", ok=(78,)).stdout == b""


@pytest.mark.parametrize("n", range(len(letters.KINDS)), ids=[str(n) for n in range(len(letters.KINDS))])
def test_curl_uploads_a_message_byte_for_byte(curl, imap, home, n):
    path = os.path.join(str(home), "message")
    with open(path, "wb") as out:
        out.write(letters.letter(n))
    curl("Drafts", "--upload-file", path)
    [(flags, body)] = imap.messages("Drafts").values()
    assert body == letters.letter(n) and flags <= {"\\Seen"}


def test_curl_searches(curl, imap):
    for n in (8, 9, 10, 17):
        imap.put(letters.letter(n), flags="\\Flagged" if n == 9 else None)
    assert curl("INBOX?SUBJECT%20latin1").stdout == b"* SEARCH 2\r\n"
    assert curl("INBOX?FLAGGED").stdout == b"* SEARCH 2\r\n"
    assert curl("INBOX?TEXT%20%22k%C3%B6ln%22").stdout == b"* SEARCH 1 4\r\n"
    assert curl("INBOX?SINCE%201-Jan-2099").stdout == b"* SEARCH\r\n"


@pytest.mark.parametrize("path, request_, wanted", [
    ("", "CREATE Loft/Neu", rb""),
    ("", "STATUS INBOX (MESSAGES UIDNEXT)", rb"\* STATUS INBOX \(MESSAGES 1 UIDNEXT 2\)\r\n"),
    ("", "CAPABILITY", rb"\* CAPABILITY IMAP4rev2 IMAP4rev1 .*\r\n"),
    ("", "NAMESPACE", rb'\* NAMESPACE \(\("" "/"\)\) \(\("Other Users/" "/"\)\) NIL\r\n'),
    ("", 'LSUB "" "*"', rb"(\* LSUB .*\r\n){5,6}"),
    ("INBOX", "EXAMINE INBOX", rb"(\* .*\r\n)+"),
    ("INBOX", "STORE 1 +FLAGS (\\Seen $Forwarded)", rb"\* 1 FETCH \(FLAGS .*\r\n"),
    ("INBOX", "UID COPY 1 Archive", rb""),
    ("INBOX", "UID MOVE 1 Archive", rb"\* .*"),
    ("INBOX", "FETCH 1 (UID FLAGS ENVELOPE BODYSTRUCTURE)", rb"\* 1 FETCH \(UID 1 FLAGS .*ENVELOPE .*BODYSTRUCTURE .*\r\n"),
])
def test_curl_sends_a_request_of_its_user(curl, imap, path, request_, wanted):
    imap.put(letters.letter(18))
    got = curl(path, "--request", request_)
    assert re.fullmatch(wanted, got.stdout, re.S), got.stdout


def test_curl_is_told_what_fails(curl, server):
    assert "AUTHENTICATIONFAILED" in curl(password="wrong", ok=(LOGIN_DENIED,)).text
    curl("Nowhere;UID=1", ok=(78, LOGIN_DENIED))
    curl("", "--request", "NONSENSE", ok=(QUOTE_ERROR,))
    curl("", "--cacert", "/etc/hostname", ok=(BAD_CERTIFICATE, 77))


@pytest.mark.parametrize("initial", [True, False], ids=["initial response", "after a challenge"])
def test_curl_signs_in_with_a_token(token_server, issuer, home, initial):
    def run(token, ok=(0,)):
        config = home.write("curlrc", f'oauth2-bearer = "{token}"\n')
        return home.run("curl", "-sSv", "--max-time", "50", "--cacert", home.ca, "-K", config, "--user", "anna@example.org",
                        *(["--sasl-ir"] if initial else []), f"imaps://localhost:{token_server.imaps_port}/", ok=ok)
    assert b"INBOX" in run(issuer.token("anna@example.org")).stdout
    refused = run(issuer.token("anna@example.org", exp=1), ok=(LOGIN_DENIED,))
    assert f"AUTHENTICATE {token_server.mechanism}" in refused.text
    if token_server.mechanism == "OAUTHBEARER":  # with the other curl hangs up when it sees what is wrong
        assert "AUTHENTICATIONFAILED" in refused.text


def test_curl_does_not_sign_in_without_tls_where_that_is_not_allowed(tls_options, home):
    with loft.Loft({**tls_options, "auth.plaintext_on_loopback": "no"}) as strict:
        user = strict.add_user("anna@example.org")
        who = ["--cacert", home.ca, "--user", f"{user}:{loft.PASSWORD}", f"imap://localhost:{strict.imap_port}/"]
        refused = home.run("curl", "-sSv", "--max-time", "50", *who, ok=(LOGIN_DENIED,))
        assert "LOGINDISABLED" in refused.text and loft.PASSWORD not in refused.text
        home.run("curl", "-sSv", "--max-time", "50", "--ssl-reqd", *who)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("initial", [(), ("--sasl-ir",)], ids=["challenge", "initial response"])
def test_curl_signs_in_by(curl, server, user, mechanism, initial):
    said = curl("", "--login-options", f"AUTH={mechanism}", *initial)
    assert f"AUTHENTICATE {mechanism}" in said.text
    loft.wait_until(lambda: any(f"account={user}" in line and f"mechanism={mechanism}" in line for line in server.log))
    curl("", "--login-options", f"AUTH={mechanism}", *initial, password="wrong", ok=(LOGIN_DENIED,))
