"""A client's copy of mail: Maildir folders, as mbsync (SubFolders Verbatim) and offlineimap (sep = /) lay them out."""
import os
import re

FLAGS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
# What the programs add of their own to a copy; the rest must be the message, byte for byte.
OWN_HEADERS = re.compile(rb"^(X-TUID|X-OfflineIMAP|X-getmail-retrieved-from-mailbox)[^\n]*\n", re.M)


def make(path):
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(path, part), exist_ok=True)
    return path


def add(path, name, message, flags=""):
    """A message that the user's own program has put there. Maildir files end lines with LF."""
    where = os.path.join(make(path), "cur", f"{name}:2,{flags}")
    with open(where, "wb") as out:
        out.write(message.replace(b"\r\n", b"\n"))


def files(path):
    return [os.path.join(path, part, name) for part in ("cur", "new") for name in os.listdir(os.path.join(path, part))]


def read(file):
    """With LF: offlineimap leaves CRLF in what Python's email package does not take apart."""
    with open(file, "rb") as text:
        return OWN_HEADERS.sub(b"", text.read().replace(b"\r\n", b"\n"))


def flags(file):
    letters = file.rpartition(":2,")[2] if ":2," in file else ""
    return {FLAGS[letter] for letter in letters if letter in FLAGS}


def messages(path):
    """Sorted [(bytes with LF, sorted flags)]."""
    return sorted((read(file), sorted(flags(file))) for file in files(path))


def find(path, text):
    """The one file that holds these bytes."""
    found = [file for file in files(path) if text in read(file)]
    assert len(found) == 1, (text, found)
    return found[0]


def reflag(file, letters):
    folder, name = os.path.split(file)
    target = os.path.join(os.path.dirname(folder), "cur", name.partition(":2,")[0] + ":2," + "".join(sorted(letters)))
    os.rename(file, target)
    return target


def on_server(imap, mailbox):
    """The same of a mailbox: lines end with LF, keywords left out (Maildir here has none)."""
    return sorted((OWN_HEADERS.sub(b"", body.replace(b"\r\n", b"\n")), sorted(f for f in flagged if f in FLAGS.values()))
                  for flagged, body in imap.messages(mailbox).values())


def assert_same(imap, root, mailboxes):
    for name in mailboxes:
        here, there = messages(os.path.join(root, name)), on_server(imap, name)
        only_here, only_there = ([m for m in a if m not in b] for a, b in ((here, there), (there, here)))
        assert (only_here, only_there) == ([], []), name
        assert here == there, name
