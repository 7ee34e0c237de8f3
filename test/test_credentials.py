"""Second factors and app passwords, from the command line to the wire, with a real authenticator program (oathtool)."""
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from pyzbar import pyzbar

from loft import PASSWORD, Loft, wait_until

STEP_S = 30


class Client:
    """One IMAP connection."""

    def __init__(self, server):
        self.socket = server.connect()
        self.file = self.socket.makefile("rb")
        self.file.readline()

    def line(self):
        return self.file.readline().decode()

    def command(self, text, tag="a"):
        """The tagged reply; what comes before it lands in self.told."""
        self.socket.sendall(f"{tag} {text}\r\n".encode())
        self.told = []
        while True:
            line = self.line()
            if line.startswith(f"{tag} ") or not line:
                return line[len(tag) + 1:]
            self.told.append(line)

    def login(self, user, password):
        return self.command(f'LOGIN "{user}" "{password}"')

    def close(self):
        self.file.close()
        self.socket.close()


def sign_in(server, user, password):
    """The reply to LOGIN on a connection of its own."""
    client = Client(server)
    reply = client.login(user, password)
    client.close()
    return reply


def scram(server, user, password, hash_name="sha256"):
    """The tagged reply to AUTHENTICATE SCRAM-SHA-256; the server's signature is checked. RFC 5802, 3"""
    def decode(line):
        return dict(item.split("=", 1) for item in base64.b64decode(line[2:]).decode().split(","))

    def mac(key, text):
        return hmac.digest(key, text.encode(), hash_name)

    client = Client(server)
    bare = f"n={user},r=fyko+d2lbbFgONRv9qkxdawL"
    name = {"sha1": "SCRAM-SHA-1", "sha256": "SCRAM-SHA-256"}[hash_name]
    client.socket.sendall(f"a AUTHENTICATE {name} {base64.b64encode(b'n,,' + bare.encode()).decode()}\r\n".encode())
    line = client.line()
    if not line.startswith("+ "):
        client.close()
        return line[2:]
    first = decode(line)
    salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), base64.b64decode(first["s"]), int(first["i"]))
    without_proof = f"c=biws,r={first['r']}"
    message = f"{bare},{base64.b64decode(line[2:]).decode()},{without_proof}"
    key = mac(salted, "Client Key")
    signature = mac(hashlib.new(hash_name, key).digest(), message)
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
    client.socket.sendall(base64.b64encode(f"{without_proof},p={proof}".encode()) + b"\r\n")
    line = client.line()
    if line.startswith("+ "):
        assert base64.b64decode(decode(line)["v"]) == mac(mac(salted, "Server Key"), message)
        client.socket.sendall(b"\r\n")
        line = client.line()
    client.close()
    return line[2:]


OPEN = "OK"
UNIFORM = "NO [AUTHENTICATIONFAILED] Authentication failed\r\n"


def code_of(secret, offset_steps=0):
    at = time.time() + offset_steps * STEP_S
    done = subprocess.run(["oathtool", "--totp", "-b", f"--now=@{int(at)}", "-"], input=secret.encode(),
                          capture_output=True, check=True)
    return done.stdout.decode().strip()


