"""gsasl(1): GNU SASL as a client, over GnuTLS: SCRAM with the channel bindings of another TLS library than ours."""
import client
import loft
import pytest

client.needs("gsasl")

TLS_1_2 = ("--priority", "NORMAL:-VERS-TLS1.3")


@pytest.fixture
def gsasl(server, user, home):
    def run(mechanism, *options, name=user, password=loft.PASSWORD, ok=(0,)):
        return home.run("gsasl", "--imap", "--connect", f"localhost:{server.imap_port}", "--x509-ca-file", home.ca, "--mechanism", mechanism,
                        "--authentication-id", name, "--password", password, "--no-client-first", *options, ok=ok, input=b"")
    return run


def logins(server, user):
    """How this user has come in: (mechanism, TLS version)"""
    found = []
    for line in server.log:
        fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if " login " in line and fields.get("account") == user:
            found.append((fields["mechanism"], fields["tls"]))
    return found


@pytest.mark.parametrize("mechanism, options, version", [
    ("SCRAM-SHA-256-PLUS", (), "TLSv1.3"),       # tls-exporter
    ("SCRAM-SHA-256-PLUS", TLS_1_2, "TLSv1.2"),
    ("SCRAM-SHA-256", ("--no-cb",), "TLSv1.3"),
    ("SCRAM-SHA-256", ("--no-starttls",), '""'),
    ("PLAIN", (), "TLSv1.3"),
    ("LOGIN", (), "TLSv1.3"),
])
def test_gsasl_signs_in(gsasl, server, user, mechanism, options, version):
    said = gsasl(mechanism, *options).text
    assert "Client authentication finished (server trusted)" in said
    loft.wait_until(lambda: logins(server, user) == [(mechanism, version)])


@pytest.mark.parametrize("mechanism, options", [("SCRAM-SHA-256-PLUS", ()), ("SCRAM-SHA-256", ("--no-cb",)), ("PLAIN", ())])
def test_gsasl_is_told_that_the_password_is_wrong(gsasl, server, user, mechanism, options):
    for name, password in ((user, "wrong"), ("nobody", loft.PASSWORD)):
        assert "NO [AUTHENTICATIONFAILED]" in gsasl(mechanism, *options, name=name, password=password, ok=(1,)).text
    assert logins(server, user) == []
