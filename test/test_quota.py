"""Quota as delivery, administrators and owners of mailboxes meet it. (What IMAP says is in transcripts/quota.)"""
import concurrent.futures
import email
import re
import time

import imapwire
import loft
import pytest
from lmtpwire import Lmtp

OK = "250 2.0.0"


def message(size, subject="mail"):
    head = f"From: a@example.com\r\nSubject: {subject}\r\n\r\n".encode()
    return head + b"x" * (size - len(head) - 2) + b"\r\n"


def rows(server, user):
    return {(r["mailbox"], r["resource"]): (r["used"], r.get("limit")) for r in server.json("quota", "show", user)}


def letters(server, user, mailbox="INBOX"):
    client = imapwire.Imap(server, user)
    client.ok(f'EXAMINE "{mailbox}"')
    out = []
    for line in client.ok("FETCH 1:* (BODY.PEEK[])"):
        found = imapwire.fetch_items(line)
        if found:
            out.append(email.message_from_bytes(found[1][b"BODY[]"][1]))
    client.close()
    return out


def warnings(server, user):
    return [m["Subject"] for m in letters(server, user) if m["Auto-Submitted"] == "auto-generated"]


# ---- delivery ----


@pytest.mark.parametrize("setting,reply", [("452", "452 4.2.2"), ("552", "552 5.2.2")])
def test_a_full_account_is_answered_as_the_setting_says(setting, reply):
    options = {"quota.storage_bytes": "10K", "quota.grace_percent": "0", "quota.warnings": "",
               "quota.over_reply": setting}
    with loft.Loft(options) as server:
        anna, bert = server.add_user("anna@example.org"), server.add_user("bert@example.org")
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(message(8000), anna, bert) == [OK, OK]
            assert lmtp.deliver(message(1000), bert) == [OK]
            # one recipient of three is full; the others get theirs
            server.run("user", "add", "carl@example.org", "--password-stdin", input=b"x\n")
            assert lmtp.deliver(message(900), bert, anna, "carl@example.org") == [reply, OK, OK]
            assert lmtp.deliver(message(1000), anna) == [reply]
        assert rows(server, bert)["", "messages"] == (2, None)
        # the administrator gives room
        server.run("quota", "set", bert, "--storage", "1M")
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(message(900), bert) == [OK]


def test_the_last_message_may_pass_the_limit_by_the_grace():
    with loft.Loft({"quota.storage_bytes": "10K", "quota.grace_percent": "20", "quota.warnings": ""}) as server:
        anna = server.add_user("anna@example.org")
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(message(9000), anna) == [OK]
            assert lmtp.deliver(message(4000), anna) == ["452 4.2.2"]
            assert lmtp.deliver(message(2000), anna) == [OK]
            assert lmtp.deliver(message(100), anna) == ["452 4.2.2"]


def test_a_mailbox_that_cannot_be_made_leaves_mail_in_inbox():
    with loft.Loft({"quota.mailboxes": "7", "lmtp.create_folder": "yes"}) as server:
        anna = server.add_user("anna@example.org")
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(message(300), "anna+one@example.org", "anna+two@example.org") == [OK, OK]
            assert lmtp.deliver(message(300), "anna+three@example.org") == [OK]
        assert len(letters(server, anna, "one")) == 1
        assert len(letters(server, anna)) == 2


def test_loft_deliver_says_try_again_later():
    with loft.Loft({"quota.messages": "1"}) as server:
        anna = server.add_user("anna@example.org")
        server.run("deliver", anna, input=message(300))
        done = server.run("deliver", anna, input=message(300), check=False)
        assert done.returncode == 75, done.stderr


def test_deliveries_and_appends_at_once_fit_exactly():
    """Two doors, many hands: what is taken is what the limit holds, to the message."""
    with loft.Loft({"quota.messages": "50", "quota.warnings": ""}) as server:
        anna = server.add_user("anna@example.org")

        def deliver(n):
            with Lmtp(server) as lmtp:
                return [lmtp.deliver(message(300), anna)[0] for _ in range(n)].count(OK)

        def append(n):
            client = imapwire.Imap(server, anna)
            done = [client.run(b"APPEND Sent {300+}\r\n" + message(300))[1] for _ in range(n)]
            client.close()
            assert all(d.startswith((b"OK", b"NO [OVERQUOTA]")) for d in done)
            return sum(d.startswith(b"OK") for d in done)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            taken = [pool.submit(f, 20) for f in (deliver, append) * 4]
        assert sum(t.result() for t in taken) == 50
        assert rows(server, anna)["", "messages"] == (50, 50)


# ---- domains ----