def enable(server, user):
    """`loft user totp enable --json`, answering with a code. Returns secret, URI, recovery codes."""
    process = subprocess.Popen(server.command("user", "totp", "enable", user, "--json"), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = b""
    while not first.endswith(b"}\n"):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        first += line
    begun = json.loads(first)
    out, err = process.communicate(code_of(begun["secret"]).encode() + b"\n", timeout=60)
    assert process.returncode == 0, err
    return begun["secret"], begun["uri"], json.loads(out)["recovery_codes"]


@pytest.fixture(scope="module")
def loft():
    # A wide window, so that a test need not wait for the next code after each one.
    with Loft({"totp.with_password": "yes", "totp.skew_steps": "10"}) as running:
        yield running


_count = 0


@pytest.fixture
def anna(loft):
    global _count
    _count += 1
    return loft.add_user(f"anna{_count}@example.org")


# ---- second factors ----

def test_second_factor_closes_the_account_to_the_password_alone(loft, anna):
    assert sign_in(loft, anna, PASSWORD).startswith(OPEN)  # and is remembered
    assert loft.json("user", "totp", "show", anna)["state"] == "none"
    shown = loft.json("user", "show", anna)
    assert shown["scram"] == "SCRAM-SHA-256" and "second_factor" not in shown and "app_passwords" not in shown
    secret, uri, recovery = enable(loft, anna)
    assert loft.json("user", "show", anna)["second_factor"] == "active"
    assert uri == f"otpauth://totp/Loft:{anna.replace('@', '%40')}?secret={secret}&issuer=Loft"
    assert len(recovery) == 10 and all(re.fullmatch("([0-9a-z]{4}-){3}[0-9a-z]{4}", c) for c in recovery)
    assert sign_in(loft, anna, PASSWORD) == UNIFORM
    assert sign_in(loft, anna, "wrong") == UNIFORM
    code = code_of(secret, 1)
    assert sign_in(loft, anna, PASSWORD + code).startswith(OPEN)
    assert sign_in(loft, anna, PASSWORD + code) == UNIFORM  # once
    assert sign_in(loft, anna, PASSWORD + code_of(secret)) == UNIFORM  # older than one that was used
    assert sign_in(loft, anna, "wrong" + code_of(secret, 2)) == UNIFORM
    assert sign_in(loft, anna, PASSWORD + code_of(secret, 2)).startswith(OPEN)  # a wrong password used nothing up
    shown = loft.json("user", "totp", "show", anna)
    assert shown["state"] == "active" and shown["recovery_codes_left"] == 10
    assert sign_in(loft, anna, PASSWORD + recovery[3]).startswith(OPEN)
    assert sign_in(loft, anna, PASSWORD + recovery[3]) == UNIFORM
    assert sign_in(loft, anna, PASSWORD + recovery[4].replace("-", "").upper()).startswith(OPEN)
    assert loft.json("user", "totp", "show", anna)["recovery_codes_left"] == 8
    fresh = loft.json("user", "totp", "recovery", anna)["recovery_codes"]
    assert sign_in(loft, anna, PASSWORD + recovery[5]) == UNIFORM
    assert sign_in(loft, anna, PASSWORD + fresh[5]).startswith(OPEN)
    again = loft.run("user", "totp", "enable", anna, check=False, input=b"1\n")
    assert again.returncode == 1 and b"already" in again.stderr
    loft.run("user", "totp", "disable", anna)
    assert sign_in(loft, anna, PASSWORD).startswith(OPEN)
    assert sign_in(loft, anna, PASSWORD + fresh[6]) == UNIFORM


def test_a_wrong_first_code_changes_nothing(loft, anna):
    done = loft.run("user", "totp", "enable", anna, check=False, input=b"12345\n")
    assert done.returncode == 1 and b"code" in done.stderr
    assert loft.json("user", "totp", "show", anna)["state"] == "pending"
    assert sign_in(loft, anna, PASSWORD).startswith(OPEN)
    enable(loft, anna)  # begins anew


def test_used_codes_stay_used_after_kill_9(tmp_path):
    loft = Loft({"totp.with_password": "yes", "totp.skew_steps": "10"}, data=str(tmp_path / "data"))
    with loft:
        anna = loft.add_user("anna")
        secret, _, recovery = enable(loft, anna)
        code = code_of(secret, 1)
        assert sign_in(loft, anna, PASSWORD + code).startswith(OPEN)
        assert sign_in(loft, anna, PASSWORD + recovery[0]).startswith(OPEN)
        loft.kill()
        loft.start()
        assert sign_in(loft, anna, PASSWORD + code) == UNIFORM
        assert sign_in(loft, anna, PASSWORD + recovery[0]) == UNIFORM
        assert sign_in(loft, anna, PASSWORD) == UNIFORM
        assert sign_in(loft, anna, PASSWORD + code_of(secret, 2)).startswith(OPEN)


def test_one_code_opens_one_of_many_sessions_at_once(loft, anna):
    secret, _, _ = enable(loft, anna)
    password, replies = PASSWORD + code_of(secret, 1), []
    threads = [threading.Thread(target=lambda: replies.append(sign_in(loft, anna, password))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r.startswith(OPEN) for r in replies) == [False] * 7 + [True], replies


def test_codes_do_nothing_where_the_setting_forbids_them():
    with Loft({"totp.skew_steps": "10"}) as loft:
        anna = loft.add_user("anna")
        secret, _, recovery = enable(loft, anna)
        assert sign_in(loft, anna, PASSWORD + code_of(secret, 1)) == UNIFORM
        assert sign_in(loft, anna, PASSWORD + recovery[0]) == UNIFORM
        password = loft.json("user", "app-password", "add", anna, "phone")["password"]
        assert sign_in(loft, anna, password).startswith(OPEN)


def test_qr_code_reads_as_the_uri(loft, anna):
    done = loft.run("user", "totp", "enable", anna, check=False, input=b"no\n")
    lines = done.stdout.decode().split("\n")
    drawing = [line for line in lines[:60] if set(line) <= set(" █▀▄") and line]
    rows = []
    for line in drawing:
        rows += [[c in "█▀" for c in line], [c in "█▄" for c in line]]
    scale = 4
    pixels = b"".join(bytes(0 if dark else 255 for dark in row for _ in range(scale)) * scale for row in rows)
    width = len(rows[0]) * scale
    found = pyzbar.decode((pixels, width, len(pixels) // width), symbols=[pyzbar.ZBarSymbol.QRCODE])
    assert [f.data.decode() for f in found] == [line for line in lines if line.startswith("otpauth://")]


# ---- app passwords ----

def add_app_password(server, user, name, *options):
    return server.json("user", "app-password", "add", user, name, *options)["password"]


def test_app_password_opens_in_any_spelling_until_it_is_deleted(loft, anna):
    password = add_app_password(loft, anna, "phone")
    assert re.fullmatch("([0-9a-z]{4}-){6}[0-9a-z]{4}", password)
    for typed in password, password.replace("-", ""), password.replace("-", " ").upper():
        assert sign_in(loft, anna, typed).startswith(OPEN)
    assert sign_in(loft, f"{anna}/phone", password).startswith(OPEN)
    assert sign_in(loft, f"{anna}/phone", PASSWORD) == UNIFORM
    assert sign_in(loft, anna, PASSWORD).startswith(OPEN)  # the password is still one
    other = "0" if password[0] != "0" else "1"
    assert sign_in(loft, anna, other + password[1:]) == UNIFORM
    bob = loft.add_user("bob-of-" + anna)
    assert sign_in(loft, bob, password) == UNIFORM
    again = loft.run("user", "app-password", "add", anna, "Phone", check=False)
    assert again.returncode == 1 and b"already" in again.stderr
    loft.run("user", "app-password", "delete", anna, "phone")
    assert sign_in(loft, anna, password) == UNIFORM
    gone = loft.run("user", "app-password", "delete", anna, "phone", check=False)
    assert gone.returncode == 1 and b"no app password phone" in gone.stderr


def test_app_passwords_are_listed_with_their_last_use_and_without_secrets(loft, anna):
    password = add_app_password(loft, anna, "phone", "--expires", "90d")
    add_app_password(loft, anna, "laptop", "--scope", "imap,sieve", "--read-only", "--from", "10.0.0.0/8 ::1")
    assert sign_in(loft, anna, password).startswith(OPEN)
    assert loft.json("user", "show", anna)["app_passwords"] == 2
    phone, laptop = loft.json("user", "app-password", "list", anna)
    assert phone["used_from"] == "127.0.0.1" and abs(phone["used_s"] - time.time()) < 100
    assert abs(phone["expires_s"] - time.time() - 90 * 86400) < 100 and phone["scope"] == ""
    assert laptop["scope"] == "imap,sieve" and laptop["read_only"] and laptop["networks"] == "10.0.0.0/8 ::1"
    assert "used_s" not in laptop and "expires_s" not in laptop
    table = loft.run("user", "app-password", "list", anna).stdout.decode()
    assert "phone" in table and "1970" not in table
    assert password not in table and password not in json.dumps([phone, laptop])
    loft.restart()
    assert loft.json("user", "app-password", "list", anna) == [phone, laptop]


def test_app_password_is_good_only_for_what_it_is_for(loft, anna):
    sieve = add_app_password(loft, anna, "sieve", "--scope", "sieve")
    elsewhere = add_app_password(loft, anna, "elsewhere", "--from", "10.0.0.0/8")
    here = add_app_password(loft, anna, "here", "--from", "127.0.0.0/8", "--scope", "imap")
    assert sign_in(loft, anna, sieve) == UNIFORM
    assert sign_in(loft, anna, elsewhere) == UNIFORM
    assert sign_in(loft, anna, here).startswith(OPEN)
    wait_until(lambda: sum("login-failed" in line and anna in line for line in loft.log) == 2)
    reasons = [line for line in loft.log if "login-failed" in line and anna in line]
    assert "reason=scope" in reasons[-2] and "reason=address-refused" in reasons[-1], reasons


@pytest.mark.parametrize("options,text", [
    (["--scope", "imap,mail"], "mail"), (["--from", "10.0.0.1/8"], "prefix"), (["--from", "here"], "here"),
    (["--expires", "soon"], "90d"), (["--expires", "2001-01-01"], "expired"), (["--expires", "0d"], "expired"),
])
def test_app_password_wishes_are_checked(loft, anna, options, text):
    done = loft.run("user", "app-password", "add", anna, "x", *options, check=False)
    assert done.returncode in (1, 2) and text in done.stderr.decode()
    assert loft.json("user", "app-password", "list", anna) == []


def test_deleting_an_app_password_ends_its_sessions_and_no_others(loft, anna):
    phone, laptop = add_app_password(loft, anna, "phone"), add_app_password(loft, anna, "laptop")
    clients = [Client(loft) for _ in range(4)]
    for client, password in zip(clients, (phone, phone, laptop, PASSWORD)):
        assert client.login(anna, password).startswith(OPEN)
    clients[1].socket.sendall(b"b IDLE\r\n")
    assert clients[1].line().startswith("+")
    gone = loft.json("user", "app-password", "delete", anna, "phone")
    assert gone["kicked"] == 2
    for client in clients[:2]:
        assert client.file.read().startswith(b"* BYE") or client.line() == ""
    for client in clients[2:]:
        assert client.command("NOOP").startswith(OPEN)
        client.close()


def test_an_acknowledged_revocation_survives_kill_9(tmp_path):
    loft = Loft(data=str(tmp_path / "data"))
    with loft:
        anna = loft.add_user("anna")
        for i in range(3):
            password = add_app_password(loft, anna, f"phone{i}")
            assert sign_in(loft, anna, password).startswith(OPEN)
            loft.run("user", "app-password", "delete", anna, f"phone{i}")
            loft.kill()
            loft.start()
            assert sign_in(loft, anna, password) == UNIFORM
            assert loft.json("user", "app-password", "list", anna) == []


@pytest.mark.parametrize("idle", [False, True])
def test_sessions_end_when_their_app_password_expires(loft, anna, idle):
    request = {"command": "user-app-password-add", "user": anna, "name": "soon", "expires": int(time.time()) + 6}
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(os.path.join(loft.data, "control.sock"))
        control.sendall(json.dumps(request).encode() + b"\n")
        reply = json.loads(control.makefile().readline())
    client, other = Client(loft), Client(loft)
    assert client.login(anna, reply["result"]["password"]).startswith(OPEN)
    assert other.login(anna, add_app_password(loft, anna, "later", "--expires", "1h")).startswith(OPEN)
    if idle:
        client.socket.sendall(b"b IDLE\r\n")
        assert client.line().startswith("+")
    assert client.line() == "* BYE What you signed in with has expired; sign in again\r\n"
    assert client.line() == ""
    assert sign_in(loft, anna, reply["result"]["password"]) == UNIFORM
    assert other.command("NOOP").startswith(OPEN)
    client.close()
    other.close()


def test_a_sign_in_whose_answer_is_held_back_fails_when_its_app_password_is_revoked_meanwhile():
    with Loft({"auth.failure_delay_ms": "3000", "auth.failure_delay_max_ms": "3000"}) as loft:
        anna = loft.add_user("anna")
        password = add_app_password(loft, anna, "phone")
        client, other = Client(loft), Client(loft)
        other.socket.sendall(b'a LOGIN "anna" "wrong"\r\n')
        time.sleep(0.3)
        client.socket.sendall(f'a LOGIN "anna" "{password}"\r\n'.encode())
        time.sleep(0.3)
        gone = loft.json("user", "app-password", "delete", anna, "phone")
        assert gone["kicked"] == 0  # nobody has been let in yet
        assert client.line() == "a " + UNIFORM
        assert other.line() == "a " + UNIFORM
        assert loft.json("who") == []
        client.close()
        other.close()


def test_nobody_slips_in_while_an_app_password_is_revoked(loft, anna):
    """Sign-ins all the time while it is deleted: afterwards no session is left that it opened."""
    for i in range(3):
        password = add_app_password(loft, anna, "phone")
        kept, stop = [], threading.Event()

        def knock():
            while not stop.is_set():
                client = Client(loft)
                if client.login(anna, password).startswith(OPEN):
                    kept.append(client)
                else:
                    client.close()
                    return

        threads = [threading.Thread(target=knock) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        loft.run("user", "app-password", "delete", anna, "phone")
        for thread in threads:
            thread.join(20)
        stop.set()
        wait_until(lambda: not [s for s in loft.json("who") if s["user"] == anna])
        for client in kept:
            client.close()


def test_all_of_it_works_where_no_server_runs(tmp_path):
    loft = Loft({"totp.with_password": "yes"}, data=str(tmp_path / "data"))
    os.mkdir(loft.data)
    anna = loft.add_user("anna")
    secret, _, recovery = enable(loft, anna)
    password = add_app_password(loft, anna, "phone")
    gone = add_app_password(loft, anna, "gone")
    assert loft.json("user", "app-password", "delete", anna, "gone")["kicked"] == 0
    with loft:
        assert sign_in(loft, anna, PASSWORD) == UNIFORM
        assert sign_in(loft, anna, gone) == UNIFORM
        assert sign_in(loft, anna, password).startswith(OPEN)
        assert sign_in(loft, anna, PASSWORD + recovery[0]).startswith(OPEN)


# ---- SCRAM ----

@pytest.mark.parametrize("hash_name", ["sha256", "sha1"])
def test_scram_takes_all_passwords_of_a_user_under_one_name(hash_name):
    with Loft({"auth.mechanisms": "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"}) as loft:
        anna = loft.add_user("anna")
        phone, laptop = add_app_password(loft, anna, "phone"), add_app_password(loft, anna, "laptop", "--read-only")
        sieve = add_app_password(loft, anna, "sieve", "--scope", "sieve")
        for password in PASSWORD, phone, laptop:
            assert scram(loft, anna, password, hash_name).startswith(OPEN)
        for password in "wrong", sieve, phone[:-1] + ("y" if phone.endswith("x") else "x"):
            assert scram(loft, anna, password, hash_name) == UNIFORM
        assert wait_until(lambda: sum("login-failed" in line for line in loft.log) == 3)
        reasons = [line for line in loft.log if "login-failed" in line]
        assert "reason=scope" in reasons[1] and "reason=wrong" in reasons[2], reasons
        loft.run("user", "passwd", anna, "--password-stdin", input=b"new one\n")  # keeps the salt for them
        enable(loft, anna)
        assert scram(loft, anna, "new one", hash_name) == UNIFORM
        assert scram(loft, anna, phone, hash_name).startswith(OPEN)
        loft.run("user", "app-password", "delete", anna, "phone")
        assert scram(loft, anna, phone, hash_name) == UNIFORM
        assert scram(loft, anna, laptop, hash_name).startswith(OPEN)


def test_mbsync_comes_in_by_scram_with_an_app_password(loft, anna, tmp_path):
    """It takes the strongest mechanism, and does not try another."""
    password = add_app_password(loft, anna, "mbsync")
    enable(loft, anna)
    (tmp_path / "rc").write_text(
        f"IMAPAccount a\nHost 127.0.0.1\nPort {loft.imap_port}\nUser {anna}\nPass {password}\nSSLType None\n"
        f"AuthMechs *\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nPath {tmp_path}/\nInbox {tmp_path}/INBOX\n\n"
        "Channel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSyncState *\n")
    done = subprocess.run(["mbsync", "-c", tmp_path / "rc", "c"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert wait_until(lambda: any(" login " in line and "mechanism=SCRAM-SHA-256" in line and anna in line for line in loft.log))


def test_scram_takes_the_password_and_each_app_password_under_a_name_of_its_own(loft, anna):
    assert scram(loft, anna, PASSWORD).startswith(OPEN)
    assert scram(loft, anna, "wrong") == UNIFORM
    phone, sieve = add_app_password(loft, anna, "phone"), add_app_password(loft, anna, "sieve", "--scope", "sieve")
    assert scram(loft, f"{anna}/phone", phone).startswith(OPEN)
    assert scram(loft, f"{anna}/phone", PASSWORD) == UNIFORM
    assert scram(loft, f"{anna}/laptop", phone) == UNIFORM
    assert scram(loft, f"{anna}/sieve", sieve) == UNIFORM
    assert loft.json("user", "app-password", "list", anna)[0]["used_from"] == "127.0.0.1"
    loft.run("user", "passwd", anna, "--password-stdin", input=b"new one\n")
    assert scram(loft, anna, PASSWORD) == UNIFORM
    assert scram(loft, anna, "new one").startswith(OPEN)
    secret, _, _ = enable(loft, anna)
    assert scram(loft, anna, "new one") == UNIFORM
    assert scram(loft, anna, "new one" + code_of(secret, 1)) == UNIFORM
    assert scram(loft, f"{anna}/phone", phone).startswith(OPEN)
    loft.run("user", "app-password", "delete", anna, "phone")
    assert scram(loft, f"{anna}/phone", phone) == UNIFORM


def test_users_of_old_records_get_verifiers_when_they_sign_in_with_plain(tmp_path):
    data = str(tmp_path / "data")
    with Loft({"auth.mechanisms": "PLAIN LOGIN"}, data=data) as loft:
        anna = loft.add_user("anna")
        assert sign_in(loft, anna, PASSWORD).startswith(OPEN)
        assert "CANNOT" in scram(loft, anna, PASSWORD)
    with Loft({"auth.mechanisms": "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"}, data=data) as loft:
        for name in "sha256", "sha1":
            assert scram(loft, anna, PASSWORD, name) == UNIFORM
        assert sign_in(loft, anna, "wrong") == UNIFORM
        assert scram(loft, anna, PASSWORD) == UNIFORM
        assert sign_in(loft, anna, PASSWORD).startswith(OPEN)
        for name in "sha256", "sha1":
            assert scram(loft, anna, PASSWORD, name).startswith(OPEN)
            assert scram(loft, anna, "wrong", name) == UNIFORM


# ---- reading only ----

def test_read_only_session_changes_nothing(loft, anna):
    loft.run("deliver", anna, input=b"Subject: one\n\ntext\n")
    writer = Client(loft)
    writer.login(anna, PASSWORD)
    writer.command("SETMETADATA INBOX (/private/comment {1+}\r\nx)")
    client = Client(loft)
    assert client.login(anna, add_app_password(loft, anna, "archive", "--read-only")).startswith(OPEN)
    refused = "NO [NOPERM]"
    assert client.command("SELECT INBOX").startswith("OK [READ-ONLY]")
    assert "* OK [PERMANENTFLAGS ()]" in "".join(client.told)
    assert "* 1 RECENT\r\n" in client.told
    assert client.command("SELECT INBOX").startswith("OK [READ-ONLY]")
    assert "* 1 RECENT\r\n" in client.told  # as after EXAMINE
    before = loft.json("mailbox", "status", anna, "INBOX")
    for command in ("STORE 1 +FLAGS (\\Seen)", "UID STORE 1 +FLAGS.SILENT (x)", "EXPUNGE", "UID EXPUNGE 1",
                    "COPY 1 Trash", "MOVE 1 Trash", "UID MOVE 1 Trash", "CREATE new", "DELETE Junk",
                    "RENAME Junk other", "SUBSCRIBE new", "UNSUBSCRIBE INBOX", "SETACL INBOX bob lr",
                    "DELETEACL INBOX bob", "SETMETADATA INBOX (/private/comment NIL)",
                    "SETMETADATA \"\" (/private/comment NIL)", "APPEND INBOX {1+}\r\nx", "REPLACE 1 INBOX {1+}\r\nx",
                    "SETQUOTA \"\" (STORAGE 1)"):
        assert client.command(command).startswith(refused), command
    assert client.command("FETCH 1 (BODY[] FLAGS)").startswith(OPEN)
    assert "\\Seen" not in "".join(client.told)
    assert client.command("MYRIGHTS INBOX").startswith(OPEN)
    assert client.told[-1].split()[-1] == "lr"
    for command in ("NOOP", "SEARCH ALL", "STATUS INBOX (MESSAGES)", "LIST \"\" *", "GETMETADATA INBOX /private/comment",
                    "GETQUOTAROOT INBOX", "CLOSE", "EXAMINE INBOX", "UNSELECT"):
        assert client.command(command).startswith(OPEN), command
    assert loft.json("mailbox", "status", anna, "INBOX") == before
    assert writer.command("GETMETADATA INBOX /private/comment").startswith(OPEN)
    assert writer.told[-1].rstrip().endswith('"x")')
    # Whoever signs in after it on the same connection is free of it again.
    assert client.command("UNAUTHENTICATE").startswith(OPEN)
    assert client.login(anna, PASSWORD).startswith(OPEN)
    assert client.command("CREATE new").startswith(OPEN)
    client.close()
    writer.close()


# ---- traces ----

def test_auditors_see_what_changed_and_no_secret(loft, anna):
    secret, _, recovery = enable(loft, anna)
    password = add_app_password(loft, anna, "phone", "--scope", "imap")
    sign_in(loft, anna, password)
    sign_in(loft, anna, PASSWORD + recovery[0])
    loft.run("user", "app-password", "delete", anna, "phone")
    loft.run("user", "totp", "disable", anna)
    with open(os.path.join(loft.data, "audit.log"), encoding="utf-8") as file:
        text = file.read()
    events = [e for e in map(json.loads, text.splitlines()) if e.get("user") == anna]
    assert [(e["event"], e.get("command", e.get("change"))) for e in events
            if e["event"] in ("second-factor", "app-password")] == [
        ("second-factor", "user-totp-begin"), ("second-factor", "user-totp-confirm"),
        ("app-password", "user-app-password-add"), ("second-factor", "recovery-code"),
        ("app-password", "user-app-password-delete"), ("second-factor", "user-totp-disable")]
    assert any(e["event"] == "app-password" and e["name"] == "phone" and e.get("scope") == "imap" for e in events)
    for hidden in secret, password, password.replace("-", ""), *recovery:
        assert hidden not in text and not any(hidden in line for line in loft.log)
