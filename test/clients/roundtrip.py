"""The story that every synchronizing client must live through, told once for all of them."""
import os

import letters
import maildir

MAILBOXES = ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash", "Work", "Work/2024", "Work/2025"]



def fill(imap, leave_out=()):
    """Mail of all kinds with flags and dates, in a tree of mailboxes."""
    for name in ("Work", "Work/2024", "Work/2025"):
        imap.ok("create", name)
    for n in sorted(set(range(len(letters.KINDS))) - set(leave_out)):
        flags = ["", "\\Seen", "\\Seen \\Flagged", "\\Answered \\Seen", "\\Draft"][n % 5]
        name = ["INBOX", "Work", "Work/2024"][n % 3]
        imap.put(letters.letter(n), name, flags, f'"{n + 1:02}-Mar-2025 08:15:00 +0100"')


def change_both_sides(imap, root):
    """New mail, new flags and deletions here and there. Returns the number of messages that must then be in each mailbox."""
    sizes = {name: len(imap.messages(name)) for name in MAILBOXES}
    inbox, work = os.path.join(root, "INBOX"), os.path.join(root, "Work")

    imap.put(b"Subject: new on the server\r\n\r\nserver\r\n", "INBOX", "\\Flagged")
    maildir.add(os.path.join(root, "Work/2025"), "1700000000.1.here", b"Subject: new at home\r\n\r\nhome\r\n", "FS")
    maildir.add(inbox, "1700000000.2.here", b"Subject: also new\r\n\r\n.\r\nhome\r\n", "")
    sizes["INBOX"] += 2
    sizes["Work/2025"] += 1

    first, second, third = sorted(imap.messages("INBOX"))[:3]
    imap.store("INBOX", str(first), "+FLAGS", "\\Answered \\Flagged")
    imap.store("INBOX", str(second), "-FLAGS", "\\Draft \\Seen \\Flagged \\Answered")
    imap.remove("INBOX", str(third))
    sizes["INBOX"] -= 1

    maildir.reflag(maildir.find(work, b"Subject: no body at all"), "FRS")
    os.remove(maildir.find(work, b"Subject: lines that look like mbox"))
    sizes["Work"] -= 1
    return sizes


def assert_settled(imap, root, sizes):
    assert {name: len(imap.messages(name)) for name in sizes} == sizes
    maildir.assert_same(imap, root, sizes)


def validities(imap):
    return {name: imap.count(name, "UIDVALIDITY") for name in MAILBOXES}


def snapshot(root):
    """Every file below, and its bytes: equal before and after a run that had nothing to do."""
    return {os.path.join(folder, name): open(os.path.join(folder, name), "rb").read()
            for folder, _, names in os.walk(root) for name in names}
