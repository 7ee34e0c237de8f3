"""mbsync (isync): two-way sync of a tree of mailboxes, over TLS with the certificate checked."""
import os

import client
import loft
import maildir
import pytest
import roundtrip

client.needs("mbsync")

CONFIG = """
IMAPAccount loft
Host localhost
Port {port}
User {user}
Pass "{password}"
{security}
CertificateFile {ca}
Timeout 60
{more}

IMAPStore far
Account loft

MaildirStore near
Path {root}/
Inbox {root}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
"""


def configure(home, server, user, security="SSLType IMAPS", more=""):
    root = os.path.join(str(home), "Mail")
    os.makedirs(root, exist_ok=True)
    port = server.imaps_port if "IMAPS" in security else server.imap_port
    config = home.write("mbsyncrc", CONFIG.format(port=port, user=user, password=loft.PASSWORD, ca=home.ca, root=root,
                                                  security=security, more=more))

    def sync(*options):
        return home.run("mbsync", "-c", config, *options, "all")
    return root, sync


def test_mbsync_syncs_both_ways_and_then_has_nothing_to_do(imap, server, user, home):
    roundtrip.fill(imap)
    root, sync = configure(home, server, user)

    sync()
    sizes = {name: len(imap.messages(name)) for name in roundtrip.MAILBOXES}
    roundtrip.assert_settled(imap, root, sizes)

    sizes = roundtrip.change_both_sides(imap, root)
    sync()
    roundtrip.assert_settled(imap, root, sizes)

    version = imap.count("INBOX", "HIGHESTMODSEQ")
    before = roundtrip.snapshot(root)
    sync()
    assert roundtrip.snapshot(root) == before
    assert imap.count("INBOX", "HIGHESTMODSEQ") == version


def test_mbsync_keeps_what_it_knows_across_a_restart_of_the_server(tls_options, home):
    with loft.Loft(tls_options) as first:
        user = first.add_user("anna@example.org")
        with client.Imap(first, user) as imap:
            roundtrip.fill(imap)
            root, sync = configure(home, first, user)
            sync()
            known = roundtrip.validities(imap)
        first.restart()
        before = roundtrip.snapshot(root)
        sync()
        assert roundtrip.snapshot(root) == before
        with client.Imap(first, user) as imap:
            assert roundtrip.validities(imap) == known


def test_mbsync_makes_and_removes_mailboxes(imap, server, user, home):
    root, sync = configure(home, server, user)
    name = "Reise/K&APY-ln"  # mbsync has the names of the wire in its folders, too
    sync()
    maildir.add(os.path.join(root, name), "1700000000.1.here", b"Subject: far away\r\n\r\n")
    sync()
    assert name in imap.mailboxes()
    assert len(imap.messages(name)) == 1

    imap.remove(name, "1")
    sync()  # it does not take away a mailbox with mail in it
    imap.ok("delete", name)
    sync()
    assert not os.path.exists(os.path.join(root, name, "cur"))


@pytest.mark.parametrize("security, more", [
    ("SSLType STARTTLS", ""),
    ("SSLType STARTTLS", "AuthMechs LOGIN"),
    ("SSLType STARTTLS", "PipelineDepth 1"),
    ("SSLType None", "AuthMechs LOGIN"),
    ("SSLType IMAPS", "DisableExtension LITERAL+ UIDPLUS NAMESPACE MOVE"),
])
def test_mbsync_speaks(imap, server, user, home, security, more):
    imap.put(b"Subject: one\r\n\r\n1\r\n")
    root, sync = configure(home, server, user, security, more)
    sync()
    maildir.add(os.path.join(root, "INBOX"), "1700000000.1.here", b"Subject: two\r\n\r\n2\r\n")
    sync()
    roundtrip.assert_settled(imap, root, {"INBOX": 2})


def test_mbsync_is_told_that_a_password_is_wrong(server, user, home):
    configure(home, server, user)
    config = os.path.join(str(home), "mbsyncrc")
    text = open(config, encoding="utf-8").read().replace(loft.PASSWORD, "wrong")
    done = home.run("mbsync", "-c", home.write("wrongrc", text), "all", ok=(1,))
    assert "AUTHENTICATIONFAILED" in done.text or "failed" in done.text.lower(), done.text
