"""fetchmail: takes new mail away, to a program or a mailbox file."""
import os
import subprocess

import client
import letters
import loft
import pytest

client.needs("fetchmail")

# 8-bit headers and lines without an end survive; NUL or bare CR are not sent here.
SOME = [letters.letter(n) for n in (0, 3, 5, 8, 17, 21, 28)]


@pytest.fixture
def fetch(server, user, home):
    """fetch(kind, options...): one poll. 0: mail came, 1: none."""
    keep = os.path.join(str(home), "keep")
    home.write("keep", '#!/bin/sh\nn=$(ls mail | wc -l)\ncat >"mail/$n"\n')
    os.chmod(keep, 0o700)
    os.mkdir(os.path.join(str(home), "mail"))

    def run(security="tls", *options, folders="INBOX", ok=(0,)):
        ssl = {"tls": "ssl", "starttls": "sslproto TLS1+", "plain": "sslproto ''"}[security]
        port = server.imaps_port if security == "tls" else server.imap_port
        check = "" if security == "plain" else f'sslcertck sslcertfile "{home.ca}"'
        config = home.write("fetchmailrc", f'poll localhost protocol IMAP port {port}\n'
                            f'  user "{user}" password "{loft.PASSWORD}" folder {folders} {ssl} {check} mda "{keep}"\n')
        return home.run("fetchmail", "-f", config, "--nobounce", "--invisible", "--pidfile", f"{home}/pid", *options, ok=ok,
                        FETCHMAILHOME=str(home))
    return run


def fetched(home):
    folder = os.path.join(str(home), "mail")
    return sorted(open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder))


def with_lf(messages):
    """fetchmail ends lines with LF, and the last one always."""
    return sorted(m.replace(b"\r\n", b"\n") + (b"" if m.endswith(b"\n") else b"\n") for m in messages)


@pytest.mark.parametrize("security", ["tls", "starttls", "plain"])
def test_fetchmail_takes_all_mail_away(imap, fetch, home, security):
    for message in SOME:
        imap.put(message)
    fetch(security)
    assert fetched(home) == with_lf(SOME)
    assert imap.messages() == {}
    fetch(security, ok=(1,))
    imap.put(letters.letter(1))
    fetch(security)
    assert fetched(home) == with_lf([*SOME, letters.letter(1)])


def test_fetchmail_keeps_mail_and_does_not_fetch_it_again(imap, fetch, home):
    for message in SOME:
        imap.put(message)
    fetch("tls", "--keep")
    fetch("tls", "--keep", ok=(1,))
    assert fetched(home) == with_lf(SOME)
    assert [flags for flags, _ in imap.messages().values()] == [{"\\Seen"}] * len(SOME)
    fetch("tls", "--all")
    assert imap.messages() == {}


def test_fetchmail_takes_from_several_mailboxes(imap, fetch, home):
    for name, message in zip(["INBOX", "Archive", "Junk"], SOME):
        imap.put(message, name)
    fetch(folders="INBOX,Archive,Junk")
    assert fetched(home) == with_lf(SOME[:3])


def test_fetchmail_gets_what_arrives_while_it_idles(imap, fetch, home):
    """With --idle it never ends by itself: the arrival is its proof, then it is told to stop."""
    fetch("tls", ok=(1,))
    process = subprocess.Popen(["fetchmail", "-f", f"{home}/fetchmailrc", "--idle", "--nobounce", "--invisible", "--pidfile",
                                f"{home}/pid"], cwd=str(home), env={**home.env, "FETCHMAILHOME": str(home)},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for count, message in enumerate(SOME[:3], 1):
            imap.put(message)
            loft.wait_until(lambda count=count: len(os.listdir(f"{home}/mail")) == count, 30)
        loft.wait_until(lambda: imap.count("INBOX", "MESSAGES") == 0, 30)
    finally:
        process.terminate()
        process.wait(20)
    assert fetched(home) == with_lf(SOME[:3])
