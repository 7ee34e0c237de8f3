"""Users whom a file in Dovecot's format, an LDAP directory or PAM knows come in over the wire."""
import base64
import os
import shutil
import subprocess

import loft
import pytest
import slapd
from imapwire import Imap
from scramwire import Scram, b64

NO = b"NO [AUTHENTICATIONFAILED]"
DOWN = b"NO [UNAVAILABLE]"
needs_slapd = pytest.mark.skipif(not slapd.PROGRAM or not shutil.which("ldapmodify"), reason="needs slapd and ldap-utils")


def literal(text):
    data = text.encode()
    return b"{%d+}\r\n%s" % (len(data), data)


def login(server, name, password):
    """The tagged answer."""
    wire = Imap(server)
    answer = wire.run(b"LOGIN " + literal(name) + b" " + literal(password))[1]
    wire.close()
    return answer


def signed_in(server, name, password):
    wire = Imap(server)
    wire.ok(b"LOGIN " + literal(name) + b" " + literal(password))
    return wire


# ---- passwd-file ----

@pytest.fixture
def file_of_users(tmp_path):
    path = tmp_path / "users"

    def write(text):
        fresh = tmp_path / "users.new"
        fresh.write_text(text)
        os.rename(fresh, path)

    write("anna@example.org:{PLAIN}secret\n")
    with loft.Loft({"auth.providers": "own passwd-file", "passwd_file.path": str(path)}) as server:
        server.write = write
        yield server


def test_passwd_file_lets_its_users_in_and_follows_its_changes(file_of_users):
    server = file_of_users
    server.add_user("own@example.org")
    assert login(server, "own@example.org", loft.PASSWORD).startswith(b"OK")
    assert login(server, "Anna@Example.ORG", "secret").startswith(b"OK")
    assert login(server, "anna@example.org", "wrong").startswith(NO)
    assert login(server, "zoe@example.org", "secret").startswith(NO)
    server.write("anna@example.org:{PLAIN}other\nbert@example.org:{SSHA}s5Ot9o6Qcx1Rl2hOVRUHOd00+CmoIfS7\n")
    assert login(server, "anna@example.org", "secret").startswith(NO)  # also though it was known to be good
    assert login(server, "anna@example.org", "other").startswith(b"OK")
    assert login(server, "bert@example.org", "secret").startswith(b"OK")
    server.write("bert@example.org:{PLAIN}secret::::::nologin\nanna@example.org:{NTLM}x\n"
                 "carl@example.org:{PLAIN}secret::::::allow_nets=192.0.2.0/24\n"
                 "dora@example.org:{PLAIN}secret::::::user=anna@example.org\n")
    answer = login(server, "bert@example.org", "secret")
    assert answer.startswith(b"NO") and not answer.startswith(NO)  # who has proved the password hears why
    assert login(server, "bert@example.org", "wrong").startswith(NO)
    assert login(server, "carl@example.org", "secret").startswith(NO)
    assert login(server, "anna@example.org", "other").startswith(NO)
    loft.wait_until(lambda: any("passwd-file-line" in x and "line=2" in x and "NTLM" in x for x in server.log))
    assert not any("secret" in x for x in server.log)


def test_passwd_file_that_is_gone_lets_nobody_in_and_passes_nobody_on(file_of_users, tmp_path):
    server = file_of_users
    assert login(server, "anna@example.org", "secret").startswith(b"OK")
    os.unlink(tmp_path / "users")
    assert login(server, "anna@example.org", "secret").startswith(DOWN)
    server.write("anna@example.org:{PLAIN}secret\n")
    assert login(server, "anna@example.org", "secret").startswith(b"OK")


def test_passwd_file_is_not_chosen_by_names(file_of_users, tmp_path):
    (tmp_path / "evil").write_text("x:{PLAIN}secret\n")
    for name in ("../evil", "x/../../evil", f"{tmp_path}/evil", "x\u2215evil", "%u", "x:{PLAIN}secret"):
        assert login(file_of_users, name, "secret").startswith(NO), name


@pytest.mark.skipif(not shutil.which("doveadm"), reason="needs Dovecot's doveadm")
def test_passwd_file_takes_what_dovecot_makes(file_of_users):
    server, lines, names = file_of_users, [], []
    for scheme in ("ARGON2ID", "BLF-CRYPT", "SHA512-CRYPT", "SHA256", "SSHA512.hex", "PBKDF2", "SCRAM-SHA-256"):
        made = subprocess.run(["doveadm", "pw", "-s", scheme, "-p", "p\u00e4ss wort"], capture_output=True, text=True, check=False)
        if made.returncode == 0:
            names.append(scheme.lower() + "@example.org")
            lines.append(f"{names[-1]}:{made.stdout.strip()}\n")
    assert names
    server.write("".join(lines))
    for name in names:
        assert login(server, name, "p\u00e4ss wort").startswith(b"OK"), name
        assert login(server, name, "p\u00e4ss worT").startswith(NO), name


