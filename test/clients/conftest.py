"""What the tests with real clients share: a server whose certificate a client can check, a folder to live in, mail."""
import os
import subprocess

import pytest

pytest.register_assert_rewrite("client", "maildir", "roundtrip")

import client  # noqa: E402
import loft  # noqa: E402
import oauth_issuer  # noqa: E402


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """An authority of our own, and the certificate it gave to `localhost`."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True, timeout=60)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-new", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "extensions").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "server.pem", "-days", "2", "-extfile", "extensions")
    return folder


@pytest.fixture(scope="session")
def tls_options(tls):
    return {"tls.certificate": str(tls / "server.pem"), "tls.key": str(tls / "server.key")}


@pytest.fixture(scope="session")
def server(tls_options):
    """As for all tests, but with a certificate that clients accept when told of the authority."""
    with loft.Loft(tls_options) as running:
        yield running


@pytest.fixture
def imap(server, user):
    """A plain connection of our own beside the client, to prepare and to look."""
    with client.Imap(server, user) as connection:
        yield connection


@pytest.fixture
def home(tmp_path, tls):
    """A client's home folder. Nothing of this machine's settings gets in."""
    return client.Home(tmp_path, os.path.join(tls, "ca.pem"))


@pytest.fixture(scope="session")
def issuer():
    """Of OAuth tokens; of OpenID Connect, as clients see it."""
    with oauth_issuer.Issuer() as running:
        yield running


@pytest.fixture(scope="session", params=["OAUTHBEARER", "XOAUTH2"])
def token_server(request, tls_options, issuer):
    """A server that takes the issuer's tokens by one mechanism, and no passwords over SASL: no client can fall back on another."""
    with loft.Loft({**tls_options, "auth.providers": "oauth own", "auth.mechanisms": request.param,
                    "oauth.issuer": issuer.url, "oauth.audience": "loft", "oauth.plain_on_loopback": "yes"}) as running:
        running.add_user("anna@example.org")
        running.mechanism = request.param
        yield running
