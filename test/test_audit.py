"""What auditors read: events of the server and of administrators, in a file that rotates."""
import json
import os
import signal
import stat
import subprocess
import time

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


def test_locks_aliases_and_app_passwords_are_recorded_without_their_secrets(loft):
    loft.add_user("carl@example.org")
    before = len(events(loft))
    loft.run("user", "lock", "carl@example.org", "--reason", "on leave")
    loft.run("user", "unlock", "carl@example.org")
    made = loft.json("user", "app-password", "add", "carl@example.org", "phone")
    loft.run("user", "app-password", "delete", "carl@example.org", "phone")
    user = {"user": "carl@example.org"}
    assert [(e["event"], facts(e, "ok", "scope", "networks", "read_only")) for e in events(loft)[before:]] == [
        ("lock", {"command": "user-lock", **user, "reason": "on leave"}),
        ("unlock", {"command": "user-unlock", **user}),
        ("app-password", {"command": "user-app-password-add", **user, "name": "phone"}),
        ("app-password", {"command": "user-app-password-delete", **user, "name": "phone"}),
    ]
    with open(path_of(loft)) as f:
        assert made["password"] not in f.read()


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


# ---- loft log ----

def log(loft, *args):
    """Lines of `loft log`; the words between them are not counted."""
    return loft.run("log", *args).stdout.decode().splitlines()


@pytest.fixture
def written(tmp_path):
    """A data folder that holds nothing but what was recorded."""
    lines = [
        {"time": "2026-01-01T00:00:00.000Z", "event": "sign-in", "ok": True, "user": "anna@example.org",
         "address": "192.0.2.1", "mechanism": "PLAIN"},
        {"time": "2026-01-02T00:00:00.000Z", "event": "sign-in", "ok": False, "reason": "wrong",
         "user": "x\u001b[2J\u009b", "address": "198.51.100.7"},
        {"time": "2026-01-03T00:00:00.000Z", "event": "expunge", "user": "anna@example.org", "messages": 3},
        {"time": "2026-01-04T00:00:00.000Z", "event": "stop"},
    ]
    alone = Alone(tmp_path)
    with open(path_of(alone) + ".1", "w") as f:
        f.writelines(json.dumps(e) + "\n" for e in lines[:2])
    with open(path_of(alone), "w") as f:
        f.writelines(json.dumps(e) + "\n" for e in lines[2:])
    return alone


def test_log_is_read_without_a_server_and_filtered(written):
    def named(*args):
        return [json.loads(line)["time"][9] for line in log(written, "--json", *args)]

    assert named() == ["1", "2", "3", "4"]
    assert named("--since", "2026-01-02T00:00:00Z") == ["2", "3", "4"]
    assert named("--since", "2026-01-02T00:00:00Z", "--until", "2026-01-03T00:00:00Z") == ["2"]
    assert named("--since", "1s") == []
    assert named("--user", "ANNA@Example.org") == ["1", "3"]
    assert named("--event", "expunge,stop") == ["3", "4"]
    assert named("--address", "192.0.2.0/24") == ["1"]
    assert named("--ok") == ["1"] and named("--failed") == ["2"]
    lines = log(written)
    assert len(lines) == 4 and "sign-in" in lines[0] and "mechanism=PLAIN" in lines[0]
    assert "FAILED" in lines[1] and "x?[2J?" in lines[1] and "reason=wrong" in lines[1]
    assert "messages=3" in lines[2]
    for args in (["--since", "soon"], ["--event", "signin"], ["--ok", "--failed"], ["--address", "anna"]):
        assert written.run("log", *args, check=False).returncode == 2


def test_log_passes_over_damaged_lines_with_a_word(written):
    with open(path_of(written), "a") as f:
        f.write('no event\n{"time":"2026-01-05T00:00:00.000Z","event":"stop"}\n{"time":"20')
    done = written.run("log", "--json")
    assert len(done.stdout.splitlines()) == 5
    assert b"2 lines were passed over" in done.stderr


def test_log_of_nothing(tmp_path):
    alone = Alone(tmp_path)
    assert b"nothing has been recorded" in alone.run("log", check=False).stderr
    done = alone.run("-o", "audit.file=", "log", check=False)
    assert done.returncode == 1 and b"audit.file is empty" in done.stderr


def test_log_follows_what_happens_through_rotations():
    with Loft({"audit.rotate_bytes": "400"}) as server:
        follower = subprocess.Popen(server.command("log", "--follow", "--json", "--event", "admin"),
                                    stdout=subprocess.PIPE)
        try:
            time.sleep(0.5)  # it begins with what happens now
            for i in range(10):
                server.run("group", "add", f"group{i}")
            groups = [json.loads(follower.stdout.readline())["group"] for _ in range(10)]
            assert groups == [f"group{i}" for i in range(10)]
            assert os.path.exists(path_of(server) + ".3")
        finally:
            follower.kill()
            follower.communicate()
