"""SCRAM as a client speaks it (RFC 5802, RFC 7677), with every part open to be done wrongly."""
import base64
import hashlib
import hmac


def b64(data):
    return base64.b64encode(data)


class Scram:
    def __init__(self, user, password, digest="sha256", header="n,,", binding=b"", nonce="abcdefgh"):
        self.user, self.password, self.digest = user, password, digest
        self.header, self.binding = header, binding
        self.bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
        self.nonce = nonce

    def first(self):
        return (self.header + self.bare).encode()

    def final(self, server_first, header=None, nonce=None):
        """What follows on server-first; afterwards `signature` is what the server should show."""
        text = server_first.decode()
        fields = dict(part.split("=", 1) for part in text.split(","))
        assert fields["r"].startswith(self.nonce) and len(fields["r"]) >= len(self.nonce) + 18, text
        self.salt, self.iterations = base64.b64decode(fields["s"]), int(fields["i"])
        salted = hashlib.pbkdf2_hmac(self.digest, self.password.encode(), self.salt, self.iterations)
        client_key = self._hmac(salted, b"Client Key")
        bound = b64((header or self.header).encode() + self.binding).decode()
        without_proof = f"c={bound},r={nonce or fields['r']}"
        message = f"{self.bare},{text},{without_proof}".encode()
        signature = self._hmac(hashlib.new(self.digest, client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.signature = b"v=" + b64(self._hmac(self._hmac(salted, b"Server Key"), message))
        return f"{without_proof},p=".encode() + b64(proof)

    def _hmac(self, key, text):
        return hmac.new(key, text, self.digest).digest()
