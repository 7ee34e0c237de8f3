"""What auditors read: events of the server and of administrators, in a file that rotates."""
import json
import os
import signal
import stat

import pytest

from loft import Loft, wait_until
from test_admin import Alone


def path_of(loft):
    return os.path.join(loft.data, "audit.log")


def events(loft, name=None, path=None):
    """All whole lines, the oldest first; each has a time and an event."""
    with open(path or path_of(loft), encoding="utf-8") as f:
        found = [json.loads(line) for line in f]
    assert all(e["time"].endswith("Z") and e["event"] for e in found)
    return [e for e in found if name in (None, e["event"])]


def facts(event, *leave_out):
    return {k: v for k, v in event.items() if k not in ("time", "event", "uid", *leave_out)}


@pytest.fixture(scope="module", params=["running", "alone"])
def loft(request, tmp_path_factory):
    if request.param == "running":
        with Loft() as running:
            yield running
    else:
        yield Alone(tmp_path_factory.mktemp("alone") / "data")


def test_commands_that_change_something_are_recorded_with_who_gave_them(loft):
    loft.add_user("Anna@Example.org", "a secret that nobody may see")
    loft.run("user", "passwd", "ANNA@example.org", "--password-stdin", input=b"another secret\n")
    loft.run("group", "add", "staff")
    loft.run("group", "member", "add", "staff", "anna@example.org")
    loft.run("mailbox", "create", "anna@example.org", "Work")
    loft.run("mailbox", "rename", "anna@example.org", "Work", "Play")
    loft.run("acl", "set", "anna@example.org", "Play", "group:staff", "lr")
    loft.run("mailbox", "delete", "anna@example.org", "Play", "--yes")
    loft.run("metadata", "set", "/shared/comment", "a value is not recorded")
    loft.run("quota", "set", "anna@example.org", "--messages", "12")
    loft.run("user", "disable", "anna@example.org")
    mine = [e for e in events(loft) if "command" in e]
    assert {e["uid"] for e in mine} == {os.getuid()}
    user = {"user": "anna@example.org"}
    assert [(e["event"], facts(e)) for e in mine] == [
        ("admin", {"ok": True, "command": "user-add", **user}),
        ("password", {"ok": True, "command": "user-passwd", **user}),
        ("admin", {"ok": True, "command": "group-add", "group": "staff"}),
        ("admin", {"ok": True, "command": "group-member-add", "group": "staff", **user}),
        ("admin", {"ok": True, "command": "mailbox-create", **user, "mailbox": "Work"}),
        ("mailbox-rename", {"ok": True, "command": "mailbox-rename", **user, "mailbox": "Work", "to": "Play"}),
        ("acl", {"ok": True, "command": "acl-set", **user, "mailbox": "Play", "who": "group:staff", "rights": "lr"}),
        ("mailbox-delete", {"ok": True, "command": "mailbox-delete", **user, "mailbox": "Play"}),
        ("admin", {"ok": True, "command": "metadata-set", "name": "/shared/comment"}),
        ("admin", {"ok": True, "command": "quota-set", **user, "messages": "12"}),
        ("admin", {"ok": True, "command": "user-disable", **user}),
    ]
    with open(path_of(loft), "rb") as f:
        text = f.read()
    assert b"secret" not in text and b"value" not in text
    assert stat.S_IMODE(os.stat(path_of(loft)).st_mode) == 0o600


def test_commands_that_fail_are_recorded_and_those_that_only_look_are_not(loft):
    before = len(events(loft))
    loft.run("user", "delete", "nobody@example.org", "--yes", check=False)  # asks for the user first
    loft.run("user", "disable", "nobody\"},{\n@example.org", check=False)
    loft.run("user", "list")
    loft.run("status")
    new = events(loft)[before:]
    assert [facts(e, "text") for e in new] == [
        {"ok": False, "command": "user-disable", "user": "nobody\"},{\n@example.org"}]
    assert new[0]["text"]


def test_export_of_a_users_mail_is_recorded(loft, tmp_path):
    loft.add_user("emma@example.org")
    loft.run("export", "emma@example.org", str(tmp_path / "out"), "--format", "maildir")
    assert facts(events(loft)[-1]) == {"ok": True, "command": "export-begin", "user": "emma@example.org"}


def test_start_stop_and_reload_are_recorded():
    with Loft() as server:
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: events(server, "reload"))
        server.restart()
        assert [e["event"] for e in events(server)] == ["start", "reload", "stop", "start"]
        assert events(server)[1]["ok"] is True


def test_file_that_was_moved_is_made_anew_on_sighup():
    with Loft() as server:
        os.rename(path_of(server), path_of(server) + ".kept")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: os.path.exists(path_of(server)) and events(server, "reload"))
        assert [e["event"] for e in events(server, path=path_of(server) + ".kept")] == ["start"]


def test_no_file_records_nothing_and_a_file_that_cannot_be_is_an_error():
    with Loft({"audit.file": ""}) as server:
        server.add_user("anna@example.org")
        assert not os.path.exists(path_of(server))
    with pytest.raises(RuntimeError, match="audit.file"):
        Loft({"audit.file": "/nonexistent/audit.log"}).start()
