"""The search index as administrators and clients meet it: it is made in the background, outlives crashes, and never changes an answer."""
import random
import time

import imapwire
import loft
from lmtpwire import Lmtp

OK = "250 2.0.0"
QUICK = {"index.delay_s": "1", "index.cpu_percent": "100"}
WORDS = ["alpha", "beta", "gamma", "delta", "omega", "kiwi", "mango", "zebra", "äpfel", "日本語", "überall"]


def message(rng, n):
    words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12)))
    return (f"From: a{n % 7}@example.com\r\nSubject: note{n} {rng.choice(WORDS[:8])}\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\n\r\nunique{n} {words}\r\n").encode()


def deliver(server, user, messages):
    with Lmtp(server) as lmtp:
        for m in messages:
            assert lmtp.deliver(m, user) == [OK]


def uids(client, keys):
    found = []
    for line in client.ok(f"UID SEARCH {keys}"):
        text = line if isinstance(line, bytes) else line.encode()
        if text.startswith(b"* SEARCH"):
            found += [int(n) for n in text.split()[2:]]
    return sorted(found)


def status(server, user):
    return server.json("index", "status", user)[0]


def wait_for_index(server, user):
    loft.wait_until(lambda: status(server, user)["waiting"] == 0, timeout_s=30, step_s=0.1)
    return status(server, user)


QUERIES = ["BODY kiwi", "TEXT alpha", "SUBJECT zebra", "NOT BODY mango", "OR BODY beta SUBJECT omega", "BODY unique1",
           "TEXT absentword", "FROM a3@example.com", "BODY \"kiwi mango\"", "HEADER Subject note", "BODY a"]


def answers(server, user):
    client = imapwire.Imap(server, user)
    client.ok("EXAMINE INBOX")
    out = [uids(client, q) for q in QUERIES]
    client.close()
    return out


def test_an_index_is_made_in_the_background_and_changes_no_answer():
    rng = random.Random(1)
    with loft.Loft(QUICK) as server:
        anna = server.add_user("anna@example.org")
        deliver(server, anna, [message(rng, n) for n in range(150)])
        before = answers(server, anna)
        row = wait_for_index(server, anna)
        assert (row["messages"], row["indexed"], row["gone"]) == (150, 150, 0)
        assert 0 < row["index_bytes"] and row["segments"] > 0
        assert answers(server, anna) == before
        deliver(server, anna, [message(rng, n) for n in range(150, 153)])
        fresh = answers(server, anna)  # the last ones are not indexed yet, or are: the same
        wait_for_index(server, anna)
        assert answers(server, anna) == fresh
        assert server.json("index", "check", "--all")[0]["found"] == 0


def test_indexing_goes_on_after_a_restart():
    rng = random.Random(2)
    with loft.Loft({"index.delay_s": "3600"}) as server:
        anna = server.add_user("anna@example.org")
        deliver(server, anna, [message(rng, n) for n in range(10)])
        assert status(server, anna)["waiting"] == 10  # few, and nobody searched
        server.restart()
        assert wait_for_index(server, anna)["indexed"] == 10
        deliver(server, anna, [message(rng, n) for n in range(10, 60)])
        loft.wait_until(lambda: status(server, anna)["indexed"] >= 42, timeout_s=30, step_s=0.1)  # many at once


def test_a_search_hastens_what_waits():
    with loft.Loft({"index.delay_s": "3600"}) as server:
        anna = server.add_user("anna@example.org")
        deliver(server, anna, [message(random.Random(3), n) for n in range(20)])
        assert answers(server, anna)
        assert wait_for_index(server, anna)["indexed"] == 20


def test_a_deleted_user_leaves_no_index():
    with loft.Loft(QUICK) as server:
        anna, bert = server.add_user("anna@example.org"), server.add_user("bert@example.org")
        for user in anna, bert:
            deliver(server, user, [message(random.Random(4), n) for n in range(40)])
        for user in anna, bert:
            wait_for_index(server, user)
        server.run("user", "delete", anna, "--yes")
        server.add_user(anna)
        assert status(server, anna)["indexed"] == 0
        assert status(server, bert)["indexed"] == 40
        server.restart()
        assert {r["user"]: r["indexed"] for r in server.json("index", "status")} == {anna: 0, bert: 40}


def test_without_index_searches_find_the_same():
    rng = random.Random(5)
    messages = [message(rng, n) for n in range(40)]
    seen = []
    for options in (dict(QUICK), {"index.enabled": "no"}):
        with loft.Loft(options) as server:
            anna = server.add_user("anna@example.org")
            deliver(server, anna, messages)
            if "index.enabled" in options:
                done = server.run("index", "status", anna, check=False)
                assert done.returncode == 1 and b"switched off" in done.stderr
            else:
                wait_for_index(server, anna)
            seen.append(answers(server, anna))
    assert seen[0] == seen[1]