def scram(server, name, password):
    """The tagged answer; with the server's own proof looked at."""
    wire, client = Imap(server), Scram(name, password)
    wire.send(b"s AUTHENTICATE SCRAM-SHA-256 " + b64(client.first()) + b"\r\n")
    line = wire.raw()
    if line.startswith(b"+ "):
        wire.send(b64(client.final(base64.b64decode(line[2:]))) + b"\r\n")
        line = wire.raw()
    if line.startswith(b"+ "):
        assert base64.b64decode(line[2:]) == client.signature
        wire.send(b"\r\n")
        line = wire.raw()
    wire.close()
    return line[2:]


def test_scram_is_there_for_users_of_a_file_by_setting(tmp_path):
    path = tmp_path / "users"
    path.write_text("anna@example.org:{PLAIN}secret\nbert@example.org:{SCRAM-SHA-256}4096,EeHsGrk7u+zBx5+hym1OqA==,"
                    "mmo8ujb5Zk4rheDHXFr6rrfdkAWTsas+pPar3KxUhV0=,QG7zkApzdwrFZ7GGCNC1cIyFhzI3zeaF/uypYOc4REU=\n")
    settings = {"auth.providers": "own passwd-file", "passwd_file.path": str(path)}
    for yes in ("no", "yes"):
        with loft.Loft({**settings, "passwd_file.scram": yes}) as server:
            wire = Imap(server)
            offered = b"AUTH=SCRAM-SHA-256" in b"".join(wire.run("CAPABILITY")[0])
            wire.close()
            assert offered == (yes == "yes")
            for name in ("anna@example.org", "bert@example.org"):
                assert scram(server, name, "secret").startswith(b"OK" if offered else b"NO"), name
                assert scram(server, name, "wrong").startswith(b"NO")


def salt_told(server, name):
    wire = Imap(server)
    wire.send(b"s AUTHENTICATE SCRAM-SHA-256 " + b64(Scram(name, "").first()) + b"\r\n")
    told = base64.b64decode(wire.raw()[2:])
    wire.close()
    return dict(part.split(b"=", 1) for part in told.split(b","))[b"s"]


def test_no_restart_tells_by_salts_who_exists(tmp_path):
    path = tmp_path / "users"
    path.write_text("anna@example.org:{PLAIN}secret\n")
    with loft.Loft({"auth.providers": "own passwd-file", "passwd_file.path": str(path), "passwd_file.scram": "yes"}) as server:
        names = ("anna@example.org", "nobody@example.org")
        before = [salt_told(server, name) for name in names]
        assert len(set(before)) == 2
        server.restart()
        assert [salt_told(server, name) for name in names] == before


# ---- LDAP ----

@pytest.fixture
def directory():
    with slapd.Slapd(slapd.person("anna", "secret"), slapd.person("bert", "secret"),
                     slapd.group("staff", "bert")) as running:
        yield running


@needs_slapd
def test_ldap_lets_its_users_in_and_no_name_changes_the_question(directory):
    with loft.Loft({"auth.providers": "own ldap", **directory.settings()}) as server:
        assert login(server, "anna@example.org", "secret").startswith(b"OK")
        for name, password in (("anna@example.org", "wrong"), ("anna@example.org", ""), ("*", "secret"), ("anna*", "secret"),
                               ("x)(mail=anna@example.org", "secret"), ("x)(|(uid=anna)", "secret"),
                               ("anna@example.org)(uid=*", "secret"), ("anna@example.org\\", "secret"), ("\\2a", "secret")):
            assert login(server, name, password).startswith(NO), (name, password)
        assert not any("secret" in x for x in server.log)


@needs_slapd
def test_ldap_that_is_down_is_no_wrong_password_and_comes_back(directory):
    settings = {"auth.providers": "ldap own", "auth.known_good_count": "0", **directory.settings()}
    with loft.Loft(settings) as server:
        server.add_user("own@example.org")
        assert login(server, "anna@example.org", "secret").startswith(b"OK")
        directory.kill()
        for name, password in (("anna@example.org", "secret"), ("anna@example.org", "wrong"), ("own@example.org", loft.PASSWORD)):
            assert login(server, name, password).startswith(DOWN), name  # nor does a provider behind it decide
        directory.start()
        loft.wait_until(lambda: login(server, "anna@example.org", "secret").startswith(b"OK"))
        assert login(server, "own@example.org", loft.PASSWORD).startswith(b"OK")


