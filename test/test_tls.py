"""TLS as an administrator sets it: policy, certificates of clients, reload, warnings; with openssl(1) on the other side."""
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from loft import PASSWORD, Loft, wait_until


def openssl(*args, cwd=None, check=True):
    done = subprocess.run(["openssl", *args], cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done


def make_server_certificate(path, host="mail.example.org", days=90):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days), "-subj", f"/CN={host}",
            "-addext", f"subjectAltName=DNS:{host}", "-keyout", f"{path}.key", "-out", f"{path}.crt")


class Authority:
    """A certificate authority of a test, and the certificates it signs."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN=Test {name}",
                "-keyout", self.path(name, "key"), "-out", self.path(name, "crt"))

    def path(self, name, kind):
        return os.path.join(self.folder, f"{name}.{kind}")

    @property
    def certificate(self):
        return self.path(self.name, "crt")

    def sign(self, name, email="", usage="clientAuth", days=10):
        extensions = self.path(name, "ext")
        with open(extensions, "w") as out:
            out.write(f"extendedKeyUsage={usage}\n")
            if email:
                out.write(f"subjectAltName=email:{email}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", self.path(name, "key"), "-out", self.path(name, "csr"))
        openssl("x509", "-req", "-in", self.path(name, "csr"), "-CA", self.certificate, "-CAkey", self.path(self.name, "key"),
                "-days", str(days), "-extfile", extensions, "-out", self.path(name, "crt"))
        return ["-cert", self.path(name, "crt"), "-key", self.path(name, "key")]


def s_client(port, *args, lines=("a LOGOUT",), starttls=False):
    """What openssl s_client shows after saying `lines`."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", "-crlf", *args]
    if starttls:
        command += ["-starttls", "imap"]
    done = subprocess.run(command, input="".join(f"{line}\n" for line in lines).encode(), capture_output=True, timeout=60)
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("ca")))


def test_policy_by_settings():
    with Loft({"tls.min_version": "1.2", "tls.ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305", "tls.ciphersuites": "TLS_AES_256_GCM_SHA384",
               "tls.groups": "P-384"}) as loft:
        assert "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305" in s_client(loft.imaps_port, "-tls1_2")
        assert "handshake failure" in s_client(loft.imaps_port, "-tls1_2", "-cipher", "ECDHE+AESGCM")
        said = s_client(loft.imaps_port, "-tls1_3")
        assert "Cipher is TLS_AES_256_GCM_SHA384" in said and "ECDH, secp384r1" in said
        assert "handshake failure" in s_client(loft.imaps_port, "-tls1_3", "-groups", "X25519")


@pytest.mark.parametrize("setting, text", [
    ("tls.ciphers=ECDHE+AESGMC", '"ECDHE+AESGMC" is not known'),
    ("tls.ciphersuites=TLS_AES_1_GCM_SHA256", '"TLS_AES_1_GCM_SHA256" is not known'),
    ("tls.groups=X25518", '"X25518" is not known'),
    ("tls.client_ca=/nonexistent.pem", "/nonexistent.pem"),
    ("tls.sni_folder=/nonexistent", "/nonexistent"),
    ("imaps.client_certificate=require", "takes tls.client_ca"),
    ("tls.client_crl=/nonexistent.pem", "of no use without tls.client_ca"),
])
def test_bad_settings_are_told_by_check_and_at_start(tmp_path, setting, text):
    loft = Loft(data=str(tmp_path))
    for command in ("config", "check"), ("serve",):
        done = subprocess.run(loft.command(*command, "-o", setting), capture_output=True, timeout=60)
        assert done.returncode != 0 and text in done.stderr.decode(), done.stderr


def test_check_tells_of_a_key_that_does_not_fit(tmp_path):
    make_server_certificate(tmp_path / "a")
    make_server_certificate(tmp_path / "b")
    loft = Loft(data=str(tmp_path))
    done = loft.run("config", "check", "-o", f"tls.certificate={tmp_path}/a.crt", "-o", f"tls.key={tmp_path}/b.key", check=False)
    assert done.returncode != 0 and "not the key of the certificate" in done.stderr.decode()
    assert loft.run("config", "check", "-o", f"tls.certificate={tmp_path}/a.crt", "-o", f"tls.key={tmp_path}/a.key").returncode == 0