def test_a_domain_shares_its_limit_also_after_a_restart():
    options = {"quota.domain_storage_bytes": "10K", "quota.domains": "BIG.example=20K, free.example=none",
               "quota.administrators": "anna@example.org"}
    with loft.Loft(options) as server:
        anna, bert = server.add_user("anna@example.org"), server.add_user("bert@example.org")
        big, free = server.add_user("c@big.example"), server.add_user("d@free.example")
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(message(6000), anna, big, free) == [OK] * 3
            assert lmtp.deliver(message(6000), bert, big, free) == ["452 4.2.2", OK, OK]
            assert lmtp.deliver(message(6000), big, free) == [OK, OK]
            assert lmtp.deliver(message(3000), bert) == [OK]
            assert lmtp.deliver(message(900), anna) == ["452 4.2.2"]
        assert server.json("quota", "domain", "example.org")[0]["used"] == server.json(
            "user", "show", anna)["size_bytes"] + server.json("user", "show", bert)["size_bytes"]
        server.restart()
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(message(900), anna) == ["452 4.2.2"]
            assert lmtp.deliver(message(3000), big, free) == ["452 4.2.2", OK]
            server.run("user", "delete", bert, "--yes")
            assert lmtp.deliver(message(3000), anna) == [OK]
        # administrators see the domain's root, others do not
        client = imapwire.Imap(server, anna)
        got = client.ok("GETQUOTAROOT INBOX")
        assert got[0] == b"* QUOTAROOT INBOX user/anna@example.org domain/example.org"
        used = server.json("quota", "domain", "example.org")[0]["used"]
        assert got[2] == b"* QUOTA domain/example.org (STORAGE %d 10)" % -(-used // 1024)
        assert client.ok("GETQUOTA domain/big.example")[0].endswith(b" 20)")
        assert client.run("GETQUOTA domain/none.example")[1].startswith(b"NO [NONEXISTENT]")
        client.close()
        client = imapwire.Imap(server, big)
        assert client.ok("GETQUOTAROOT INBOX")[0] == b"* QUOTAROOT INBOX user/c@big.example"
        client.close()


def test_public_mailboxes_count_for_their_domain_and_warn_in_the_log():
    options = {"quota.domain_storage_bytes": "10K", "quota.storage_bytes": "4K", "quota.warnings": "50"}
    with loft.Loft(options) as server:
        anna = server.add_user("anna@example.org")
        server.run("mailbox", "create", "Shared/example.org", "news")
        server.run("acl", "set", "Shared/example.org", "news", anna, "lrsi")
        client = imapwire.Imap(server, anna)
        client.ok(b'APPEND "Shared/news" {3000+}\r\n' + message(3000))
        loft.wait_until(lambda: any("quota-warning" in line for line in server.log))
        assert server.json("quota", "domain", "example.org")[0]["used"] == 3000
        client.ok(b"APPEND INBOX {1000+}\r\n" + message(1000))
        assert client.run(b'APPEND "Shared/news" {2000+}\r\n' + message(2000))[1].startswith(b"NO [OVERQUOTA]")
        assert client.ok('GETQUOTAROOT "Shared/news"')[0].startswith(b"* QUOTAROOT Shared/news account/")
        client.close()
        server.restart()
        assert server.json("quota", "domain", "example.org")[0]["used"] == 4000
        client = imapwire.Imap(server, anna)
        client.ok(b'APPEND "Shared/news" {500+}\r\n' + message(500))
        client.close()
        time.sleep(0.2)
        assert not any("quota-warning" in line for line in server.log)  # told before the restart


# ---- warnings ----


def test_each_level_is_told_once_in_inbox_and_log():
    with loft.Loft({"quota.storage_bytes": "20K", "quota.warnings": "50, 80", "quota.grace_percent": "0"}) as server:
        anna = server.add_user("anna@example.org")

        def wait_for(subjects):
            loft.wait_until(lambda: warnings(server, anna) == subjects)

        def logged():
            return [line for line in server.log if "quota-warning" in line]

        with Lmtp(server) as lmtp:
            assert lmtp.deliver(message(9000), anna) == [OK]
            assert warnings(server, anna) == []
            assert lmtp.deliver(message(1500), anna) == [OK]
            wait_for(["Your mailbox is 50 % full"])
            assert lmtp.deliver(message(500), anna) == [OK]
        (line,) = logged()
        assert "account=anna@example.org" in line and "percent=50" in line
        letter = [m for m in letters(server, anna) if m["Auto-Submitted"]][0]
        assert letter["To"] == "<anna@example.org>" and letter["From"] == "Mail server <postmaster@example.org>"
        assert "of 20 KiB are in use" in letter.get_payload()
        assert email.utils.parsedate_to_datetime(letter["Date"]).timestamp() > time.time() - 100
        server.restart()
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(message(500), anna) == [OK]
            assert lmtp.deliver(message(5000), anna) == [OK]
            wait_for(["Your mailbox is 50 % full", "Your mailbox is 80 % full"])
        assert len(logged()) == 1
        # room is made: the levels are armed again
        client = imapwire.Imap(server, anna)
        client.ok("SELECT INBOX")
        client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
        client.close()
        with Lmtp(server) as lmtp:
            assert lmtp.deliver(message(17000), anna) == [OK]
            wait_for(["Your mailbox is 80 % full"])


# ---- the administrator ----


def test_limits_of_a_user(server, user):
    assert rows(server, user)["", "storage"] == (0, None)
    server.run("quota", "set", user, "--storage", "1M", "--messages", "3")
    server.run("quota", "set", user, "--mailbox", "Sent", "--storage", "10K")
    assert rows(server, user)["", "storage"] == (0, 1 << 20)
    assert rows(server, user)["", "messages"] == (0, 3)
    assert rows(server, user)["Sent", "storage"] == (0, 10240)
    server.run("quota", "set", user, "--storage", "none", "--messages", "default")
    assert rows(server, user)["", "storage"] == (0, None)
    assert rows(server, user)["Sent", "storage"] == (0, 10240)
    text = server.run("quota", "show", user).stdout.decode()
    assert re.search(r"^Sent +storage +0 B +10\.0 KiB$", text, re.M), text


@pytest.mark.parametrize("args,text", [
    (["quota", "set", "USER", "--storage", "many"], "expected a size such as 500M or 10G, none or default"),
    (["quota", "set", "USER", "--messages", "1K"], "expected a number, none or default"),
    (["quota", "set", "USER", "--storage", "8589934592G"], "is no limit"),
    (["quota", "set", "USER"], "no limit is given"),
    (["quota", "set", "USER", "--mailbox", "none", "--storage", "1"], "no such mailbox"),
    (["quota", "set", "USER", "--mailbox", "Sent", "--annotations", "1"], "for the account as a whole only"),
    (["quota", "set", "nobody@example.org", "--storage", "1"], "no user nobody@example.org"),
    (["quota", "show", "nobody@example.org"], "no user nobody@example.org"),
    (["quota", "domain", "nowhere.example"], "is not limited, or has no users"),
])
def test_mistakes(server, user, args, text):
    done = server.run(*[user if a == "USER" else a for a in args], check=False)
    assert done.returncode == 1 and text in done.stderr.decode(), done.stderr


@pytest.mark.parametrize("setting", ["quota.warnings=80, 50", "quota.warnings=0", "quota.warnings=101",
                                     "quota.domains=example.org", "quota.domains=example.org=x"])
def test_settings_that_cannot_be(setting, tmp_path):
    import subprocess

    done = subprocess.run([loft.BINARY, "-d", str(tmp_path), "-o", setting, "config", "check"], capture_output=True)
    assert done.returncode != 0 and setting.split("=")[0] in (done.stdout + done.stderr).decode()


def test_import_does_not_ask_for_quota(tmp_path):
    with loft.Loft({"quota.messages": "1", "quota.warnings": ""}) as server:
        anna = server.add_user("anna@example.org")
        for i in range(3):
            (tmp_path / f"{i}.eml").write_bytes(message(300, f"mail {i}"))
        server.run("import", anna, str(tmp_path), "--mailbox", "INBOX")
        assert rows(server, anna)["", "messages"][0] == 3


# ---- exact, whatever happens ----


def test_totals_equal_the_mailboxes_after_a_kill():
    with loft.Loft({"quota.storage_bytes": "1M", "quota.warnings": ""}) as server:
        anna = server.add_user("anna@example.org")

        def append(n):
            client = imapwire.Imap(server, anna)
            client.ok("SELECT INBOX")
            try:
                for i in range(n):
                    client.run(b"APPEND INBOX {300+}\r\n" + message(300))
                    client.run("COPY 1 Sent" if i % 3 else "MOVE 1 Trash")
            except (EOFError, OSError):
                pass

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(append, 2000) for _ in range(4)]
            time.sleep(1)
            server.kill()
            for r in running:
                r.result()
        server.start()
        boxes = server.json("mailbox", "list", anna)
        assert rows(server, anna)["", "storage"][0] == sum(b["size_bytes"] for b in boxes)
        assert rows(server, anna)["", "messages"][0] == sum(b["messages"] for b in boxes) > 0
        assert rows(server, anna)["", "mailboxes"][0] == len(boxes)
