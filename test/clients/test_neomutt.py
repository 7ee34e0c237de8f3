"""neomutt in batch: keys are pushed, what it did is seen on the server and in what it wrote."""
import os
import pty
import re
import select
import signal
import subprocess
import time

import client
import letters
import loft
import pytest

client.needs("neomutt")

CONFIG = """
set folder = "{url}"
set spoolfile = "+INBOX"
set imap_user = "{user}"
set imap_pass = "{password}"
set ssl_force_tls = {tls}
set ssl_starttls = {tls}
set ssl_ca_certificates_file = "{ca}"
set certificate_file = "{ca}"
set from = "anna@example.org"
set realname = "Anna"
set record = "+Sent"
set postponed = "+Drafts"
set sendmail = "{home}/sendmail"
set header_cache = "{home}/cache"
set pipe_decode = no
set tmpdir = "{home}"
set pager = builtin
set wait_key = no
set sleep_time = 0
set confirmappend = no
set confirmcreate = no
set delete = yes
set move = no
set mark_old = no
set quit = yes
set abort_nosubject = no
set abort_unmodified = no
set include = no
set editor = "true"
set mail_check = 1
set imap_check_subscribed = yes
set imap_list_subscribed = no
set timeout = 1
set imap_qresync = {qresync}
set imap_condstore = {qresync}
"""


@pytest.fixture
def mutt(server, user, home):
    """mutt(keys) runs until it ends itself; returns what it drew. `typed`: (text, keys), typed once that text has been drawn."""
    home.write("sendmail", f'#!/bin/sh\ncat >"{home}/sent"\n')
    os.chmod(f"{home}/sendmail", 0o700)
    env = {**home.env, "TERM": "vt100", "LINES": "40", "COLUMNS": "120"}

    def run(keys, typed=None, tls=True, starttls=False, qresync="no", mechanism=None):
        secure = tls and not starttls
        port = server.imaps_port if secure else server.imap_port
        config = home.write("muttrc", CONFIG.format(
            url=f"{'imaps' if secure else 'imap'}://localhost:{port}/", user=user, password=loft.PASSWORD, ca=home.ca, home=home,
            tls="yes" if tls else "no", qresync=qresync) + (f'set imap_authenticators = "{mechanism}"\n' if mechanism else "") +
            f"push '{keys}'\n")
        return on_terminal(["neomutt", "-n", "-F", config], env, home, typed)
    return run


def on_terminal(args, env, home, typed):
    master, slave = pty.openpty()
    process = subprocess.Popen(args, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=str(home), start_new_session=True)
    os.close(slave)
    drawn, end = b"", time.monotonic() + client.SECONDS
    try:
        while process.poll() is None:
            if select.select([master], [], [], 0.05)[0]:
                try:
                    drawn += os.read(master, 65536)
                except OSError:  # Linux says EIO when the other end is closed
                    break
            if typed and typed[0] in drawn:
                os.write(master, typed[1])
                typed = None
            assert time.monotonic() < end, drawn[-3000:].decode("utf-8", "replace")
        process.wait(10)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(master)
    text = re.sub(r"\x1b[()#][0-9A-Z]|\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>78M]|[\x0e\x0f]", " ", drawn.decode("utf-8", "replace"))
    assert process.returncode == 0, text[-3000:]
    return text


@pytest.mark.parametrize("security", ["tls", "starttls", "plain"])
def test_neomutt_reads_a_message(imap, mutt, security):
    imap.put(letters.letter(8))
    drawn = mutt("<display-message><exit><quit>", tls=security != "plain", starttls=security == "starttls")
    assert "Grüße aus Köln" in drawn
    [(flags, _)] = imap.messages().values()
    assert flags == {"\\Seen"}


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_neomutt_signs_in_by(imap, mutt, server, user, mechanism):
    imap.put(letters.letter(8))
    assert "Grüße aus Köln" in mutt("<display-message><exit><quit>", mechanism=mechanism)
    assert any(f"account={user}" in line and f"mechanism={mechanism} " in line and "tls=TLSv1.3" in line for line in server.log)


def test_neomutt_lists_mailboxes(imap, mutt):
    for name in ("Work", "Work/2025", "K&APY-ln"):
        imap.ok("create", name)
        imap.ok("subscribe", name)
    drawn = mutt("<change-folder>?", typed=(b"Work/2025", b"qq"))
    for name in ("Archive", "Drafts", "Köln", "Sent", "Trash", "Work/2025"):
        assert name in drawn, (name, drawn)