def test_clients_with_bad_certificates_are_refused_and_others_come_in(authority, tmp_path):
    good = authority.sign("good", email="anna@example.org")
    wrong_use = authority.sign("wrong-use", email="anna@example.org", usage="serverAuth")
    expired = authority.sign("expired", email="anna@example.org", days=-1)
    stranger = Authority(str(tmp_path), "stranger").sign("visitor", email="anna@example.org")
    with Loft({"tls.client_ca": authority.certificate}) as loft:
        for starttls in False, True:
            port = loft.imap_port if starttls else loft.imaps_port
            for version in "-tls1_2", "-tls1_3":
                assert "a OK" in s_client(port, version, starttls=starttls)
                said = s_client(port, version, *good, starttls=starttls)
                assert "a OK" in said and "Test ca" in said
                for bad, alert, why in ((wrong_use, "alert", "not-for-clients"), (expired, "certificate expired", "expired"),
                                        (stranger, "unknown ca", "unknown-authority")):
                    loft.log.clear()
                    said = s_client(port, version, *bad, starttls=starttls)
                    assert "a OK" not in said and alert in said, said
                    wait_until(lambda: any("client-certificate-refused" in line and why in line for line in loft.log))
        events = [json.loads(line) for line in open(os.path.join(loft.data, "audit.log"))]
        refused = [event for event in events if event["event"] == "sign-in"]
        assert len(refused) == 12 and all(event["ok"] is False and event["reason"] == "certificate-bad" and event["protocol"] == "imap"
                                          and event["address"] == "127.0.0.1" and event["session"] > 0 for event in refused), refused
        assert {event["text"] for event in refused} == {"not-for-clients", "expired", "unknown-authority"}
        assert {event["tls"] for event in refused} == {"TLSv1.2", "TLSv1.3"}


def test_certificates_can_be_required_by_listener(authority):
    good = authority.sign("required", email="anna@example.org")
    with Loft({"tls.client_ca": authority.certificate, "imaps.client_certificate": "require", "imap.client_certificate": "no"}) as loft:
        assert "a OK" in s_client(loft.imaps_port, *good)
        assert "a OK" not in s_client(loft.imaps_port)
        wait_until(lambda: any("missing" in line for line in loft.log))
        said = s_client(loft.imap_port, starttls=True)
        assert "a OK" in said and "No client certificate CA names sent" in said


def test_reload_takes_all_of_tls_and_drops_nobody(authority, tmp_path):
    make_server_certificate(tmp_path / "old", "old.example.org")
    make_server_certificate(tmp_path / "new", "new.example.org")
    make_server_certificate(tmp_path / "sni", "sni.example.org")
    shutil.copy(authority.certificate, tmp_path / "ca.crt")  # a folder that the sandbox knows
    current = tmp_path / "loft.conf"
    current.write_text(f"[tls]\ncertificate = {tmp_path}/server.crt\nkey = {tmp_path}/server.key\n")
    os.rename(tmp_path / "old.crt", tmp_path / "server.crt")
    os.rename(tmp_path / "old.key", tmp_path / "server.key")
    loft = Loft()
    loft.command = lambda *args, command=loft.command: [*command(*args), "-c", str(current)]
    with loft:
        stays = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{loft.imaps_port}", "-quiet", "-crlf"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert b"* OK" in stays.stdout.readline()
        assert "CN = old.example.org" in s_client(loft.imaps_port)
        os.rename(tmp_path / "new.crt", tmp_path / "server.crt")
        os.rename(tmp_path / "new.key", tmp_path / "server.key")
        (tmp_path / "more").mkdir()
        os.rename(tmp_path / "sni.crt", tmp_path / "more" / "sni.crt")
        os.rename(tmp_path / "sni.key", tmp_path / "more" / "sni.key")
        current.write_text(current.read_text() + f"""min_version = 1.3
ciphersuites = TLS_CHACHA20_POLY1305_SHA256
groups = P-256
sni_folder = {tmp_path}/more
client_ca = {tmp_path}/ca.crt
[imaps]
client_certificate = require
""")
        loft.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("reloaded" in line for line in loft.log))
        assert "a OK" not in s_client(loft.imaps_port)
        good = authority.sign("reloaded", email="anna@example.org")
        said = s_client(loft.imaps_port, *good)
        assert "CN = new.example.org" in said and "TLS_CHACHA20_POLY1305_SHA256" in said and "prime256v1" in said
        assert "CN = sni.example.org" in s_client(loft.imaps_port, "-servername", "sni.example.org", *good)
        assert "protocol version" in s_client(loft.imaps_port, "-tls1_2", *good)
        loft.log.clear()
        current.write_text("[tls]\nciphers = nonsense\n")
        loft.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("reload-failed" in line and "nonsense" in line for line in loft.log))
        assert "CN = new.example.org" in s_client(loft.imaps_port, *good)
        stays.stdin.write(b"a NOOP\n")
        stays.stdin.flush()
        while line := stays.stdout.readline():
            if line.startswith(b"a OK"):
                break
        assert line.startswith(b"a OK")
        stays.kill()
        stays.wait()