@needs_slapd
@pytest.mark.parametrize("remember", ["no", "yes"])
def test_ldap_that_takes_one_time_codes_is_asked_each_time(directory, remember):
    with loft.Loft({"auth.providers": "ldap", "ldap.remember": remember, **directory.settings()}) as server:
        for _ in "makes the account", "is remembered":
            assert login(server, "anna@example.org", "secret").startswith(b"OK")
        directory.modify("dn: uid=anna,ou=people,dc=example,dc=org\nchangetype: modify\nreplace: userPassword\n"
                         "userPassword: other\n")
        assert login(server, "anna@example.org", "secret").startswith(b"OK" if remember == "yes" else NO)


@needs_slapd
def test_ldap_groups_give_rights_and_take_them_away(directory):
    settings = {"auth.providers": "ldap", "auth.known_good_count": "0", **directory.settings()}
    with loft.Loft(settings) as server:
        bert = signed_in(server, "bert@example.org", "secret")  # makes the group known
        anna = signed_in(server, "anna@example.org", "secret")
        anna.ok("CREATE plans")
        anna.ok("SETACL plans group:staff lr")
        bert.ok('SELECT "Other Users/anna@example.org/plans"')
        directory.modify("dn: cn=staff,ou=groups,dc=example,dc=org\nchangetype: modify\nreplace: member\n"
                         "member: uid=anna,ou=people,dc=example,dc=org\n")
        bert.close()
        bert = signed_in(server, "bert@example.org", "secret")
        assert bert.run('SELECT "Other Users/anna@example.org/plans"')[1].startswith(b"NO")
        anna.close()
        bert.close()


# ---- PAM ----

@pytest.fixture
def services(tmp_path):
    check, hang = tmp_path / "check.sh", tmp_path / "hang.sh"
    check.write_text("#!/bin/sh\np=$(tr -d '\\000')\n[ \"$PAM_USER:$p\" = anna@example.org:secret ]\n")
    hang.write_text("#!/bin/sh\nsleep 1000\n")
    check.chmod(0o755)
    hang.chmod(0o755)
    tmp_path.chmod(0o755)
    (tmp_path / "loft").write_text(f"auth [success=done default=ignore] pam_exec.so quiet expose_authtok {check}\n"
                                   "auth required pam_deny.so\naccount required pam_permit.so\n")
    (tmp_path / "hangs").write_text(f"auth required pam_exec.so quiet {hang}\naccount required pam_permit.so\n")
    return tmp_path


def test_pam_lets_its_users_in(services):
    with loft.Loft({"auth.providers": "own pam", "pam.folder": str(services)}) as server:
        assert login(server, "anna@example.org", "secret").startswith(b"OK")
        assert login(server, "anna@example.org", "wrong").startswith(NO)
        assert login(server, "$(id)", "secret").startswith(NO)
        assert not any("secret" in x for x in server.log)


def test_pam_that_hangs_is_unavailable_and_holds_nobody_else_up(services):
    settings = {"auth.providers": "own pam", "pam.folder": str(services), "pam.service": "hangs", "pam.timeout_ms": "1s"}
    with loft.Loft(settings) as server:
        server.add_user("own@example.org")
        assert login(server, "anna@example.org", "secret").startswith(DOWN)
        assert login(server, "own@example.org", loft.PASSWORD).startswith(b"OK")


@pytest.mark.parametrize("remember", [None, "yes"])
def test_pam_codes_open_once_unless_a_setting_says_that_there_are_none(services, remember):
    codes, take = services / "codes", services / "take.sh"
    codes.mkdir(mode=0o777)
    codes.chmod(0o777)
    for code in "1", "2":
        (codes / code).write_text("")
    take.write_text(f"#!/bin/sh\np=$(tr -d '\\000')\nrm {codes}/\"$p\"\n")
    take.chmod(0o755)
    (services / "loft").write_text(f"auth [success=done default=ignore] pam_exec.so quiet expose_authtok {take}\n"
                                   "auth required pam_deny.so\naccount required pam_permit.so\n")
    settings = {"pam.remember": remember} if remember else {}
    with loft.Loft({"auth.providers": "own pam", "pam.folder": str(services), **settings}) as server:
        for code in "1", "2":  # the first makes the account
            assert login(server, "anna@example.org", code).startswith(b"OK")
        assert login(server, "anna@example.org", "2").startswith(b"OK" if remember else NO)
