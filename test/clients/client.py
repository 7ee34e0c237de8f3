"""Run a mail client in a home folder of its own; look at mail over a plain connection beside it."""
import imaplib
import re
import shutil
import subprocess

import loft
import pytest

SECONDS = 60  # for any one run of a client; under sanitizers a server is slow


def needs(*commands):
    """Skip the module where a client is not installed; script/bootstrap installs all of them."""
    for command in commands:
        if not shutil.which(command):
            pytest.skip(f"{command} is not installed", allow_module_level=True)


class Home:
    """`ca` is the authority's certificate. Files that are written here may hold passwords: mode 0600."""

    def __init__(self, path, ca):
        self.path, self.ca = path, ca
        self.env = {
            "HOME": str(path),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "vt100",
            "TMPDIR": str(path),
            "USER": "anna",
            "LOGNAME": "anna",
        }

    def __str__(self):
        return str(self.path)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def run(self, *args, ok=(0,), input=None, **env):
        """Run to its end, in time. `ok` are the exit codes wanted; the rest fails with all that it said."""
        done = subprocess.run([str(a) for a in args], cwd=self.path, env={**self.env, **env}, input=input,
                              stdin=subprocess.DEVNULL if input is None else None, capture_output=True, timeout=SECONDS)
        done.text = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert done.returncode in ok, f"{args[0]} ended with {done.returncode}:\n{done.text[-6000:]}"
        return done


class Imap(imaplib.IMAP4):
    """imaplib, signed in, with answers checked. Mailbox names as they go over the wire."""

    def __init__(self, server, user, password=loft.PASSWORD):
        super().__init__("127.0.0.1", server.imap_port, timeout=SECONDS)
        if user.isascii():
            self.ok("login", user, password)
        else:  # imaplib's LOGIN knows ASCII only
            self.ok("authenticate", "PLAIN", lambda _: f"\0{user}\0{password}".encode())

    def ok(self, command, *args):
        kind, data = getattr(self, command)(*args)
        assert kind == "OK", (command, args, data)
        return data

    def put(self, message, mailbox="INBOX", flags=None, date=None):
        """Append; the UID it got."""
        answer = self.ok("append", mailbox, flags and f"({flags})", date, message)[0]
        return int(re.search(rb"APPENDUID \d+ (\d+)", answer).group(1))

    def mailboxes(self):
        return sorted(re.search(rb'"/" "?(.*?)"?$', line).group(1).decode() for line in self.ok("list") if line)

    def count(self, mailbox, item):
        return int(re.search(rb" (\d+)\)$", self.ok("status", mailbox, f"({item})")[0]).group(1))

    def messages(self, mailbox="INBOX"):
        """{uid: (set of flags without \\Recent, bytes)} of all of a mailbox, read anew."""
        self.ok("select", mailbox, True)
        found = {}
        for row in self.ok("uid", "FETCH", "1:*", "(UID FLAGS BODY.PEEK[])"):
            if isinstance(row, tuple):
                uid = int(re.search(rb"UID (\d+)", row[0]).group(1))
                flags = re.search(rb"FLAGS \(([^)]*)\)", row[0]).group(1).decode().split()
                found[uid] = (set(flags) - {"\\Recent"}, row[1])
        self.ok("unselect")
        return found

    def bodies(self, mailbox="INBOX"):
        return sorted(body for _, body in self.messages(mailbox).values())

    def store(self, mailbox, uids, change, flags):
        self.ok("select", mailbox)
        self.ok("uid", "STORE", uids, change, f"({flags})")
        self.ok("unselect")

    def remove(self, mailbox, uids):
        self.ok("select", mailbox)
        self.ok("uid", "STORE", uids, "+FLAGS.SILENT", "(\\Deleted)")
        self.ok("uid", "EXPUNGE", uids)
        self.ok("unselect")
