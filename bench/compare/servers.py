"""Servers by the names that a plan gives them."""
from pathlib import Path

from . import packages
from .cyrus import Cyrus
from .dovecot import Dovecot
from .loft import Loft
from .server import Server

USERS = [f"user{number}" for number in range(64)]


class Factory:
    """Makes servers; those whose packages cannot be had are left out of a run, with a word on why."""

    def __init__(self, binary: Path, certificate: Path, key: Path, commit: str):
        self.binary, self.certificate, self.key, self.commit = binary, certificate, key, commit
        self._has_dovecot: bool | None = None
        self._cyrus_folder: Path | None = None
        self._looked_for_cyrus = False

    def has(self, name: str) -> bool:
        kind = name.split("-")[0]
        if kind == "dovecot":
            if self._has_dovecot is None:
                self._has_dovecot = packages.dovecot()
            return self._has_dovecot and (name != "dovecot-xapian" or packages.dovecot_xapian())
        if kind == "cyrus":
            if not self._looked_for_cyrus:
                self._cyrus_folder, self._looked_for_cyrus = packages.cyrus(), True
            return self._cyrus_folder is not None
        return kind == "loft"

    def make(self, name: str, folder: Path, index: bool) -> Server:
        """`index`: the section is about text indexes. Dovecot and Cyrus say so by their names, too."""
        kind, _, variant = name.partition("-")
        if kind == "loft":
            server: Server = Loft(folder, USERS, self.certificate, self.key, binary=self.binary, commit=self.commit,
                                  index=index)
        elif kind == "dovecot":
            server = Dovecot(folder, USERS, self.certificate, self.key, index=variant == "xapian",
                             hibernate=variant == "hibernate", mail_format="mdbox" if variant == "mdbox" else "sdbox")
        elif kind == "cyrus":
            server = Cyrus(folder, USERS, self.certificate, self.key, unpacked=self._cyrus_folder,
                           index=variant == "xapian")
        else:
            raise ValueError(f"no server is called {name}")
        server.name = name
        return server
