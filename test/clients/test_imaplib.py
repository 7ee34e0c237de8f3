"""Python's imaplib: ways to sign in, IDLE by hand, several connections on one mailbox."""
import imaplib
import re
import select
import ssl
import threading

import client
import letters
import loft
import pytest


@pytest.fixture
def context(home):
    return ssl.create_default_context(cafile=home.ca)


def over_tls(server, context):
    return imaplib.IMAP4_SSL("localhost", server.imaps_port, ssl_context=context, timeout=client.SECONDS)


def over_starttls(server, context):
    connection = imaplib.IMAP4("localhost", server.imap_port, timeout=client.SECONDS)
    assert connection.starttls(context)[0] == "OK"
    return connection


def over_nothing(server, _):
    return imaplib.IMAP4("localhost", server.imap_port, timeout=client.SECONDS)


def plain(user, password=loft.PASSWORD):
    return lambda challenge: f"\0{user}\0{password}".encode()


@pytest.mark.parametrize("connect", [over_tls, over_starttls, over_nothing])
@pytest.mark.parametrize("way", ["login", "authenticate"])
def test_imaplib_signs_in(server, user, context, connect, way):
    with connect(server, context) as imap:
        assert (imap.login(user, loft.PASSWORD) if way == "login" else imap.authenticate("PLAIN", plain(user)))[0] == "OK"
        assert imap.select()[0] == "OK"
        assert imap.state == "SELECTED"
        assert imap.close()[0] == "OK"
        assert imap.logout()[0] == "BYE"


def test_imaplib_signs_in_again_after_a_wrong_password(server, user, context):
    with over_tls(server, context) as imap:
        for attempt in (lambda: imap.login(user, "wrong"), lambda: imap.authenticate("PLAIN", plain(user, "wrong")),
                        lambda: imap.login("nobody@example.org", loft.PASSWORD)):
            with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
                attempt()
        assert imap.login(user, loft.PASSWORD)[0] == "OK"


def test_imaplib_is_not_woken_after_starttls_before_it_speaks(server, user, context):
    """A ticket of TLS 1.3 that comes alone makes clients that read and write in two threads hang (imaplib2, so offlineimap)."""
    with over_starttls(server, context) as imap:
        assert imap.socket().version() == "TLSv1.3"
        assert select.select([imap.socket()], [], [], 0.3)[0] == []
        assert imap.login(user, loft.PASSWORD)[0] == "OK"
        assert imap.socket().session.has_ticket


def test_imaplib_speaks_tls_1_2_and_1_3(server, user, context):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.minimum_version = context.maximum_version = version
        with over_tls(server, context) as imap:
            assert imap.login(user, loft.PASSWORD)[0] == "OK"
            assert imap.socket().version() == version.name.replace("_", ".")


def test_imaplib_uses_utf8_mailbox_names_once_enabled(server, user, imap, context):
    with over_tls(server, context) as other:
        other.login(user, loft.PASSWORD)
        assert other.enable("IMAP4rev2")[0] == "OK"
        other._encoding = "utf-8"
        assert other.create('"Grüße/日本"')[0] == "OK"
        assert '"Grüße/日本"'.encode() in b"\n".join(other.list()[1])
    assert "Gr&APwA3w-e/&ZeVnLA-" in imap.mailboxes()


class Idle:
    """A connection that idles: imaplib does not know how, but lends its socket and file."""

    def __init__(self, server, user):
        self.imap = client.Imap(server, user)
        self.imap.ok("select")
        self.tag = self.imap._new_tag()
        self.imap.send(self.tag + b" IDLE\r\n")
        assert self.imap.readline().startswith(b"+")

    def until(self, wanted):
        seen = []
        while not re.search(wanted, seen[-1] if seen else b""):
            seen.append(self.imap.readline())
            assert seen[-1], seen
        return seen

    def done(self):
        self.imap.send(b"DONE\r\n")
        self.until(rb"^" + self.tag + b" OK")
        self.imap.logout()


def test_imaplib_idles_and_hears_of_everything(server, user, imap):
    idle = Idle(server, user)
    uid = imap.put(letters.letter(0))
    idle.until(rb"^\* 1 EXISTS")
    imap.store("INBOX", str(uid), "+FLAGS", "\\Flagged")
    idle.until(rb"^\* 1 FETCH \(.*\\Flagged")
    imap.remove("INBOX", str(uid))
    idle.until(rb"^\* 1 EXPUNGE")
    idle.done()


def test_imaplib_idles_on_ten_connections(server, user, imap):
    idlers = [Idle(server, user) for _ in range(10)]
    imap.put(letters.letter(0))
    for idle in idlers:
        idle.until(rb"^\* 1 EXISTS")
        idle.done()


def in_threads(jobs):
    """Run all at once; the first failure is the test's."""
    failures = []

    def guarded(job):
        try:
            job()
        except BaseException as failure:  # noqa: BLE001: an assertion must reach the test
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(client.SECONDS)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def test_imaplib_appends_flags_and_expunges_on_one_mailbox_from_eight_connections(server, user, imap):
    """Each connection appends its own messages, marks them and removes every second one, while the others do the same."""
    imap.ok("create", "Busy")

    def work(who):
        with client.Imap(server, user) as mine:
            mine.ok("select", "Busy")
            for i in range(10):
                uid = mine.put(f"Subject: {who}-{i}\r\n\r\n{who}\r\n".encode(), "Busy")
                mine.ok("uid", "STORE", str(uid), "+FLAGS", f"(who{who})")
                if i % 2:
                    mine.ok("uid", "STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
                    mine.ok("uid", "EXPUNGE", str(uid))
            found = mine.ok("uid", "SEARCH", None, "KEYWORD", f"who{who}")
            assert len(found[0].split()) == 5

    in_threads([lambda who=who: work(who) for who in range(8)])
    left = imap.messages("Busy")
    assert sorted(re.search(rb"Subject: (\S+)", body).group(1).decode() for _, body in left.values()) == \
        sorted(f"{who}-{i}" for who in range(8) for i in range(0, 10, 2))
    for flags, body in left.values():
        assert flags == {"who" + re.search(rb"Subject: (\d)", body).group(1).decode()}
    assert len(set(left)) == 40 and imap.count("Busy", "UIDNEXT") == 81


def test_imaplib_moves_between_two_mailboxes_from_four_connections(server, user, imap):
    """Whoever comes first moves a message; the others find it gone. None is lost, none is there twice."""
    for n in range(20):
        imap.put(f"Subject: {n}\r\n\r\n".encode())

    def work():
        with client.Imap(server, user) as mine:
            mine.ok("select")
            for uid in range(1, 21):
                mine.ok("xatom", "UID", "MOVE", str(uid), "Archive")

    in_threads([work] * 4)
    assert imap.messages("INBOX") == {}
    assert sorted(int(re.search(rb"Subject: (\d+)", body).group(1)) for body in imap.bodies("Archive")) == list(range(20))


def test_imaplib_fetches_all_kinds_of_mail(server, user, imap):
    for n, message in enumerate(letters.letters()):
        assert imap.put(message) == n + 1
    assert [body for _, body in imap.messages("INBOX").values()] == letters.letters()
