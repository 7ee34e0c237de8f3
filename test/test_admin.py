"""The command line: every command against a running server and against a data folder that no server holds."""
import imaplib
import json
import mailbox
import os
import pty
import signal
import socket
import ssl
import subprocess
import time

import pytest

from loft import BINARY, PASSWORD, Loft, wait_until

CHEAP = ["-o", "auth.hash_passes=1", "-o", "auth.hash_memory_bytes=65536", "-o", "auth.scram_iterations=4096",
         "-o", "auth.password_length_min=1", "-o", "auth.common_passwords=", "-o", "store.ballast_bytes=0",
         "-o", "store.watermark_bytes=0"]


class Alone:
    """A data folder without a server, with the interface of Loft."""

    def __init__(self, data):
        self.data = str(data)

    def command(self, *args):
        return [BINARY, "-d", self.data, *CHEAP, *args]

    run, json, add_user = Loft.run, Loft.json, Loft.add_user


@pytest.fixture(scope="module", params=["running", "alone"])
def loft(request, tmp_path_factory):
    if request.param == "running":
        with Loft() as running:
            yield running
    else:
        yield Alone(tmp_path_factory.mktemp("alone") / "data")


_count = 0


@pytest.fixture
def anna(loft):
    global _count
    _count += 1
    return loft.add_user(f"anna{_count}@example.org")


def fails(loft, *args, code=1, text="", input=None):
    done = loft.run(*args, check=False, input=input)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert text in done.stderr.decode(), done.stderr
    return done


# ---- users ----

def test_user_commands(loft):
    assert b"added" in loft.run("user", "add", "Bob@Example.org", "--password-stdin", input=b"secret\n").stdout
    fails(loft, "user", "add", "bob@example.org", "--password-stdin", input=b"x\n", text="exists")
    users = {u["name"]: u for u in loft.json("user", "list")}
    assert users["bob@example.org"]["disabled"] is False
    shown = loft.json("user", "show", "BOB@example.org")
    assert shown["mailboxes"] == 6 and shown["messages"] == 0 and shown["account"] > 0
    assert b"bob@example.org" in loft.run("user", "list").stdout
    loft.run("user", "passwd", "bob@example.org", "--password-stdin", input=b"other\n")
    loft.run("user", "disable", "bob@example.org")
    assert loft.json("user", "show", "bob@example.org")["disabled"] is True
    loft.run("user", "enable", "bob@example.org")
    fails(loft, "user", "delete", "bob@example.org", text="--yes", input=b"")
    loft.run("user", "delete", "bob@example.org", "--yes")
    fails(loft, "user", "show", "bob@example.org", text="no user bob@example.org")
    fails(loft, "user", "delete", "bob@example.org", "--yes", text="no user")


def test_user_delete_takes_the_mail_and_a_new_user_starts_empty(loft, anna):
    first = loft.json("user", "show", anna)["account"]
    loft.run("deliver", anna, input=b"Subject: x\n\ny\n")
    loft.run("user", "delete", anna, "--yes")
    loft.add_user(anna)
    shown = loft.json("user", "show", anna)
    assert shown["messages"] == 0 and shown["account"] > first


@pytest.mark.parametrize("name,text", [("", "empty"), ("a b", ""), ("a/b", ""), (".a", ""), ("x" * 256, "")])
def test_user_add_refuses_names(loft, name, text):
    fails(loft, "user", "add", name, "--password-stdin", input=b"secret\n", text=text)


def test_user_add_refuses_an_empty_password(loft):
    fails(loft, "user", "add", "empty", "--password-stdin", input=b"\n", text="empty")
    fails(loft, "user", "add", "empty", "--password-stdin", input=b"", text="nothing was entered")


