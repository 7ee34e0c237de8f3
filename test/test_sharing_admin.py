"""loft group, loft acl and public mailboxes: what they print, and what they refuse."""
import loft
import pytest


@pytest.fixture(scope="module")
def own():
    with loft.Loft() as server:
        for name in ("anna@a.example", "bert@a.example", "carl@b.example"):
            server.add_user(name)
        yield server


def refused(server, *args):
    done = server.run(*args, check=False)
    assert done.returncode != 0
    return done.stderr.decode()


def test_groups(own):
    assert own.json("group", "list") == []
    own.run("group", "add", "Team@a.example")
    own.run("group", "member", "add", "team@a.example", "anna@a.example")
    own.run("group", "member", "add", "team@a.example", "bert@a.example")
    assert own.json("group", "list") == [{"name": "team@a.example", "members": 2}]
    assert own.json("group", "members", "team@a.example") == [{"name": "anna@a.example"}, {"name": "bert@a.example"}]
    own.run("group", "member", "remove", "team@a.example", "bert@a.example")
    assert "not in group" in refused(own, "group", "member", "remove", "team@a.example", "bert@a.example")
    assert "in group" in refused(own, "group", "member", "add", "team@a.example", "anna@a.example")
    assert "no user" in refused(own, "group", "member", "add", "team@a.example", "nobody@a.example")
    assert "no group" in refused(own, "group", "members", "nothing")
    assert "exists already" in refused(own, "group", "add", "TEAM@a.example")
    own.run("user", "delete", "--yes", "anna@a.example")
    own.add_user("anna@a.example")
    assert own.json("group", "members", "team@a.example") == []


def test_rights(own):
    box = ("anna@a.example", "INBOX")
    assert own.json("acl", "show", *box) == []
    own.run("acl", "set", *box, "bert@a.example", "lrs")
    own.run("acl", "set", *box, "anyone", "l")
    own.run("acl", "set", "--", *box, "-bert@a.example", "s")
    assert own.json("acl", "show", *box) == [
        {"name": "bert@a.example", "rights": "lrs"}, {"name": "anyone", "rights": "l"}, {"name": "-bert@a.example", "rights": "s"}]
    own.run("acl", "set", *box, "anyone", "")
    own.run("acl", "delete", *box, "bert@a.example")
    own.run("acl", "delete", "--", *box, "-bert@a.example")
    assert own.json("acl", "show", *box) == []
    assert "not on the list" in refused(own, "acl", "delete", *box, "bert@a.example")
    assert "no such user or group" in refused(own, "acl", "set", *box, "carl@b.example", "lr")
    assert "letters" in refused(own, "acl", "set", *box, "bert@a.example", "lrz")
    assert "no such mailbox" in refused(own, "acl", "show", "anna@a.example", "Nothing")
    assert "no user" in refused(own, "acl", "show", "nobody@a.example", "INBOX")
    assert "shared or private" in refused(own, "acl", "seen", *box, "both")
    own.run("acl", "seen", *box, "shared")


def test_public_mailboxes(own):
    assert "no public mailboxes" in refused(own, "mailbox", "list", "Shared/b.example")
    own.run("mailbox", "create", "Shared/b.example", "News/Today")
    assert [row["name"] for row in own.json("mailbox", "list", "Shared/b.example")] == ["News", "News/Today"]
    own.run("mailbox", "rename", "Shared/b.example", "News/Today", "News/Yesterday")
    own.run("acl", "set", "Shared/b.example", "News/Yesterday", "carl@b.example", "lrswite")
    assert "no such user or group" in refused(own, "acl", "set", "Shared/b.example", "News/Yesterday", "anna@a.example", "lr")
    own.run("mailbox", "delete", "--yes", "Shared/b.example", "News/Yesterday")
    assert [row["name"] for row in own.json("mailbox", "list", "Shared/b.example")] == ["News"]