@pytest.mark.parametrize("days, level", [(29, "WARN"), (1, "ERROR")])
def test_a_certificate_that_runs_out_is_told(tmp_path, days, level):
    make_server_certificate(tmp_path / "a", days=days)
    with Loft({"tls.certificate": f"{tmp_path}/a.crt", "tls.key": f"{tmp_path}/a.key", "log.format": "json"}) as loft:
        line = wait_until(lambda: [line for line in loft.log if "certificate-expires" in line])[0]
        assert f"{tmp_path}/a.crt" in line and level.lower() in line, line
        assert f"{tmp_path}/a.crt" in loft.run("status").stdout.decode()
        assert loft.json("status")["server"]["certificate_file"] == f"{tmp_path}/a.crt"
        time.sleep(0.2)
        assert sum("certificate-expires" in line for line in loft.log) == 1


def test_a_fresh_certificate_is_not_told():
    with Loft() as loft:
        assert "runs out in" in loft.run("status").stdout.decode()
        assert not any("certificate-expires" in line for line in loft.log)


def test_signing_in_with_a_password_needs_no_certificate(authority):
    with Loft({"tls.client_ca": authority.certificate}) as loft:
        loft.add_user("anna@example.org")
        said = s_client(loft.imaps_port, lines=(f'a LOGIN anna@example.org "{PASSWORD}"', "b LOGOUT"))
        assert "a OK" in said


def test_signing_in_with_a_certificate(authority):
    good = authority.sign("anna", email="anna@example.org")
    unknown = authority.sign("unknown", email="unknown@example.org")
    nameless = authority.sign("nameless")
    with Loft({"tls.client_ca": authority.certificate}) as loft:
        loft.add_user("anna@example.org")
        external = ("x CAPABILITY", "a AUTHENTICATE EXTERNAL =", "b SELECT INBOX", "c LOGOUT")
        for starttls in False, True:
            port = loft.imap_port if starttls else loft.imaps_port
            for version in "-tls1_2", "-tls1_3":
                said = s_client(port, version, *good, lines=external, starttls=starttls)
                assert "AUTH=EXTERNAL" in said and "a OK" in said and "b OK" in said, said
                assert "a NO [AUTHENTICATIONFAILED]" in s_client(port, version, *unknown, lines=external, starttls=starttls)
                for other in nameless, []:
                    said = s_client(port, version, *other, lines=external, starttls=starttls)
                    assert "a NO" in said and "AUTH=EXTERNAL" not in said, said


def test_a_revoked_certificate_opens_nothing_from_the_reload_on(authority, tmp_path):
    ca = Authority(str(tmp_path), "revoking")
    anna = ca.sign("anna", email="anna@example.org")
    conf = tmp_path / "ca.conf"
    conf.write_text(f"[ca]\ndefault_ca = it\n[it]\ndatabase = {tmp_path}/index\ndefault_md = sha256\ndefault_crl_days = 5\n")
    (tmp_path / "index").write_text("")
    signer = ["-config", str(conf), "-cert", ca.certificate, "-keyfile", ca.path("revoking", "key")]

    def write_list():
        openssl("ca", *signer, "-gencrl", "-out", f"{tmp_path}/new.pem")
        os.rename(tmp_path / "new.pem", tmp_path / "crl.pem")
    write_list()
    with Loft({"tls.client_ca": ca.certificate, "tls.client_crl": f"{tmp_path}/crl.pem"}) as loft:
        loft.add_user("anna@example.org")
        session = str(tmp_path / "session")
        external = ("a AUTHENTICATE EXTERNAL =", "b LOGOUT")
        assert "a OK" in s_client(loft.imaps_port, *anna, "-sess_out", session, lines=external)
        openssl("ca", *signer, "-revoke", ca.path("anna", "crt"))
        write_list()
        loft.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("reloaded" in line for line in loft.log))
        resume = ["-sess_in", session] if os.path.exists(session) else []
        said = s_client(loft.imaps_port, *anna, *resume, lines=external)
        assert "a OK" not in said and "certificate revoked" in said, said
        wait_until(lambda: any("client-certificate-refused" in line and "revoked" in line for line in loft.log))