def type_at_terminal(args, lines):
    """Run with a terminal, answer each prompt; returns exit code and what was shown."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(args[0], args)
    shown, signal_before = b"", signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(20)
    try:
        for line in lines:
            seen = len(shown)
            while not shown[seen:].rstrip().endswith((b":", b"[y/N]")):
                shown += os.read(fd, 1000)
            os.write(fd, line + b"\n")
        while True:
            shown += os.read(fd, 1000)
    except OSError:  # the other end is closed
        pass
    signal.alarm(0)
    signal.signal(signal.SIGALRM, signal_before)
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def test_password_is_asked_twice_without_echo(loft):
    code, shown = type_at_terminal(loft.command("user", "add", "typed"), [b"hidden!", b"hidden!"])
    assert code == 0 and b"hidden!" not in shown and b"typed added" in shown
    code, shown = type_at_terminal(loft.command("user", "passwd", "typed"), [b"one", b"two"])
    assert code == 1 and b"not the same" in shown
    code, shown = type_at_terminal(loft.command("user", "delete", "typed"), [b"n"])
    assert code == 1 and b"nothing was done" in shown
    code, shown = type_at_terminal(loft.command("user", "delete", "typed"), [b"y"])
    assert code == 0 and b"deleted" in shown


# ---- mailboxes ----

def test_mailbox_commands(loft, anna):
    names = [m["name"] for m in loft.json("mailbox", "list", anna)]
    assert names == ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]
    loft.run("mailbox", "create", anna, "Work/Räte")
    loft.run("mailbox", "rename", anna, "Work", "Büro")
    status = loft.json("mailbox", "status", anna, "Büro/Räte")
    assert status["messages"] == 0 and status["uidnext"] == 1
    assert "Büro/Räte" in loft.run("mailbox", "list", anna).stdout.decode()
    loft.run("mailbox", "delete", anna, "Büro/Räte")
    fails(loft, "mailbox", "status", anna, "Büro/Räte", text="Büro/Räte")
    fails(loft, "mailbox", "create", anna, "INBOX", text="exists")
    fails(loft, "mailbox", "create", anna, "a/../b")
    fails(loft, "mailbox", "delete", anna, "INBOX", "--yes", text="INBOX")
    fails(loft, "mailbox", "list", "nobody", text="no user nobody")
    fails(loft, "mailbox", "create", anna, b"\xff".decode("utf-8", "surrogateescape"), code=2, text="UTF-8")


# ---- import, export ----

def make_maildir(path):
    box = mailbox.Maildir(str(path), create=True)
    def add(folder, raw, flags, date):
        m = mailbox.MaildirMessage(raw)
        m.set_subdir("cur")
        m.set_flags(flags)
        m.set_date(date)
        folder.add(m)
    for i in range(250):
        add(box, b"Subject: %d\nMessage-ID: <%d@x>\n\nbody %d\n" % (i, i, i), "S" if i % 2 else "", 1600000000 + i)
    add(box.add_folder("Work"), b"Subject: w\n\nFrom here\n", "FT", 1500000000)
    add(box.add_folder("Work.Re&AOQ-l"), b"Subject: w\n\nFrom here\n", "R", 1400000000)
    box.add_folder("Empty")
    return box


def counts(loft, user):
    return {m["name"]: m["messages"] for m in loft.json("mailbox", "list", user)}


def test_import_maildir_twice(loft, anna, tmp_path):
    make_maildir(tmp_path / "md")
    first = loft.json("import", anna, str(tmp_path / "md"))
    assert first == {"imported": 252, "known": 0, "passed_over": 0, "not_mail": 0}
    assert loft.json("import", anna, str(tmp_path / "md")) == {"imported": 0, "known": 252, "passed_over": 0, "not_mail": 0}
    have = counts(loft, anna)
    assert (have["INBOX"], have["Work"], have["Work/Reäl"], have["Empty"]) == (250, 1, 1, 0)
    status = loft.json("mailbox", "status", anna, "Work")
    assert status["deleted"] == 1
    assert loft.json("mailbox", "status", anna, "INBOX")["unseen"] == 125
    loft.run("import", anna, str(tmp_path / "md"), "--mailbox", "Old")
    assert counts(loft, anna)["Old/Work/Reäl"] == 1


def test_import_counts_equal_messages(loft, anna, tmp_path):
    path = tmp_path / "twins.mbox"
    message = b"From a Thu Jan  1 00:00:05 1970\nSubject: same\n\nsame\n\n"
    path.write_bytes(message)
    assert loft.json("import", anna, str(path))["imported"] == 1
    path.write_bytes(message * 3)
    assert loft.json("import", anna, str(path)) == {"imported": 2, "known": 1, "passed_over": 0, "not_mail": 0}
    assert counts(loft, anna)["INBOX"] == 3


def test_import_folder_of_mbox_files(loft, anna, tmp_path):
    top = tmp_path / "mail"
    (top / "Lists.sbd").mkdir(parents=True)
    (top / "Lists").write_bytes(b"From a Thu Jan  1 00:00:05 1970\nStatus: RO\nX-Status: A\nA: b\n\n>From x\n\n")
    (top / "Lists.sbd" / "imap").write_bytes(b"From a Thu Jan  1 00:00:05 1970\r\nA: b\r\n\r\nx\r\n\r\n")
    (top / "notes.txt").write_bytes(b"no mail")
    (top / "link").symlink_to("/etc/passwd")
    loft.run("import", anna, str(top))
    have = counts(loft, anna)
    assert have["Lists"] == 1 and have["Lists/imap"] == 1 and "notes.txt" not in have and "link" not in have
    assert loft.json("mailbox", "status", anna, "Lists")["unseen"] == 0


def test_import_passes_over_what_it_cannot_take(loft, anna, tmp_path):
    for folder in "cur", "new", "tmp":
        (tmp_path / "md" / folder).mkdir(parents=True)
    (tmp_path / "md" / "cur" / "1:2,S").write_bytes(b"A: b\n\n" + b"x" * 70000)
    (tmp_path / "md" / "cur" / "2:2,S").write_bytes(b"A: b\n\nfine\n")
    (tmp_path / "md" / "cur" / "3:2,S").write_bytes(b"")
    (tmp_path / "md" / ".a..b").mkdir()
    for folder in "cur", "new", "tmp":
        (tmp_path / "md" / ".a..b" / folder).mkdir()
    (tmp_path / "md" / ".a..b" / "cur" / "1").write_bytes(b"A: b\n\n")
    done = fails(loft, "-o", "imap.max_append_bytes=64K", "import", anna, str(tmp_path / "md"), text="larger than")
    assert b"2 messages imported" in done.stdout and b"passed over" in done.stdout
    assert b"a//b" in done.stderr
    assert counts(loft, anna)["INBOX"] == 2


def test_import_one_message(loft, anna, tmp_path):
    path = tmp_path / "a.eml"
    path.write_bytes(b"Subject: one\nDate: Thu, 1 Jan 1970 00:00:05 +0000\n\nbody\n")
    once = {"imported": 1, "known": 0, "passed_over": 0, "not_mail": 0}
    assert loft.json("import", anna, str(path)) == once
    assert loft.json("import", anna, str(path)) == {**once, "imported": 0, "known": 1}
    assert loft.json("import", anna, str(path), "--mailbox", "Saved/One") == once
    assert counts(loft, anna)["INBOX"] == 1 and counts(loft, anna)["Saved/One"] == 1


@pytest.mark.parametrize("start,is_mail", [
    (b"A: b\n\n", True), (b"X-A_b!:\n", True), (b"A \t: obsolete\n", True), (b"%b: b\n" % (b"x" * 998), True),
    (b"%b: b\n" % (b"x" * 999), False), (b"", False), (b":\n", False), (b" A: b\n", False), (b"two words: b\n", False),
    (b"\xef\xbb\xbfA: b\n", False), (b"\0:\n", False), (b"word\n", False), (b"word", False),
])
def test_import_knows_a_message_by_its_first_field(loft, anna, tmp_path, start, is_mail):
    path = tmp_path / "a.eml"
    path.write_bytes(start)
    if is_mail:
        assert loft.json("import", anna, str(path))["imported"] == 1
    else:
        fails(loft, "import", anna, str(path), text="is no mail")


def test_import_folder_of_messages(loft, anna, tmp_path):
    top = tmp_path / "Saved"
    (top / "Below").mkdir(parents=True)
    for i in range(3):
        (top / f"{i}.eml").write_bytes(b"Subject: %d\n\n" % i)
    (top / "Below" / "x.EML").write_bytes(b"Subject: x\n\n")
    (top / "1.mbox").write_bytes(b"From a Thu Jan  1 00:00:05 1970\nA: b\n\n")
    assert loft.json("import", anna, str(top)) == {"imported": 5, "known": 0, "passed_over": 0, "not_mail": 0}
    have = counts(loft, anna)
    assert (have["Saved"], have["Below"], have["1"], have["INBOX"]) == (3, 1, 1, 0)
    loft.run("import", anna, str(top), "--mailbox", "Old")
    have = counts(loft, anna)
    assert (have["Old"], have["Old/Below"], have["Old/1"]) == (3, 1, 1)


def test_import_names_what_it_passes_over(loft, anna, tmp_path):
    top = tmp_path / "Saved"
    top.mkdir()
    make_maildir(top / "md")
    (top / "md" / "dovecot-uidlist").write_bytes(b"a Maildir's own")
    (top / "md" / "cur" / "link").symlink_to("/etc/passwd")
    (top / "a.eml").write_bytes(b"Subject: a\n\n")
    (top / "link.eml").symlink_to("a.eml")
    for i in range(7):
        (top / f"notes{i}.txt").write_bytes(b"Subject: looks like mail, is named otherwise\n\n")
    done = loft.run("import", anna, str(top))
    assert b"253 messages imported" in done.stdout and b"9 files were no mail" in done.stdout
    for name in "link.eml", "md/cur/link", "notes0.txt", "4 more files":
        assert name in done.stderr.decode(), done.stderr
    assert b"notes6.txt" not in done.stderr and b"dovecot-uidlist" not in done.stderr
    (top / "broken.eml").write_bytes(b"no header")
    fails(loft, "import", anna, str(top), text="broken.eml: no message")


def test_import_says_when_there_is_no_mail(loft, anna, tmp_path):
    fails(loft, "import", anna, str(tmp_path), text="no mail at")
    fails(loft, "import", anna, str(tmp_path / "no"), text="No such file")
    (tmp_path / "file").write_text("hello")
    fails(loft, "import", anna, str(tmp_path / "file"), text="is no mail")
    fails(loft, "import", "nobody", "/dev/null", text="")


ODD = [
    b"Subject: plain\r\n\r\nbody\r\n",
    b"",
    b"\r\n",
    b"no header",
    b"Subject: lf\n\nonly lf\n",
    b"Subject: mixed\r\n\r\none\ntwo\r\n",
    b"Subject: cr\r\n\r\na\rb\r\r\nc\r\n",
    b"Subject: from\r\n\r\nFrom x\r\n>From y\r\n",
    b"Subject: nul\r\n\r\na\0b\xff\r\n",
    b"Subject: no end\r\n\r\nx",
]


def write_wire_maildir(path, messages, flags="FS"):
    """As `loft export` names files whose bytes are not to be touched."""
    for folder in "cur", "new", "tmp":
        (path / folder).mkdir(parents=True)
    for i, m in enumerate(messages):
        file = path / "cur" / f"{1600000000 + i}.{i}.h,S={len(m)},W={len(m)}:2,{flags}"
        file.write_bytes(m)
        os.utime(file, (1600000000 + i, 1600000000 + i))


def read_exported(path):
    """Bytes, flags and date of each message of one exported Maildir, in order of UID."""
    out = []
    for name in sorted(os.listdir(path / "cur"), key=lambda n: int(n.split(".")[1][1:])):
        raw = (path / "cur" / name).read_bytes()
        size, wire = (int(name.split(k)[1].split(",")[0].split(":")[0]) for k in ("S=", "W="))
        assert size == len(raw)
        if wire != size:
            raw = raw.replace(b"\n", b"\r\n")
        assert len(raw) == wire
        out.append((raw, name.split(":2,")[1], int((path / "cur" / name).stat().st_mtime)))
    return out


def test_maildir_export_gives_back_every_byte(loft, anna, tmp_path):
    write_wire_maildir(tmp_path / "in", ODD)
    loft.run("import", anna, str(tmp_path / "in"))
    loft.run("mailbox", "create", anna, "a.b/c\\d/~x")
    loft.run("export", anna, str(tmp_path / "out"))
    want = [(m, "FS", 1600000000 + i) for i, m in enumerate(ODD)]  # and the keywords that an import sets
    def exported(name):
        return [(raw, flags.strip("abc"), date) for raw, flags, date in read_exported(tmp_path / name)]
    assert exported("out") == want
    second = loft.add_user("second-" + anna)
    loft.run("import", second, str(tmp_path / "out"))
    loft.run("export", second, str(tmp_path / "out2"))
    assert exported("out2") == want
    assert counts(loft, second) == counts(loft, anna)


WITH_FILE = (b'Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n'
             b'--b\nContent-Type: application/pdf; name="a.pdf"\n\nx\n--b--\n')


def test_what_arrives_is_given_keywords(tmp_path):
    """RFC 9979: $hasattachment or $hasnoattachment, and $imported; also through LMTP; or none, by a setting."""
    make_maildir(tmp_path / "md")
    for on in "yes", "no":
        with Loft({"delivery.keywords": on}) as server:
            user = server.add_user("anna@example.org")
            server.run("deliver", user, input=b"Subject: x\n\ny\n")
            server.run("deliver", user, input=WITH_FILE)
            server.run("import", user, str(tmp_path / "md"), "-m", "Old")
            with imaplib.IMAP4("127.0.0.1", server.imap_port) as client:
                client.login(user, PASSWORD)
                client.select("INBOX", readonly=True)
                flags = [line.decode().split("FLAGS ")[1] for line in client.fetch("1:*", "(FLAGS)")[1]]
                want = ["($hasnoattachment))", "($hasattachment))"] if on == "yes" else ["())", "())"]
                assert [f.replace("\\Recent ", "").replace("\\Recent", "") for f in flags] == want
                client.select("Old", readonly=True)
                found = client.search(None, "KEYWORD $imported KEYWORD $hasnoattachment")[1][0].split()
                assert bool(found) == (on == "yes")


def test_mbox_export_comes_back(loft, anna, tmp_path):
    make_maildir(tmp_path / "md")
    loft.run("import", anna, str(tmp_path / "md"))
    loft.run("mailbox", "create", anna, "x.mbox/..y")
    loft.run("export", anna, str(tmp_path / "out"), "--format", "mbox")
    assert sorted(os.path.relpath(os.path.join(d, f), tmp_path / "out") for d, _, files in os.walk(tmp_path / "out") for f in files) == [
        "Archive.mbox", "Drafts.mbox", "Empty.mbox", "INBOX.mbox", "Junk.mbox", "Sent.mbox", "Trash.mbox", "Work.mbox",
        "Work/Reäl.mbox", "x\\2embox.mbox", "x\\2embox/\\2e.y.mbox"]
    assert len(mailbox.mbox(str(tmp_path / "out" / "INBOX.mbox"))) == 250
    second = loft.add_user("second-" + anna)
    assert loft.json("import", second, str(tmp_path / "out"))["imported"] == 252
    assert loft.json("import", anna, str(tmp_path / "out")) == {"imported": 0, "known": 252, "passed_over": 0, "not_mail": 0}
    assert counts(loft, second) == counts(loft, anna)


def test_export_takes_a_new_folder_only(loft, anna, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    fails(loft, "export", anna, str(tmp_path / "full"), text="not empty")
    fails(loft, "export", anna, str(tmp_path / "no" / "where"), text="No such file")
    fails(loft, "export", anna, str(tmp_path / "new"), "--format", "tar", code=2, text="maildir or mbox")
    fails(loft, "export", "nobody", str(tmp_path / "new"), text="no user")
    assert not (tmp_path / "new").exists()
    loft.run("mailbox", "create", anna, "/".join(["ü" * 100] * 3))
    done = loft.run("export", anna, str(tmp_path / "new"))
    assert b"too long" in done.stderr


# ---- deliver ----

def test_deliver_and_its_exit_codes(loft, anna, tmp_path):
    loft.run("mailbox", "create", anna, "lists")
    user, domain = anna.split("@")
    loft.run("deliver", anna, "-f", "sender@example.net", input=b"From x y\nSubject: hi\n\nhello\n")
    loft.run("deliver", f"{user}+lists@{domain}", input=b"Subject: hi\n\nhello\n")
    loft.run("deliver", f"{user}+none@{domain}", input=b"Subject: hi\n\nhello\n")
    assert counts(loft, anna)["INBOX"] == 2 and counts(loft, anna)["lists"] == 1
    loft.run("export", anna, str(tmp_path / "out"))
    raw = read_exported(tmp_path / "out")[0][0]
    assert raw.startswith(b"Return-Path: <sender@example.net>\r\nDelivered-To:") and raw.endswith(b"\r\nSubject: hi\r\n\r\nhello\r\n")
    assert b"From x y" not in raw
    fails(loft, "deliver", "nobody@example.org", code=67, text="no user", input=b"x")
    fails(loft, "deliver", anna, "-f", "x>\nEvil: yes", code=65, input=b"x")
    fails(loft, "-o", "lmtp.max_message_bytes=64K", "deliver", anna, code=69, text="larger", input=b"x" * 70000)
    fails(loft, "-o", "no.such=1", "deliver", anna, code=75, input=b"x")
    for nothing in b"", b"From x y\n":
        fails(loft, "deliver", anna, code=65, text="empty", input=nothing)


# ---- status, who, kick ----

def test_status(loft, anna):
    status = loft.json("status")
    assert status["running"] == isinstance(loft, Loft) and status["users"] >= 1 and status["store"]["free_bytes"] > 0
    text = loft.run("status").stdout.decode()
    assert "Free space" in text and ("Certificate" in text) == isinstance(loft, Loft)


def test_who_and_kick(loft, anna):
    if not isinstance(loft, Loft):
        fails(loft, "who", text="no server runs")
        fails(loft, "kick", anna, text="no server runs")
        return
    one, two = (imaplib.IMAP4("127.0.0.1", loft.imap_port) for _ in range(2))
    for client in one, two:
        client.login(anna, PASSWORD)
    one.select("INBOX")
    mine = [s for s in loft.json("who") if s["user"] == anna]
    assert len(mine) == 2 and {s["mailbox"] for s in mine} == {"INBOX", ""} and not mine[0]["tls"]
    assert anna in loft.run("who").stdout.decode()
    assert loft.json("kick", str(mine[0]["session"])) == {"kicked": 1}
    wait_until(lambda: len([s for s in loft.json("who") if s["user"] == anna]) == 1)
    assert loft.json("kick", anna) == {"kicked": 1}
    for client in one, two:
        with pytest.raises((imaplib.IMAP4.abort, OSError)):
            client.noop()
    fails(loft, "kick", anna, text="no session")


def test_password_change_holds_at_once_and_delete_ends_sessions(loft, anna):
    if not isinstance(loft, Loft):
        return
    client = imaplib.IMAP4("127.0.0.1", loft.imap_port)
    client.login(anna, PASSWORD)
    loft.run("user", "passwd", anna, "--password-stdin", input=b"fresh\n")
    other = imaplib.IMAP4("127.0.0.1", loft.imap_port)
    with pytest.raises(imaplib.IMAP4.error):
        other.login(anna, PASSWORD)
    other.login(anna, "fresh")
    other.logout()
    loft.run("user", "disable", anna)
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.noop()
    other = imaplib.IMAP4("127.0.0.1", loft.imap_port)
    with pytest.raises(imaplib.IMAP4.error):
        other.login(anna, "fresh")
    loft.run("user", "enable", anna)
    client = imaplib.IMAP4("127.0.0.1", loft.imap_port)
    client.login(anna, "fresh")
    client.select("INBOX")
    loft.run("user", "delete", anna, "--yes")
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.noop()


# ---- the command line itself ----

def run(*args, **more):
    return subprocess.run([BINARY, *args], capture_output=True, timeout=60, **more)


@pytest.mark.parametrize("args,code,text", [
    ([], 2, "which command"), (["usr"], 2, "did you mean"), (["user"], 2, "loft help user"), (["user", "add"], 2, "missing"),
    (["user", "list", "x"], 2, "too many"), (["serve", "--dta", "x"], 2, "did you mean --data"),
    (["-o", "imap.lisen=x", "status"], 2, "imap.listen"), (["-c", "/no/such", "status"], 2, "/no/such"),
    (["-d", "/no/such/folder", "user", "list"], 1, "no data folder"),
])
def test_mistakes(args, code, text):
    done = run(*args)
    assert done.returncode == code and text in done.stderr.decode() and done.stdout == b""
    assert done.stderr.startswith(b"loft: ")


def test_help_and_version():
    assert run("--version").stdout.startswith(b"loft ")
    for args in ["--help"], ["help"], ["help", "user"], ["help", "user", "add"], ["user", "add", "-h"], ["help", "nonsense"]:
        done = run(*args)
        assert done.returncode == 0 and b"--config FILE" in done.stdout and done.stderr == b""
    assert b"--password-stdin" in run("help", "user", "add").stdout
    assert b"--read-only" in run("help", "user", "app-password", "add").stdout


def test_config_commands(tmp_path):
    good, bad = tmp_path / "good.conf", tmp_path / "bad.conf"
    good.write_text("[imap]\nlisten = 127.0.0.1:1143\n")
    bad.write_text("[imap]\nlisen = 127.0.0.1:1143\n[store]\ncompression = zip\n")
    assert run("config", "check", "-c", str(good)).returncode == 0
    done = run("config", "check", "-c", str(bad))
    assert done.returncode == 1
    assert b"imap.listen" in done.stderr and b"lz4" in done.stderr and done.stderr.count(b"loft: ") == 2
    assert b"imap.listen = 127.0.0.1:1143" in run("-c", str(good), "config", "show").stdout
    assert json.loads(run("-c", str(good), "config", "show", "--json").stdout)["imap.idle_heartbeat_s"] == 120
    assert b"default: lz4" in run("config", "explain", "store.compression").stdout
    assert run("config", "explain", "store.compresion").returncode == 1
    assert json.loads(run("config", "explain", "imap", "--json").stdout)


# ---- serve ----

def test_two_servers_on_one_folder():
    with Loft() as first:
        second = Loft(data=first.data)
        done = subprocess.run([*second.command("serve"), "-o", "imap.listen=", "-o", "imaps.listen=", "-o", "lmtp.listen="],
                              capture_output=True, timeout=30)
        assert done.returncode == 1 and str(first.process.pid) in done.stderr.decode()
        first.add_user("anna")


def test_first_start_without_any_configuration(tmp_path):
    """Nothing but a home: the data folder and a certificate are made; default ports or the unprivileged ones are taken."""
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    folder = tmp_path / ".local/share/loft"
    args = [BINARY, "serve"] if os.geteuid() != 0 else [BINARY, "-d", str(folder), "serve"]
    process = subprocess.Popen([*args, "-o", "imap.listen=127.0.0.1:0", "-o", "imaps.listen=127.0.0.1:0"], env=env,
                               stderr=subprocess.PIPE)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line == b"ready\n":
            break
    assert lines[-1] == b"ready\n", lines
    assert (folder / "self-signed.pem").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "control.sock").stat().st_mode & 0o777 == 0o600
    process.send_signal(signal.SIGTERM)
    process.stderr.read()
    process.stderr.close()
    assert process.wait(20) == 0
    assert not (folder / "control.sock").exists()


def test_sighup_keeps_sessions_and_takes_new_certificates(tmp_path):
    pem = tmp_path / "cert.pem"
    def make():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                        "-days", "10", "-keyout", str(tmp_path / "k"), "-out", str(tmp_path / "c")], check=True, capture_output=True)
        pem.write_bytes((tmp_path / "c").read_bytes() + (tmp_path / "k").read_bytes())
        return subprocess.run(["openssl", "x509", "-outform", "DER", "-in", str(tmp_path / "c")], capture_output=True).stdout
    def shown(port):
        context = ssl._create_unverified_context()
        with socket.create_connection(("127.0.0.1", port)) as raw, context.wrap_socket(raw) as s:
            return s.getpeercert(True)
    first = make()
    with Loft({"tls.certificate": str(pem), "tls.key": str(pem)}) as loft:
        loft.add_user("anna")
        client = imaplib.IMAP4("127.0.0.1", loft.imap_port)
        client.login("anna", PASSWORD)
        assert shown(loft.imaps_port) == first
        second = make()
        loft.process.send_signal(signal.SIGHUP)
        wait_until(lambda: shown(loft.imaps_port) == second)
        pem.write_text("broken")
        loft.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("reload-failed" in line for line in loft.log))
        assert shown(loft.imaps_port) == second
        assert client.noop()[0] == "OK"
    assert loft.process.returncode == 0


def test_sigterm_says_goodbye_to_sessions():
    with Loft() as loft:
        loft.add_user("anna")
        with loft.connect() as s:
            f = s.makefile("rb")
            assert f.readline().startswith(b"* OK")
            began = time.monotonic()
            loft.process.terminate()
            assert f.readline().startswith(b"* BYE")
            assert f.readline() == b""
        assert loft.process.wait(10) == 0 and time.monotonic() - began < 5


def test_serve_tells_systemd(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(tmp_path / "notify"))
        s.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        try:
            with Loft():
                assert s.recv(100).startswith(b"READY=1")
            assert s.recv(100).startswith(b"STOPPING=1")
        finally:
            del os.environ["NOTIFY_SOCKET"]


def test_serve_refuses_a_wrong_configuration(tmp_path):
    done = run("-d", str(tmp_path / "d"), "serve", "-o", "imap.listen=nonsense")
    assert done.returncode == 1 and b"imap.listen" in done.stderr and b"ready" not in done.stderr
    assert not (tmp_path / "d").exists()


def control(loft):
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.path.join(loft.data, "control.sock"))
    s.settimeout(20)
    return s


@pytest.mark.parametrize("sent,kind", [
    (b"hello\n", "syntax"), (b"[]\n", "syntax"), (b"{}\n", "invalid"), (b'{"command":"nonsense"}\n', "invalid"),
    (b'{"command":"user-show"}\n', "invalid"), (b'{"command":"user-show","user":1}\n', "invalid"),
    (b'{"command":"user-show","user":"x","more":1}\n', "invalid"), (b'{"command":"user-list","bytes":-1}\n', "invalid"),
    (b'{"command":"user-list","bytes":2}\nxx', "invalid"), (b'{"command":"deliver","recipient":"x","sender":""}\n', "invalid"),
    (b'{"command":"import-message","flags":[],"date_s":0,"bytes":0}\n', "state"), (b'{"command":"export-next"}\n', "state"),
    (b"x" * 70000, "limit"),
])
def test_control_socket_answers_wrong_requests(server, sent, kind):
    with control(server) as s:
        s.sendall(sent)
        answer = json.loads(s.makefile("rb").readline())
        assert answer["ok"] is False and answer["kind"] == kind


def test_control_socket_takes_requests_in_pieces_and_skips_bytes_of_a_refused_one(server):
    with control(server) as s:
        f = s.makefile("rb")
        for i in range(0, 30, 7):
            s.sendall(b'{"command":"user-list"}\n        '[i:i + 7])
            time.sleep(0.02)
        assert json.loads(f.readline())["ok"] is True
        big = 2 << 30
        s.sendall(b'{"command":"deliver","recipient":"x","sender":"","bytes":%d}\n' % big + b"x" * 100000)
    assert server.run("status").returncode == 0


def test_an_import_that_breaks_off_leaves_whole_batches(server, user):
    with control(server) as s:
        f = s.makefile("rb")
        def ask(request, body=None):
            if body is not None:
                request["bytes"] = len(body)
            s.sendall(json.dumps(request).encode() + b"\n" + (body or b""))
            answer = json.loads(f.readline())
            assert answer["ok"], answer
        ask({"command": "import-begin", "user": user})
        ask({"command": "import-mailbox", "mailbox": "INBOX"})
        for i in range(150):
            ask({"command": "import-message", "flags": ["\\Seen", "bad flag", "$ok"], "date_s": 5}, b"A: %d\r\n\r\n" % i)
    status = server.json("mailbox", "status", user, "INBOX")
    assert status["messages"] == 100 and status["keywords"] == 3 and status["unseen"] == 0
