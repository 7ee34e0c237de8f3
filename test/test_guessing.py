"""Guessing passwords: slow, dear, remembered over a restart, and no way to lock anybody out of the devices they have."""

import os
import re
import select
import socket
import time

import pytest

import loft

ANNA = "anna@example.org"
DELAYS = {"auth.failure_delay_ms": "20", "auth.failure_delay_max_ms": "160"}


def login(server, source, user=ANNA, password="guess"):
    """The tagged answer to one LOGIN from that address of this machine, and how long it took."""
    with socket.create_connection(("127.0.0.1", server.imap_port), timeout=30, source_address=(source, 0)) as s:
        s.settimeout(30)
        f = s.makefile("rb")
        f.readline()
        began = time.monotonic()
        s.sendall(b'A LOGIN %s "%s"\r\n' % (user.encode(), password.encode()))
        while not (line := f.readline()).startswith(b"A "):
            assert line
        return line.decode().rstrip(), time.monotonic() - began


def test_answers_come_later_and_later_whether_the_user_exists_or_not():
    for user in (ANNA, "nobody@example.org"):
        with loft.Loft(DELAYS) as server:
            server.add_user(ANNA)
            answers = [login(server, "127.0.0.1", user) for _ in range(6)]
            # A loaded machine may make an answer later, never earlier.
            for (line, took), least in zip(answers, (0.02, 0.04, 0.08, 0.16, 0.16, 0.16)):
                assert line == "A NO [AUTHENTICATIONFAILED] Authentication failed"
                assert took >= least - 0.005  # timers count in ms
            line, took = login(server, "127.0.0.1", ANNA, loft.PASSWORD)
            assert line.startswith("A OK") and took >= 0.155  # yes takes as long as no


def test_an_address_that_goes_on_is_turned_away_and_told_so():
    with loft.Loft({"auth.failure_delay_ms": "1", "auth.failure_delay_max_ms": "60s"}) as server:
        server.add_user(ANNA)
        for i in range(12):
            server_name = f"name{i}@example.org"
            # Not waiting for the answer: whoever hangs up early has been counted all the same.
            s = socket.create_connection(("127.0.0.1", server.imap_port), timeout=30, source_address=("127.0.5.1", 0))
            s.sendall(f"A LOGIN {server_name} guess\r\n".encode())
            loft.wait_until(lambda: failures(server, "127.0.5.1") == i + 1)
            s.close()
        assert "slowed_addresses" in server.json("status")["server"]
        assert server.json("status")["server"]["slowed_addresses"] == 1
        server.run("throttle", "clear", "127.0.5.1")
        assert login(server, "127.0.5.1", ANNA, loft.PASSWORD)[0].startswith("A OK")


def failures(server, who):
    return sum(row["failures"] for row in server.json("throttle", "list") if row["who"] == who)


def lock(server, count, network=2):
    for i in range(count):
        assert "AUTHENTICATIONFAILED" in login(server, f"127.0.{network}.{i + 1}")[0]


def test_hashing_holds_nobody_else():
    """One hash at a time, four who wait, the others turned away; and a session goes on while they wait."""
    options = {"auth.hashes_at_once": "1", "server.workers": "8", "auth.hash_passes": "3", "auth.hash_memory_bytes": "256M"}
    with loft.Loft(options) as server:
        server.add_user(ANNA)
        with socket.create_connection(("127.0.0.1", server.imap_port), timeout=60) as own:
            f = own.makefile("rb")
            f.readline()
            own.sendall(b'A LOGIN %s "%s"\r\n' % (ANNA.encode(), loft.PASSWORD.encode()))
            assert f.readline().startswith(b"A OK")
            guessers = []
            for i in range(12):
                s = socket.create_connection(("127.0.0.1", server.imap_port), timeout=60, source_address=(f"127.0.{i}.9", 0))
                guessers.append((s, s.makefile("rb")))
                guessers[-1][1].readline()
                s.sendall(f"A LOGIN name{i} guess\r\n".encode())
            own.sendall(b"B NOOP\r\n")
            assert f.readline().startswith(b"B OK")
            waiting = [s for s, _ in guessers if not select.select([s], [], [], 0)[0]]
            assert waiting  # the answer to NOOP did not come behind theirs
            answers = [g.readline().decode().split("]")[0] for _, g in guessers]
            assert set(answers) == {"A NO [AUTHENTICATIONFAILED", "A NO [UNAVAILABLE"}
            assert answers.count("A NO [AUTHENTICATIONFAILED") >= 5
            for s, g in guessers:
                g.close()
                s.close()
            f.close()


