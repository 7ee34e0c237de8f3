"""Loft, from this tree."""
import json
import subprocess
from pathlib import Path

from .server import PASSWORD, Server

# What differs from its defaults: as many connections as the generator opens, passwords on loopback without TLS, and a
# cheap hash, since the others compare plain passwords.
OPTIONS = {
    "auth.plaintext_on_loopback": "yes",
    "auth.hash_passes": "1",
    "auth.hash_memory_bytes": "65536",
    "limits.connections": "100000",
    "limits.connections_per_address": "100000",
    "limits.connections_per_account": "100000",
    "imap.max_append_bytes": "1G",
}


class Loft(Server):
    name = "loft"

    def __init__(self, folder: Path, users: list[str], certificate: Path, key: Path, *, binary: Path, commit: str = "",
                 index: bool = False):
        super().__init__(folder, users)
        self.certificate, self.key, self.binary, self.commit = certificate, key, binary, commit
        self.index = index  # off where the others have none either

    def options(self) -> dict[str, str]:
        return {
            "imap.listen": f"127.0.0.1:{self.imap_port}",
            "imaps.listen": f"127.0.0.1:{self.imaps_port}",
            "lmtp.listen": f"127.0.0.1:{self.lmtp_port}",
            "tls.certificate": str(self.certificate),
            "tls.key": str(self.key),
            "index.enabled": "yes" if self.index else "no",
        } | OPTIONS

    def loft(self, *arguments: str) -> list[str]:
        given = [part for key, value in self.options().items() for part in ("-o", f"{key}={value}")]
        return [str(self.binary), "-d", str(self.data_folder()), *given, *arguments]

    def command(self) -> list[str]:
        return self.loft("serve")

    def prepare(self) -> None:
        self.data_folder().mkdir()
        for user in self.users:
            subprocess.run(self.loft("user", "add", user, "--password-stdin"), input=PASSWORD + "\n", text=True,
                           check=True, capture_output=True)

    def version(self) -> str:
        out = subprocess.run([self.binary, "--version"], capture_output=True, text=True).stdout.strip()
        return f"{out or 'Loft'} ({self.commit})" if self.commit else out

    def settings(self) -> str:
        return self.shown("\n".join(f"{key} = {value}" for key, value in self.options().items()))

    def index_now(self, user: str) -> bool:
        if not self.index:
            return False
        done = subprocess.run(self.loft("index", "rebuild", user), capture_output=True, timeout=3600)
        return done.returncode == 0

    def index_bytes(self, user: str) -> int:
        out = subprocess.run(self.loft("index", "status", user, "--json"), capture_output=True, text=True, check=True)
        rows = json.loads(out.stdout)
        return int((rows[0] if isinstance(rows, list) else rows)["index_bytes"])