FILE_NAMES = [
    ("Content-Disposition: attachment; filename*=utf-8''%C3%9Cbersicht%20neu.pdf", "bersicht neu.pdf"),
    ("Content-Disposition: attachment; filename*0=\"quarter\"; filename*1=\"ly.xlsx\"", "quarterly.xlsx"),
    ("Content-Disposition: attachment;\r\n filename=\"=?utf-8?Q?Rechnung_M=C3=A4rz.doc?=\"", "rechnung m"),
    ("Content-Type: application/pdf; name=plain.pdf", "PLAIN.pdf"),
]


def test_names_of_attachments_are_found_before_and_after_indexing():
    with loft.Loft(QUICK) as server:
        anna = server.add_user("anna@example.org")
        for header, _ in FILE_NAMES:
            deliver(server, anna, [("Subject: files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                                    f"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n{header}\r\n\r\nxx\r\n--b--\r\n").encode()])
        deliver(server, anna, [message(random.Random(9), n) for n in range(20)])  # so many that the index is asked
        for _ in range(2):
            client = imapwire.Imap(server, anna)
            client.ok("EXAMINE INBOX")
            for n, (_, needle) in enumerate(FILE_NAMES):
                for key in "BODY", "TEXT":
                    assert uids(client, f'{key} "{needle}"') == [n + 1], (key, needle)
            client.close()
            wait_for_index(server, anna)


def test_rebuild_and_check_run_with_and_without_a_server():
    rng = random.Random(6)
    with loft.Loft(QUICK) as server:
        anna, bert = server.add_user("anna@example.org"), server.add_user("bert@example.org")
        deliver(server, anna, [message(rng, n) for n in range(60)])
        wait_for_index(server, anna)
        before = answers(server, anna)
        for _ in range(2):
            assert server.json("index", "rebuild", anna) == [{"user": anna, "messages": 60}]
            assert {r["user"] for r in server.json("index", "rebuild", "--all")} == {anna, bert}
            checked = {r["user"]: (r["messages"], r["found"]) for r in server.json("index", "check", "--all")}
            assert checked == {anna: (60, 0), bert: (0, 0)}
            row = status(server, anna)
            assert (row["indexed"], row["waiting"]) == (60, 0)
            if server.process.poll() is None:
                server._end()
        server.start()
        assert answers(server, anna) == before
        for wrong in (["rebuild"], ["check"], ["rebuild", anna, "--all"]):
            assert server.run("index", *wrong, check=False).returncode == 2
        assert server.run("index", "rebuild", "nobody@example.org", check=False).returncode == 1


def test_text_of_attachments_is_found_once_a_program_has_read_it(tmp_path):
    program = tmp_path / "extract"
    program.write_text("#!/bin/sh\n[ \"$CONTENT_TYPE\" = application/pdf ] || exit 1\n"
                       "tr a-z n-za-m\necho once >>" + str(tmp_path) + "/runs\n")
    program.chmod(0o755)
    letter = (b"Subject: see it\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n"
              b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\ncXJzIG5vcGQgeHl6\r\n--b--\r\n")
    with loft.Loft({**QUICK, "index.extractor": str(program)}) as server:
        anna = server.add_user("anna@example.org")
        deliver(server, anna, [letter, *(message(random.Random(8), n) for n in range(20))])
        wait_for_index(server, anna)

        def found():
            client = imapwire.Imap(server, anna)
            client.ok("EXAMINE INBOX")
            out = [uids(client, k) for k in ("BODY abcq", "TEXT \"def abcq\"", "SUBJECT abcq", "BODY hello", "NOT BODY klm")]
            client.close()
            return out

        want = [[1], [1], [], [1], list(range(2, 22))]
        assert found() == want
        program.write_text("#!/bin/sh\necho other\n")  # what was said once stays
        server.run("index", "rebuild", anna)
        assert found() == want
        assert server.json("index", "check", anna)[0]["found"] == 0
        server._end()
        server.options["index.enabled"] = "no"
        server.start()
        assert found() == want


def test_kill_at_any_moment_leaves_an_index_that_is_right():
    rng = random.Random(7)
    server = loft.Loft(QUICK)
    sent = 0
    try:
        server.start()
        anna = server.add_user("anna@example.org")
        for turn in range(8):
            if turn:
                server.start()
            batch = [message(rng, sent + i) for i in range(rng.choice([3, 40, 120]))]
            deliver(server, anna, batch)
            sent += len(batch)
            client = imapwire.Imap(server, anna)
            client.ok("SELECT INBOX")
            client.ok(f"UID STORE {rng.randint(1, sent)} +FLAGS (\\Deleted)")
            client.ok("EXPUNGE")
            client.close()
            time.sleep(rng.random() * 0.5)
            server.kill()
            assert server.run("index", "check", anna, check=False).returncode == 0
        server.start()
        with_index = answers(server, anna)
        wait_for_index(server, anna)
        assert answers(server, anna) == with_index
        assert server.json("index", "check", anna)[0]["found"] == 0
        server._end()
        server.options["index.enabled"] = "no"
        server.start()
        assert answers(server, anna) == with_index
    finally:
        server.stop()