LOCK = {"auth.lock_failures": "5", "auth.known_good_count": "0", "auth.failure_forget_s": "1d", "auth.lock_s": "1d"}


@pytest.mark.parametrize("end", ["clean", "killed"])
def test_a_lock_keeps_strangers_out_and_devices_in_also_after_a_restart(end):
    with loft.Loft(LOCK) as server:
        server.add_user(ANNA)
        assert login(server, "127.0.1.1", password=loft.PASSWORD)[0].startswith("A OK")
        lock(server, 5)
        for again in (False, True):
            if again and end == "killed":
                time.sleep(6)  # the file is written every 5 s
                server.kill()
                server.process.stderr.close()
                server.start()
            elif again:
                server.restart()
            # The right password opens nothing for a stranger, and is not told from a wrong one.
            assert login(server, "127.0.3.1", password=loft.PASSWORD)[0] == login(server, "127.0.3.2")[0]
            assert login(server, "127.0.1.1", password=loft.PASSWORD)[0].startswith("A OK")
            assert server.json("status")["server"]["locked_accounts"] == 1
        locked = [row for row in server.json("throttle", "list") if row["locked"]]
        assert [(row["kind"], row["who"]) for row in locked] == [("account", ANNA)]
        server.run("throttle", "clear", ANNA)
        assert login(server, "127.0.3.1", password=loft.PASSWORD)[0].startswith("A OK")
        assert server.run("throttle", "clear", "nobody", check=False).returncode != 0
        server.run("throttle", "clear", "all")
        assert server.json("throttle", "list") == []


def test_a_lock_ends_by_itself():
    with loft.Loft({**LOCK, "auth.lock_s": "1s"}) as server:
        server.add_user(ANNA)
        lock(server, 5)
        loft.wait_until(lambda: login(server, "127.0.3.1", password=loft.PASSWORD)[0].startswith("A OK"))


def test_a_damaged_file_of_failures_is_told_and_begun_anew():
    with loft.Loft(LOCK) as server:
        server.add_user(ANNA)
        lock(server, 5)
        server._end()
        path = os.path.join(server.data, "sign-in-failures")
        assert os.stat(path).st_mode & 0o777 == 0o600
        with open(path, "r+b") as f:
            f.seek(30)
            f.write(b"\xff\xff\xff\xff")
        server.start()
        assert any("sign-in-failures-lost" in line for line in server.log)
        assert login(server, "127.0.3.1", password=loft.PASSWORD)[0].startswith("A OK")


def test_networks_that_are_trusted_keep_no_score():
    options = {**DELAYS, "auth.trusted_networks": "127.0.7.0/24", "auth.network_failures": "3"}
    with loft.Loft(options) as server:
        server.add_user(ANNA)
        for i in range(14):
            login(server, "127.0.7.1", f"name{i}@example.org")
        assert [r for r in server.json("throttle", "list") if r["kind"] in ("address", "network")] == []
        for i in range(3):
            login(server, f"127.0.8.{i + 1}", f"name{i}@example.org")
        rows = {r["who"]: r["failures"] for r in server.json("throttle", "list") if r["kind"] == "network"}
        assert rows == {"127.0.8.0/24": 3}


# As doc/guessing.md shows it; <HOST> is what fail2ban puts there.
FAIL2BAN = r"^\s*(?:\S+ \S+:\s+)?\S*Z (?:warn|error)\s+login-failed (?:session=\d+ )?address=<HOST> user=.* protocol=\S+ mechanism=\S+ reason=\S+ text="


@pytest.mark.parametrize("user", ["anna", '"x address=192.0.2.9 user=y"', '"\\\\\\" address=192.0.2.9"', "a\tb"])
def test_one_line_a_failure_that_no_name_can_forge(user):
    with loft.Loft({"auth.plaintext_on_loopback": "yes"}) as server:
        with socket.create_connection(("127.0.0.1", server.imap_port), timeout=30, source_address=("127.0.6.1", 0)) as s:
            f = s.makefile("rb")
            f.readline()
            name = user if user.startswith('"') else f'"{user}"'
            s.sendall(f"A LOGIN {name} guess\r\n".encode())
            while not f.readline().startswith(b"A "):
                pass
        loft.wait_until(lambda: any("login-failed" in line for line in server.log))
        lines = [line for line in server.log if "login-failed" in line]
        assert len(lines) == 1
        found = re.search(FAIL2BAN.replace("<HOST>", r"(?P<host>\S+)"), lines[0])
        assert found and found.group("host") == "127.0.6.1", lines
