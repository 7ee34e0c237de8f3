"""GSSAPI with a Kerberos realm of our own on loopback: MIT's KDC; gsasl and curl as clients."""
import os
import signal
import socket
import subprocess

import client
import loft
import pytest

client.needs("krb5kdc", "kadmin.local", "kdb5_util", "kinit", "gsasl", "curl")

REALM = "EXAMPLE.ORG"
KRB5_CONF = """
[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
    }}
[domain_realm]
    localhost = {realm}
"""
KDC_CONF = """
[kdcdefaults]
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {folder}/principal
        key_stash_file = {folder}/stash
        acl_file = {folder}/acl
        supported_enctypes = aes256-cts-hmac-sha1-96:normal
    }}
[logging]
    kdc = FILE:{folder}/kdc.log
"""


class Realm:
    def __init__(self, folder):
        self.folder, self.port = str(folder), loft.free_port()
        for name, text in (("krb5.conf", KRB5_CONF), ("kdc.conf", KDC_CONF)):
            (folder / name).write_text(text.format(realm=REALM, port=self.port, folder=self.folder))
        self.env = {**os.environ, "KRB5_CONFIG": f"{folder}/krb5.conf", "KRB5_KDC_PROFILE": f"{folder}/kdc.conf",
                    "PATH": "/usr/local/sbin:/usr/sbin:/sbin:" + os.environ["PATH"]}
        self.run("kdb5_util", "create", "-s", "-P", "master", "-r", REALM)
        for principal in ("anna", "bob", "anna/admin", "imap/localhost"):
            self.admin(f"addprinc -randkey {principal}")
        for principal, keytab in (("imap/localhost", "imap"), ("anna", "anna"), ("bob", "bob"), ("anna/admin", "admin")):
            self.admin(f"ktadd -k {self.folder}/{keytab}.keytab {principal}")
        self.kdc = subprocess.Popen(["krb5kdc", "-n", "-r", REALM], env=self.env, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        loft.wait_until(self.answers)

    def run(self, *args):
        done = subprocess.run(args, env=self.env, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == 0, (args, done.stdout.decode(), done.stderr.decode())

    def admin(self, command):
        self.run("kadmin.local", "-r", REALM, "-q", command)

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def ticket(self, who, principal=None):
        """The environment of a client that has one."""
        cache = f"{self.folder}/{who}.cache"
        self.run("kinit", "-c", cache, "-k", "-t", f"{self.folder}/{who}.keytab", principal or who)
        return {"KRB5_CONFIG": self.env["KRB5_CONFIG"], "KRB5CCNAME": cache}

    def end(self):
        self.kdc.send_signal(signal.SIGTERM)
        self.kdc.wait(20)


@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    running = Realm(tmp_path_factory.mktemp("realm"))
    yield running
    running.end()


@pytest.fixture(scope="module")
def kerberised(realm, tls_options):
    before = dict(os.environ)
    ignore = os.path.join(realm.folder, "lsan")
    with open(ignore, "w") as out:
        out.write("leak:libgssapi_krb5\n")  # 16 bytes of its own, once
    os.environ.update(KRB5_CONFIG=realm.env["KRB5_CONFIG"], LSAN_OPTIONS=f"suppressions={ignore}:print_suppressions=0")
    try:
        with loft.Loft({**tls_options, "gssapi.keytab": f"{realm.folder}/imap.keytab", "gssapi.host": "localhost",
                        "gssapi.realms": REALM}) as own:
            own.add_user("anna@example.org")
            own.add_user("carl@example.org")
            yield own
    finally:
        os.environ.clear()
        os.environ.update(before)


def gsasl(home, server, env, *options, ok=(0,)):
    return home.run("gsasl", "--imap", "--connect", f"localhost:{server.imap_port}", "--x509-ca-file", home.ca, "--mechanism", "GSSAPI",
                    "--hostname", "localhost", "--service", "imap", "--no-client-first", "--quality-of-protection", "qop-auth",
                    *options, ok=ok, input=b"", **env)


def logged(server, *words):
    return loft.wait_until(lambda: any(all(word in line for word in words) for line in server.log))


def test_ticket_opens_the_account_that_it_names(home, kerberised, realm):
    said = gsasl(home, kerberised, realm.ticket("anna"), "--authorization-id", "", "--authentication-id", "anna").text
    assert "Client authentication finished" in said
    logged(kerberised, " login ", "account=anna@example.org", "mechanism=GSSAPI", "tls=TLSv1.3")


def test_ticket_opens_no_other_account(home, kerberised, realm):
    env = realm.ticket("anna")
    assert "NO [AUTHORIZATIONFAILED]" in gsasl(home, kerberised, env, "--authorization-id", "carl@example.org", ok=(1,)).text
    for who, principal in (("bob", "bob"), ("admin", "anna/admin")):  # no user here; an instance
        said = gsasl(home, kerberised, realm.ticket(who, principal), "--authorization-id", "anna@example.org", ok=(1,)).text
        assert "NO [AUTHENTICATIONFAILED]" in said
    logged(kerberised, "login-failed", "user=bob@example.org", "mechanism=GSSAPI", "reason=unknown-user")


def test_curl_uses_a_ticket(home, kerberised, realm):
    done = home.run("curl", "-sS", "-v", "--max-time", "50", "--cacert", home.ca, "--user", "anna@example.org:", "--login-options",
                    "AUTH=GSSAPI", f"imaps://localhost:{kerberised.imaps_port}/", **realm.ticket("anna"))
    assert "AUTHENTICATE GSSAPI" in done.text and b"INBOX" in done.stdout


def test_tokens_that_are_none_are_refused(kerberised):
    for token in (b"x", b"\x60\x82\xff\xff" + b"x" * 100, b"\0" * 9000):
        connection = client.imaplib.IMAP4("127.0.0.1", kerberised.imap_port)
        with pytest.raises(client.imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            connection.authenticate("GSSAPI", lambda _: token)
        connection.shutdown()
    with client.Imap(kerberised, "anna@example.org"):
        pass  # nobody else has noticed


def test_keytab_that_is_of_no_use_is_told_at_start(realm, tmp_path):
    own = loft.Loft({"gssapi.keytab": str(tmp_path / "none"), "gssapi.realms": REALM}, data=str(tmp_path / "data"))
    with pytest.raises(RuntimeError, match="gssapi.keytab: .* has no key"):
        own.start()
    own = loft.Loft({"gssapi.keytab": f"{realm.folder}/imap.keytab"}, data=str(tmp_path / "data"))
    with pytest.raises(RuntimeError, match="gssapi.keytab needs gssapi.realms"):
        own.start()