@pytest.mark.parametrize("qresync", ["no", "yes"])
def test_neomutt_flags_deletes_and_undeletes(imap, mutt, qresync):
    for n in range(4):
        imap.put(letters.letter(n), flags="\\Seen")
    mutt("<first-entry><flag-message><jump>2<enter><delete-message><jump>3<enter><delete-message><undelete-pattern>~A<enter>"
         "<jump>3<enter><set-flag>r<jump>4<enter><delete-message><sync-mailbox><quit>", qresync=qresync)
    assert [flags for flags, _ in imap.messages().values()] == [{"\\Seen", "\\Flagged"}, {"\\Seen"}, {"\\Seen", "\\Answered"}]
    mutt("<first-entry><toggle-new><quit>", qresync=qresync)
    assert imap.messages()[1][0] == {"\\Flagged"}


def test_neomutt_copies_and_moves(imap, mutt):
    for n in (0, 17, 18):
        imap.put(letters.letter(n))
    mutt("<first-entry><copy-message><kill-line>=Archive<enter><jump>2<enter><save-message><kill-line>=New/Folder<enter>"
         "<sync-mailbox><quit>")
    assert imap.bodies() == sorted([letters.letter(0), letters.letter(18)])
    assert imap.bodies("Archive") == [letters.letter(0)]
    assert imap.bodies("New/Folder") == [letters.letter(17)]


def test_neomutt_searches_on_the_server(imap, mutt):
    for n in (0, 8, 9, 17):
        imap.put(letters.letter(n), flags="\\Seen")
    mutt('<limit>=b "Köln"<enter><tag-pattern>~A<enter><tag-prefix><flag-message><sync-mailbox><quit>')
    assert [("\\Flagged" in flags) for flags, _ in imap.messages().values()] == [False, False, False, True]


def test_neomutt_sends_and_keeps_a_copy(imap, mutt, home):
    mutt("<mail>bernd@example.com<enter>Grüße von Anna<enter><send-message><quit>")
    sent = open(f"{home}/sent", "rb").read()
    assert b"Subject: =?utf-8?" in sent
    [(flags, copy)] = imap.messages("Sent").values()
    assert flags == {"\\Seen"} and b"To: bernd@example.com" in copy


def test_neomutt_postpones_and_recalls(imap, mutt, home):
    mutt("<mail>bernd@example.com<enter>later<enter><postpone-message><quit>")
    [(flags, draft)] = imap.messages("Drafts").values()
    assert b"Subject: later" in draft and "\\Draft" in flags
    mutt("<recall-message><send-message><quit>")
    assert imap.messages("Drafts") == {}
    assert b"Subject: later" in open(f"{home}/sent", "rb").read()
    assert len(imap.messages("Sent")) == 1


def test_neomutt_sees_what_arrives(imap, mutt, home):
    """It reads the mailbox, and again after it was closed, from its cache: flags that changed in between are seen."""
    for n in range(3):
        imap.put(letters.letter(n))
    mutt("<display-message><exit><quit>", qresync="yes")
    imap.store("INBOX", "2", "+FLAGS", "\\Flagged")
    imap.remove("INBOX", "3")
    imap.put(letters.letter(17))
    piped = '<pipe-message>cat >>"$HOME/piped"<enter>'
    mutt(f"<limit>~F<enter>{piped}<limit>~s alternative<enter>{piped}<quit>", qresync="yes")
    assert open(f"{home}/piped", "rb").read() == b"".join(letters.letter(n).replace(b"\r\n", b"\n") for n in (1, 17))
    assert sorted(imap.messages()) == [1, 2, 4]


@pytest.mark.parametrize("token_server", ["XOAUTH2"], indirect=True)  # Debian's cannot do the other with this command
def test_neomutt_signs_in_with_a_token(token_server, issuer, home):
    refresh = home.write("refresh", f"#!/bin/sh\necho {issuer.token('anna@example.org')}\n")
    os.chmod(refresh, 0o700)
    config = home.write("muttrc", CONFIG.format(
        url=f"imaps://localhost:{token_server.imaps_port}/", user="anna@example.org", password="", ca=home.ca, home=home, tls="yes",
        qresync="no") + f"""set imap_authenticators = "xoauth2"
set imap_oauth_refresh_command = "{refresh}"
push '<change-folder>?'
""")
    env = {**home.env, "TERM": "vt100", "LINES": "40", "COLUMNS": "120"}
    drawn = on_terminal(["neomutt", "-n", "-F", config], env, home, (b"Trash", b"qq"))
    for name in ("Archive", "Drafts", "Sent", "Trash"):
        assert name in drawn
