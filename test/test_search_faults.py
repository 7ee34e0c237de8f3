"""What goes wrong in searches of others must not here: each of these was seen in a server with a word index."""
import imapwire
import pytest

HEAD = "From: Anna <anna@example.org>\r\nTo: bob@example.net\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
MESSAGES = [
    ("plan for the concatenation", "we concatenate strings, then stop\r\n"),
    ("re: figures", "the old figures of the budget\r\n"),
    ("short", "a cat sat\r\n"),
    ("figures old", "the budget of the old house, where figures were\r\n"),
    ("東京都の天気", "検索エンジンは速い\r\n"),
    ("Ärger", "STRASSE und Übung, x-ray, don't, a_b, 3com\r\n"),
    ("long", "y" * 200 + "needle" + "z" * 200 + "\r\n"),
    ("address", "write to bob.smith@mail.example.org, please\r\n"),
]
WHOLE = [(s, b, (HEAD.format(subject=s) + b).encode()) for s, b in MESSAGES]
EVERYTHING = set(range(1, len(MESSAGES) + 1))

CASES = [
    # words found only from their start
    ("BODY catenat", {1}), ("BODY enate", {1}), ("SUBJECT catenation", {1}), ("TEXT rings", {1}), ("BODY gures", {2, 4}),
    # words of three letters and less
    ("BODY cat", {1, 3}), ("BODY sat", {3}), ("BODY old", {2, 4}), ("BODY a", {1, 3, 6, 8}), ("BODY at", {1, 3}), ("BODY yy", {7}), ("SUBJECT re", {2, 4, 8}),
    # two words, in this order, next to each other
    ('BODY "old figures"', {2}), ('BODY "figures old"', set()), ('SUBJECT "figures old"', {4}), ('BODY "the budget"', {2, 4}),
    ('BODY "ld fig"', {2}), ('BODY "budget of the old"', {4}), ('BODY "old  figures"', set()), ('TEXT "subject: re"', {2}),
    # NOT
    ("NOT BODY budget", EVERYTHING - {2, 4}), ("NOT BODY nothing-of-the-kind", EVERYTHING), ("NOT (BODY budget SUBJECT old)", EVERYTHING - {4}),
    ("NOT NOT BODY cat", {1, 3}), ("OR NOT BODY budget SUBJECT old", EVERYTHING - {2}), ("NOT TEXT example", set()),
    # absent words
    ("BODY zebra", set()), ("TEXT zebra", set()), ("SUBJECT budget", set()), ("OR BODY zebra BODY sat", {3}), ("BODY zebra BODY cat", set()),
    # scripts without spaces between words
    ("BODY 検索", {5}), ("BODY 索エ", {5}), ("BODY 速", {5}), ("BODY 検索エンジン", {5}), ("BODY 索検", set()), ("SUBJECT 京都の", {5}), ("SUBJECT 都", {5}),
    # case and form
    ("BODY straße", {6}), ("BODY Strasse", {6}), ("BODY ÜBUNG", {6}), ("SUBJECT ärger", {6}), ("BODY CAT", {1, 3}),
    # words with other things in them
    ("BODY x-ray", {6}), ("BODY don't", {6}), ("BODY a_b", {6}), ("BODY 3com", {6}), ("BODY mith@mail.ex", {8}), ("BODY bob.smith@mail.example.org", {8}), ("BODY @", {8}),
    ("BODY .", {8}), ("FROM anna@example.org", EVERYTHING), ("FROM nna", EVERYTHING), ("TO ob@exam", EVERYTHING), ("CC anna", set()),
    # words longer than an index cuts them
    ("BODY " + "y" * 60 + "needle" + "z" * 60, {7}), ("BODY yneedlez", {7}), ("BODY " + "y" * 201, set()), ("BODY " + "y" * 200, {7}), ("BODY needleneedle", set()),
    # as clients ask
    ("NOT DELETED OR OR OR OR FROM cat TO cat CC cat SUBJECT cat BODY cat", {1, 3}), ("UNDELETED TEXT figures TEXT old", {2, 4}),
    ('HEADER Subject "figures"', {2, 4}), ('HEADER Subject ""', EVERYTHING), ('HEADER X-None ""', set()), ("HEADER MIME-Version 1", EVERYTHING),
    ('BODY ""', EVERYTHING),
]


@pytest.fixture(scope="module")
def box(server):
    client = imapwire.Imap(server, server.add_user("faults@example.org"))
    client.append_many("INBOX", [raw for _, _, raw in WHOLE])
    client.ok("SELECT INBOX")
    yield client
    client.close()


def search(client, keys):
    out = []
    for word in keys.split(" "):
        out.append(word.encode() if word.isascii() else b"{%d+}\r\n%b" % (len(word.encode()), word.encode()))
    for line in client.ok(b"SEARCH CHARSET UTF-8 " + b" ".join(out)):
        if line.startswith(b"* SEARCH"):
            return {int(n) for n in line.split()[2:]}
    raise AssertionError("no answer")


@pytest.mark.parametrize("keys, found", CASES, ids=[k[:40] for k, _ in CASES])
def test_a_search_finds_exactly_that(box, keys, found):
    assert search(box, keys) == found


def test_fresh_mail_is_found_at_once(server, user):
    """Whatever comes, goes or is copied, the next search knows."""
    client = imapwire.Imap(server, user)
    client.ok("CREATE other")
    client.ok("SELECT INBOX")
    for i, (_, _, raw) in enumerate(WHOLE):
        client.append_many("INBOX", [raw])
        for keys, found in CASES[::7]:
            assert search(client, keys) == {n for n in found if n <= i + 1}, (i, keys)
    client.ok("STORE 1 +FLAGS (\\Deleted)")
    client.ok("EXPUNGE")
    assert search(client, "BODY cat") == {2}
    client.ok("COPY 2 INBOX")
    assert search(client, "BODY cat") == {2, len(WHOLE)}
    client.ok("MOVE 2 other")
    assert search(client, "BODY cat") == {len(WHOLE) - 1}
    client.ok("SELECT other")
    assert search(client, "BODY cat") == {1} and search(client, "NOT BODY cat") == set()
    client.close()


def test_an_index_changes_no_answer(server, user):
    """All of them once more, when all mail is in the index; then half of it is; and in several mailboxes at once."""
    client = imapwire.Imap(server, user)
    client.append_many("INBOX", [raw for _, _, raw in WHOLE])
    server.run("index", "rebuild", user)
    client.ok("SELECT INBOX")
    for keys, found in CASES:
        assert search(client, keys) == found, keys
    client.append_many("INBOX", [raw for _, _, raw in WHOLE])
    client.ok("NOOP")
    for keys, found in CASES:
        assert search(client, keys) == found | {n + len(WHOLE) for n in found}, keys
    client.ok("CREATE other")
    client.ok("COPY 1:3 other")
    told = client.ok("ESEARCH IN (personal) RETURN (COUNT) BODY cat")
    assert sorted(line.split(b") ")[1] for line in told) == [b"UID COUNT 2", b"UID COUNT 4"], told
    client.close()
