"""A small issuer of OAuth tokens for tests, on loopback: OpenID configuration, keys that change, introspection; and one that
is slow, broken, talkative, or gone. What it signs, and with what, a test decides."""
import base64
import datetime
import http.server
import ipaddress
import json
import os
import ssl
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


class Key:
    """A key pair for one algorithm."""

    def __init__(self, alg, kid):
        self.alg, self.kid = alg, kid
        if alg[:2] in ("RS", "PS"):
            self.private = rsa.generate_private_key(65537, 2048)
        elif alg == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    def public(self):
        return self.private.public_key()

    def pem(self):
        return self.public().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def jwk(self):
        jwk = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if self.alg[:2] in ("RS", "PS"):
            numbers = self.public().public_numbers()
            return jwk | {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        if self.alg == "ES256":
            numbers = self.public().public_numbers()
            return jwk | {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}
        raw = self.public().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return jwk | {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}

    def sign(self, data):
        if self.alg[:2] == "RS":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if self.alg[:2] == "PS":
            return self.private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        if self.alg == "ES256":
            r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(data)


def compact(header, claims, sign):
    """A token of texts or dicts; `sign` makes the signature of bytes."""
    parts = [x if isinstance(x, str) else json.dumps(x) for x in (header, claims)]
    signed = ".".join(b64(p.encode()) for p in parts)
    return signed + "." + b64(sign(signed.encode()))


def make_certificate(folder, host):
    """A CA of its own and a certificate for `host`: paths of the CA, and of certificate with key."""
    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def write(path, *parts):
        with open(path, "wb") as f:
            f.write(b"".join(parts))
        return path

    def build(subject, key, signer, ca, names):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("test CA"))
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
                   .add_extension(x509.BasicConstraints(ca, None), True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        return builder.sign(signer, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    try:
        names = [x509.IPAddress(ipaddress.ip_address(host))]
    except ValueError:
        names = [x509.DNSName(host)]
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (write(os.path.join(folder, "ca.pem"), build("test CA", ca_key, ca_key, True, None).public_bytes(pem)),
            write(os.path.join(folder, "issuer.pem"), build(host, key, ca_key, False, names).public_bytes(pem), private))


class Issuer:
    """Use as a context manager. `behaviour[path]` makes a path do something else than work: see Handler."""

    def __init__(self, certificate=None):
        self.keys = [Key("RS256", "first")]
        self.behaviour, self.asked, self.forms = {}, {}, []
        self.active = {}  # opaque tokens: what introspection says of them
        self.client = ("loft", "s3cret & more")
        self._certificate = certificate

    def start(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def reply(self, status, body, **headers):
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for key, value in headers.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def misbehave(self, how):
                if how == "error":
                    self.reply(500, {})
                elif how == "slow":
                    issuer.stopping.wait(30)
                elif how == "html":
                    self.reply(200, b"<html>Welcome to the hotel</html>")
                elif how == "redirect":
                    self.reply(302, b"", Location=issuer.url + "/stolen")
                elif how == "huge":
                    self.send_response(200)
                    self.end_headers()
                    try:
                        for _ in range(1000):
                            self.wfile.write(b" " * 65536)
                    except OSError:
                        pass  # the other end had enough

            def serve(self, form):
                path = self.path.split("?")[0]
                issuer.asked[path] = issuer.asked.get(path, 0) + 1
                how = issuer.behaviour.get(path)
                if how:
                    self.misbehave(how)
                elif path == "/.well-known/openid-configuration":
                    self.reply(200, {"issuer": issuer.url, "jwks_uri": issuer.url + "/keys",
                                     "introspection_endpoint": issuer.url + "/introspect"})
                elif path == "/keys":
                    self.reply(200, {"keys": [k.jwk() for k in issuer.keys]})
                elif path == "/introspect" and form is not None:
                    self.introspect(form)
                else:
                    self.reply(404, {})

            def introspect(self, form):
                pair = ":".join(urllib.parse.quote(x, safe="-._~") for x in issuer.client)
                if self.headers.get("Authorization") != "Basic " + base64.b64encode(pair.encode()).decode():
                    self.reply(401, {"error": "invalid_client"})
                    return
                values = dict(urllib.parse.parse_qsl(form, keep_blank_values=True))
                issuer.forms.append(values)
                claims = issuer.active.get(values.get("token"))
                self.reply(200, {"active": True} | claims if claims is not None else {"active": False})

            def do_GET(self):
                self.serve(None)

            def do_POST(self):
                self.serve(self.rfile.read(int(self.headers["Content-Length"])).decode())

        self.stopping = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if self._certificate else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    __enter__ = start

    def __exit__(self, *exc):
        self.stop()

    def claims(self, user, **changed):
        """Good ones for `user`; None leaves a claim out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": "loft", "iat": now, "exp": now + 300, "sub": "7", "scope": "openid mail",
                  "email": user, "email_verified": True} | changed
        return {key: value for key, value in claims.items() if value is not None}

    def token(self, user, key=None, header=None, **changed):
        key = key or self.keys[0]
        return compact({"alg": key.alg, "typ": "JWT", "kid": key.kid} | (header or {}), self.claims(user, **changed), key.sign)

    def opaque(self, name, user, **changed):
        """A token that only introspection knows."""
        self.active[name] = self.claims(user, **changed)
        return name
