"""offlineimap3: the same round trip as mbsync."""
import os

import client
import loft
import pytest
import roundtrip

client.needs("offlineimap")

# What offlineimap cannot copy as it is, because it takes mail apart with Python's email package: raw 8-bit headers (it fails),
# broken multiparts (written in another way than read).
BROKEN = (11, 12, 26, 27)

CONFIG = """
[general]
accounts = loft
metadata = {home}/metadata
ui = basic
socktimeout = 60

[Account loft]
localrepository = here
remoterepository = there
{account}

[Repository here]
type = Maildir
localfolders = {root}
sep = /
utf8foldernames = no

[Repository there]
type = IMAP
remotehost = localhost
remoteuser = {user}
remotepass = {password}
remoteport = {port}
{security}
maxconnections = 3
"""
TLS = "ssl = yes\nsslcacertfile = {ca}"
STARTTLS = "ssl = no\nstarttls = yes\nsslcacertfile = {ca}"
PLAIN = "ssl = no\nstarttls = no"


def configure(home, server, user, security=TLS, account=""):
    root = os.path.join(str(home), "Mail")
    port = server.imaps_port if security == TLS else server.imap_port
    config = home.write("offlineimaprc", CONFIG.format(home=home, root=root, user=user, password=loft.PASSWORD, port=port,
                                                       security=security.format(ca=home.ca), account=account))

    def sync():
        done = home.run("offlineimap", "-o", "-c", config)
        assert "ERROR" not in done.text, done.text
        return done
    return root, sync


@pytest.mark.parametrize("security", [TLS, STARTTLS, PLAIN], ids=["TLS", "STARTTLS", "plain"])
def test_offlineimap_syncs_both_ways_and_then_has_nothing_to_do(imap, server, user, home, security):
    roundtrip.fill(imap, BROKEN)
    root, sync = configure(home, server, user, security)

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


def test_offlineimap_keeps_what_it_knows_across_a_restart_of_the_server(tls_options, home):
    with loft.Loft(tls_options) as own:
        user = own.add_user("anna@example.org")
        with client.Imap(own, user) as imap:
            roundtrip.fill(imap, BROKEN)
            root, sync = configure(home, own, user)
            sync()
            known = roundtrip.validities(imap)
        own.restart()
        before = roundtrip.snapshot(root)
        done = sync()
        assert "UIDVALIDITY" not in done.text
        assert roundtrip.snapshot(root) == before
        with client.Imap(own, user) as imap:
            assert roundtrip.validities(imap) == known
