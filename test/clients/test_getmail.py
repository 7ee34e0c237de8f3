"""getmail6: retrieves to a Maildir, then deletes on the server, or remembers what it has."""
import os

import client
import letters
import lmtpwire
import loft
import maildir
import pytest

client.needs("getmail")

SOME = [letters.letter(n) for n in (0, 3, 5, 8, 17, 21, 28)]
# getmail refuses to write a Maildir as root, so a program does that. The pause at its end is for getmail, which waits for ever
# where a child ends before it listens.
KEEP = """#!/bin/sh
name=$(date +%s.%N).$$
cat >"Mail/tmp/$name" && mv "Mail/tmp/$name" Mail/new/ && sleep 0.1
"""
CONFIG = """
[retriever]
type = {type}
server = localhost
port = {port}
username = {user}
password = {password}
mailboxes = {mailboxes}
{more}

[destination]
type = MDA_external
path = {home}/keep
allow_root_commands = true

[options]
read_all = {read_all}
delete = {delete}
delivered_to = false
received = false
message_log = {home}/log
"""


@pytest.fixture
def get(server, user, home):
    maildir.make(os.path.join(str(home), "Mail"))
    os.chmod(home.write("keep", KEEP), 0o700)

    def run(type="SimpleIMAPSSLRetriever", delete="true", read_all="true", mailboxes='("INBOX",)', password=loft.PASSWORD, ok=(0,)):
        secure = "SSL" in type
        config = home.write("getmailrc", CONFIG.format(
            type=type, port=server.imaps_port if secure else server.imap_port, user=user, password=password, mailboxes=mailboxes,
            more=f"ca_certs = {home.ca}" if secure else "", home=home, delete=delete, read_all=read_all))
        return home.run("getmail", f"--getmaildir={home}", f"--rcfile={config}", ok=ok)
    return run


def got(home):
    """getmail puts a Return-Path on top."""
    bodies = [maildir.read(file) for file in maildir.files(os.path.join(str(home), "Mail"))]
    return sorted(body.split(b"\n", 1)[1] if body.startswith(b"Return-Path:") else body for body in bodies)


def with_lf(messages):
    return sorted(message.replace(b"\r\n", b"\n") for message in messages)


@pytest.mark.parametrize("type", ["SimpleIMAPSSLRetriever", "SimpleIMAPRetriever"])
def test_getmail_retrieves_and_deletes(imap, get, home, type):
    for message in SOME:
        imap.put(message)
    assert f"{len(SOME)} messages" in get(type).text
    assert got(home) == with_lf(SOME)
    assert imap.messages() == {}
    assert "0 messages" in get(type).text


def test_getmail_leaves_mail_and_retrieves_only_what_is_new(imap, get, home):
    for message in SOME[:3]:
        imap.put(message)
    get(delete="false", read_all="false")
    imap.put(SOME[3])
    get(delete="false", read_all="false")
    assert got(home) == with_lf(SOME[:4])
    assert len(imap.messages()) == 4


def test_getmail_retrieves_from_all_mailboxes(imap, get, home):
    for name, message in zip(["INBOX", "Archive", "Sent"], SOME):
        imap.put(message, name)
    get(mailboxes="ALL")
    assert got(home) == with_lf(SOME[:3])
    assert imap.messages("Archive") == {}


def test_getmail_is_told_that_a_password_is_wrong(get):
    assert "AUTHENTICATIONFAILED" in get(password="wrong", ok=(127,)).text


@pytest.mark.parametrize("token_server", ["XOAUTH2"], indirect=True)
def test_getmail_signs_in_with_a_token(token_server, issuer, home):
    maildir.make(os.path.join(str(home), "Mail"))
    os.chmod(home.write("keep", KEEP), 0o700)
    os.chmod(home.write("token", f"#!/bin/sh\necho {issuer.token('anna@example.org')}\n"), 0o700)
    with lmtpwire.Lmtp(token_server) as lmtp:
        lmtp.deliver(SOME[0], "anna@example.org")
    more = f"ca_certs = {home.ca}\nuse_xoauth2 = True\npassword_command = ('{home}/token',)"
    config = home.write("getmailrc", CONFIG.replace("password = {password}\n", "").format(
        type="SimpleIMAPSSLRetriever", port=token_server.imaps_port, user="anna@example.org", mailboxes='("INBOX",)', more=more,
        home=home, delete="true", read_all="true"))
    home.run("getmail", f"--getmaildir={home}", f"--rcfile={config}")
    assert len(got(home)) == 1
