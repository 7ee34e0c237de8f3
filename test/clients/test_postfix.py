"""Postfix delivers to Loft over LMTP: an instance of its own in a temporary folder, on a free port."""
import contextlib
import os
import pathlib
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile

import client
import letters
import loft
import pytest

MASTER = "/usr/lib/postfix/sbin/master"
if not os.path.exists(MASTER):
    pytest.skip("postfix is not installed", allow_module_level=True)
if os.geteuid() != 0:
    pytest.skip("Postfix runs as root only", allow_module_level=True)

MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log
maillog_file_prefixes = {home}
myhostname = mx.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.org
virtual_transport = lmtp:{lmtp}
smtputf8_enable = yes
message_size_limit = 0
mailbox_size_limit = 0
minimal_backoff_time = 1s
maximal_backoff_time = 1s
transport_retry_time = 1s
"""
MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
pickup   unix n - n 1 1 pickup
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 1 1 qmgr
rewrite  unix - - n - - trivial-rewrite
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
verify   unix - - n - 1 verify
flush    unix n - n 300 0 flush
error    unix - - n - - error
retry    unix - - n - - error
discard  unix - - n - - discard
lmtp     unix - - n - - lmtp
anvil    unix - - n - 1 anvil
showq    unix n - n - - showq
postlog  unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, home, lmtp):
        self.home, self.port = home, loft.free_port()
        for name in ("queue", "data", "etc"):
            (home / name).mkdir(mode=0o755)
        shutil.chown(home / "data", "postfix")
        (home / "etc/main.cf").write_text(MAIN.format(home=home, lmtp=lmtp))
        (home / "etc/master.cf").write_text(MASTER_CF.format(port=self.port))
        self.tool("postfix", "check")
        # A session of its own: at its end master ends its whole process group.
        self.process = subprocess.Popen([MASTER, "-c", home / "etc", "-d"], start_new_session=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        loft.wait_until(self.answers, 30)

    def answers(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def log(self):
        log = self.home / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def tool(self, *args, input=None):
        program, *rest = args
        option = "-C" if program == "sendmail" else "-c"
        done = subprocess.run([f"/usr/sbin/{program}", option, self.home / "etc", *rest], input=input, capture_output=True,
                              timeout=client.SECONDS)
        assert done.returncode == 0, (args, done.stdout, done.stderr, self.log())
        return done.stdout

    def send(self, recipients, message, sender="bernd@example.org", options=()):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=client.SECONDS) as smtp:
            smtp.ehlo()
            assert smtp.sendmail(sender, recipients, message, options) == {}

    def wait_empty(self):
        """Until all mail has gone, one way or the other."""
        try:
            loft.wait_until(lambda: b"is empty" in self.tool("postqueue", "-p"), 40, 0.1)
        except AssertionError:
            raise AssertionError(self.log()) from None

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class House:
    """Loft, Postfix before it, and two people: anna, and bernd, who also gets the bounces."""

    def __init__(self, server, postfix):
        self.server, self.postfix = server, postfix

    def imap(self, name="anna@example.org"):
        return client.Imap(self.server, name)

    def inbox(self, name="anna@example.org", mailbox="INBOX"):
        with self.imap(name) as imap:
            return [body for _, body in imap.messages(mailbox).values()]


@pytest.fixture(scope="module", params=["unix", "tcp"])
def house(request):
    # Directly in /tmp and open to all, because Postfix's programs are not root when they connect.
    with tempfile.TemporaryDirectory(prefix="loft-postfix-") as path:
        home = pathlib.Path(path)
        home.chmod(0o755)
        port, path = loft.free_port(), home / "lmtp.sock"
        listen = str(path) if request.param == "unix" else f"127.0.0.1:{port}"
        with loft.Loft({"lmtp.listen": listen, "lmtp.max_message_bytes": "1000000"}) as server:
            if request.param == "unix":
                shutil.chown(path, group="postfix")
            for name in ("anna@example.org", "bernd@example.org"):
                server.add_user(name)
            postfix = Postfix(home, f"unix:{path}" if request.param == "unix" else f"inet:{listen}")
            try:
                yield House(server, postfix)
            finally:
                postfix.stop()


@pytest.fixture(autouse=True)
def empty(house):
    """Each test begins without mail."""
    for name in ("anna@example.org", "bernd@example.org"):
        with house.imap(name) as imap:
            for mailbox in ("INBOX", "Archive"):
                if imap.count(mailbox, "MESSAGES"):
                    imap.remove(mailbox, "1:*")


RECEIVED = rb"Received: from [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)+"
HEADS = re.compile(rb"Return-Path: <([^\r\n]*)>\r\n((?:Delivered-To: [^\r\n]*\r\n)+)" + RECEIVED + RECEIVED + rb"(.*)", re.S)


def opened(body):
    """What was sent, without what Loft and Postfix put on top."""
    found = HEADS.fullmatch(body)
    assert found, body[:800]
    return found.group(3)


def test_postfix_delivers_thirty_messages_byte_for_byte(house):
    for message in letters.letters():
        house.postfix.send(["anna@example.org"], message, options=["BODY=8BITMIME"])
    house.postfix.wait_empty()
    ended = [m if m.endswith(b"\r\n") else m + b"\r\n" for m in letters.letters()]  # SMTP knows lines only
    assert sorted(opened(body) for body in house.inbox()) == sorted(ended)


def test_postfix_says_who_sent_it_and_to_whom(house):
    house.postfix.send(["anna@example.org"], letters.letter(0), sender="carla+list@example.net")
    house.postfix.wait_empty()
    [body] = house.inbox()
    assert HEADS.fullmatch(body).groups()[:2] == \
        (b"carla+list@example.net", b"Delivered-To: anna@example.org\r\n")


def test_postfix_delivers_to_several_recipients_and_bounces_the_unknown_one(house):
    house.postfix.send(["anna@example.org", "nobody@example.org", "bernd@example.org"], letters.letter(17))
    house.postfix.wait_empty()
    assert [opened(body) for body in house.inbox()] == [letters.letter(17)]
    bounce, copy = sorted(house.inbox("bernd@example.org"), key=lambda body: b"MAILER-DAEMON" not in body)
    assert opened(copy) == letters.letter(17)
    assert bounce.startswith(b"Return-Path: <>\r\n")
    assert b"<nobody@example.org>" in bounce and b"Status: 5.1.1" in bounce and b"550 5.1.1" in bounce


def test_postfix_delivers_to_a_mailbox_behind_the_plus(house):
    house.postfix.send(["anna+Archive@example.org", "anna+Nowhere@example.org", "anna@example.org"], letters.letter(0))
    house.postfix.wait_empty()
    assert [opened(body) for body in house.inbox(mailbox="Archive")] == [letters.letter(0)]
    [body] = house.inbox()  # two recipients, one mailbox: one copy, which names both
    assert opened(body) == letters.letter(0)
    assert set(re.findall(rb"^Delivered-To: (.*)\r$", body, re.M)) >= {b"anna@example.org", b"anna+Nowhere@example.org"}


def test_postfix_delivers_to_utf8_addresses(house):
    name = "bärbel@example.org"
    house.server.add_user(name)
    house.postfix.send([name], letters.letter(12), sender="jürgen@example.com", options=["SMTPUTF8", "BODY=8BITMIME"])
    house.postfix.wait_empty()
    [body] = house.inbox(name)
    assert opened(body) == letters.letter(12)
    assert body.startswith("Return-Path: <jürgen@example.com>\r\nDelivered-To: bärbel@example.org\r\n".encode())


def test_postfix_bounces_what_is_too_large(house):
    house.postfix.send(["anna@example.org"], b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 100000)
    house.postfix.wait_empty()
    assert house.inbox() == []
    [bounce] = house.inbox("bernd@example.org")
    assert b"Subject: large" in bounce and re.search(rb"Status: 5\.", bounce)


def test_postfix_sends_what_a_local_program_wrote(house):
    house.postfix.tool("sendmail", "-f", "bernd@example.org", "anna@example.org",
                       input="Subject: von hier\n\nGrüße\n.\nnach dem Punkt\n".encode())
    house.postfix.wait_empty()
    [body] = house.inbox()
    # A line with a single dot ends the input of sendmail.
    assert "\r\n\r\nGrüße\r\n".encode() in body and body.endswith("Grüße\r\n".encode())


def test_postfix_keeps_mail_while_loft_is_down(house):
    house.server.process.terminate()
    house.server.process.wait(30)
    house.postfix.send(["anna@example.org"], letters.letter(0))
    loft.wait_until(lambda: "status=deferred" in house.postfix.log(), 30)
    house.server.restart()
    if house.server.options["lmtp.listen"].startswith("/"):
        shutil.chown(house.server.options["lmtp.listen"], group="postfix")
    house.postfix.tool("postqueue", "-f")
    house.postfix.wait_empty()
    assert [opened(body) for body in house.inbox()] == [letters.letter(0)]


def test_postfix_delivers_a_hundred_messages_to_two_people(house):
    for n in range(100):
        house.postfix.send(["anna@example.org", "bernd@example.org"], f"Subject: {n}\r\n\r\n{n}\r\n".encode())
    house.postfix.wait_empty()
    for name in ("anna@example.org", "bernd@example.org"):
        assert sorted(int(opened(body).split()[-1]) for body in house.inbox(name)) == list(range(100))
