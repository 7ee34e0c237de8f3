"""What the running server may still do: who it is, its capabilities, Landlock and seccomp, and that all of its work goes on inside."""
import glob
import os
import shutil
import signal
import socket
import subprocess

import pytest

from loft import PASSWORD, Loft, free_port, wait_until
from test_tls import make_server_certificate, s_client

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")


def threads(pid):
    """The fields of /proc/PID/status, of each thread."""
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(path) as status:
            yield dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)


def sandbox(loft):
    state = loft.json("status")["server"]["sandbox"]
    if "sanitizer" in state["text"]:
        pytest.skip("built with a sanitizer")
    return state


def landlock():
    import ctypes
    return ctypes.CDLL(None).syscall(444, 0, 0, 1) >= 2


def test_no_thread_holds_a_privilege():
    with Loft() as loft:
        state = sandbox(loft)
        assert state["calls"] is True and state["may_exec"] is False and state["files"] == landlock()
        assert "system calls held" in loft.run("status").stdout.decode()
        fields = list(threads(loft.process.pid))
        assert len(fields) > 3
        for thread in fields:
            assert thread["NoNewPrivs"] == "1" and thread["Seccomp"] == "2", thread
            assert {int(thread[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}, thread
        assert any("sandbox" in line and "held" in line for line in loft.log)


def test_switched_off_only_privileges_go():
    with Loft({"sandbox.enabled": "no"}) as loft:
        assert "off: sandbox.enabled = no" in loft.run("status").stdout.decode()
        for thread in threads(loft.process.pid):
            assert thread["NoNewPrivs"] == "1" and thread["Seccomp"] == "0" and int(thread["CapEff"], 16) == 0


def test_exec_stays_for_the_extractor_alone():
    with Loft({"index.extractor": "/bin/cat"}) as loft:
        state = sandbox(loft)
        assert state["may_exec"] is True and state["calls"] is True
        assert "but for programs that index.extractor runs" in loft.run("status").stdout.decode()


def reload(loft, event):
    loft.log.clear()
    loft.process.send_signal(signal.SIGHUP)
    return wait_until(lambda: [line for line in loft.log if event in line])[0]


@pytest.mark.skipif(not landlock(), reason="this kernel has no Landlock")
def test_files_elsewhere_cannot_be_opened_and_renewed_ones_can(tmp_path):
    inside, outside, live, archive = (tmp_path / name for name in ("inside", "outside", "live", "archive"))
    for folder in inside, outside, live, archive:
        folder.mkdir()
    for n, folder in ("1", archive), ("2", archive), ("a", inside), ("b", outside):
        make_server_certificate(folder / n, f"{n}.example.org")
    for kind in "crt", "key":
        os.symlink(f"../archive/1.{kind}", live / f"c.{kind}")
    config = inside / "loft.conf"
    base = f"[tls]\ncertificate = {live}/c.crt\nkey = {live}/c.key\n"
    config.write_text(base)
    loft = Loft()
    loft.command = lambda *args, command=loft.command: [*command(*args), "-c", str(config)]
    with loft:
        sandbox(loft)
        assert "CN = 1.example.org" in s_client(loft.imaps_port)
        for kind in "crt", "key":  # as certbot renews
            os.symlink(f"../archive/2.{kind}", live / f"new.{kind}")
            os.rename(live / f"new.{kind}", live / f"c.{kind}")
        reload(loft, "reloaded")
        assert "CN = 2.example.org" in s_client(loft.imaps_port)
        config.write_text(base.replace(f"{live}/c", f"{inside}/a"))  # beside loft.conf
        reload(loft, "reloaded")
        assert "CN = a.example.org" in s_client(loft.imaps_port)
        config.write_text(base.replace(f"{live}/c", f"{outside}/b"))
        line = reload(loft, "reload-failed")
        assert "ermission denied" in line and f"{outside}/b.crt" in line and "restart" in line, line
        config.write_text(base + "client_ca = /etc/hostname\n")
        assert "ermission denied" in reload(loft, "reload-failed")
        assert "CN = a.example.org" in s_client(loft.imaps_port)


def test_mail_goes_in_and_out_and_a_restart_keeps_tickets(tmp_path):
    with Loft() as loft:
        sandbox(loft)
        loft.add_user("anna@example.org")
        loft.run("deliver", "anna@example.org", input=b"Subject: inside\n\nbody\n")
        said = s_client(loft.imaps_port, "-sess_out", str(tmp_path / "session"),
                        lines=(f'a LOGIN anna@example.org "{PASSWORD}"', "b SELECT INBOX", "c UID SEARCH BODY body", "d LOGOUT"))
        assert "* 1 EXISTS" in said and "c OK" in said
        loft.restart()
        assert "Reused" in s_client(loft.imaps_port, "-sess_in", str(tmp_path / "session"))


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path, monkeypatch, abstract):
    path = f"@loft-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path.replace("@", "\0"))
        notify.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        with Loft():
            assert notify.recv(100) == b"READY=1"
        assert notify.recv(100) == b"STOPPING=1"


def test_sockets_elsewhere_are_removed_at_the_end(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with Loft({"lmtp.listen": str(run / "lmtp.sock"), "server.control_socket": str(run / "control")}, data=str(tmp_path / "data")):
        assert sorted(os.listdir(run)) == ["control", "lmtp.sock"]
    assert os.listdir(run) == []


# ---- who it is ----

@pytest.fixture
def public_tmp():
    """A folder that others than root can reach; pytest's are root's alone."""
    import tempfile
    folder = tempfile.mkdtemp(prefix="loft-sandbox-test-", dir="/tmp")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(folder, **more):
    return Loft({"server.user": "nobody", "server.group": "daemon", "lmtp.listen": f"127.0.0.1:{free_port()}", **more}, data=f"{folder}/data")


@as_root
def test_root_becomes_the_user_that_is_set(public_tmp):
    with as_nobody(public_tmp, **{"imap.listen": "127.0.0.1:943"}) as loft:  # a port that only root may bind
        for thread in threads(loft.process.pid):
            assert thread["Uid"].split() == ["65534"] * 4 and thread["Gid"].split() == ["1"] * 4, thread
            assert set(thread["Groups"].split()) <= {"1"}, thread
            assert {int(thread[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}, thread
        assert os.stat(loft.data).st_uid == 65534
        assert "user nobody" in loft.run("status").stdout.decode()
        assert not any("runs-as-root" in line for line in loft.log)
        loft.add_user("anna@example.org")
        loft.restart()
        assert "a OK" in s_client(loft.imaps_port, lines=(f'a LOGIN anna@example.org "{PASSWORD}"', "b LOGOUT"))


@as_root
def test_a_user_that_will_not_do_is_an_error(public_tmp):
    def fails(**more):
        loft = as_nobody(public_tmp, **more)
        args = [word for key, value in loft.options.items() for word in ("-o", f"{key}={value}")]
        return subprocess.run([*loft.command("serve"), *args], capture_output=True, timeout=60).stderr.decode()
    assert "there is no user no-such-user" in fails(**{"server.user": "no-such-user"})
    assert "there is no group no-such-group" in fails(**{"server.group": "no-such-group"})
    assert "root is root" in fails(**{"server.user": "root"})
    os.mkdir(f"{public_tmp}/data")
    assert "belongs to another user: chown -R nobody" in fails()


@as_root
def test_root_is_told_that_it_is():
    with Loft() as loft:
        assert any("runs-as-root" in line and "server.user" in line for line in loft.log)
