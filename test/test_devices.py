"""What signs in to an account: loft sessions, loft kick, and the notice of what looks like nobody's."""
import base64
import email
import email.policy
import json
import ssl

import pytest

from imapwire import Imap
from loft import PASSWORD, Loft, wait_until
from test_audit import events

ANNA = "anna@example.org"


class From:
    """The server, as a client at some other address sees it, through a proxy."""

    def __init__(self, server, address):
        self.server, self.address = server, address

    def connect(self):
        s = self.server.connect(self.server.imaps_port)
        family = "TCP6" if ":" in self.address else "TCP4"
        here = "::1" if ":" in self.address else "127.0.0.1"
        s.sendall(f"PROXY {family} {self.address} {here} 40000 993\r\n".encode())
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        return tls.wrap_socket(s)


@pytest.fixture
def server():
    with Loft({"imaps.proxy_protocol": "yes", "devices.notify": "yes"}) as running:
        running.add_user(ANNA)
        yield running


def visit(server, address, client, user=ANNA, password=PASSWORD, first=False, stay=False):
    """Sign in from there with that program, which says so before or after it signs in."""
    c = Imap(From(server, address))
    if first:
        c.ok(f'ID ("name" "{client}")')
    c.ok(f'LOGIN {user} "{password}"')
    if not first and client:
        c.ok(f'ID ("name" "{client}")')
    if stay:
        return c
    c.ok("LOGOUT")
    c.close()


def devices(server, user=ANNA):
    return [(d["client"], d["network"]) for d in server.json("sessions", user)["devices"]]


def inbox(server, address="192.0.2.7"):
    c = visit(server, address, "reader", stay=True)
    untagged = c.ok("EXAMINE INBOX")
    exists = next(int(u.split()[1]) for u in untagged if u.endswith(b"EXISTS"))
    found = []
    for i in range(1, exists + 1):
        raw = c.ok(f"FETCH {i} BODY.PEEK[]")[0]
        found.append(email.message_from_bytes(raw[raw.index(b"\r\n") + 2:-1], policy=email.policy.default))
    c.close()
    return found


def test_sessions_shows_what_is_signed_in_and_what_was(server):
    visit(server, "192.0.2.7", "Thunderbird")
    phone = visit(server, "2001:db8:1:2::3", "Phone", first=True, stay=True)
    shown = server.json("sessions", "Anna@Example.org")
    assert [s["client"] for s in shown["now"]] == ["Phone"]
    assert devices(server) == [("Phone", "2001:db8:1::/48"), ("Thunderbird", "192.0.2.0/24")]
    assert {d["address"] for d in shown["devices"]} == {"192.0.2.7"} | {"2001:db8:1:2::3"}
    text = server.run("sessions", ANNA).stdout.decode()
    assert "Devices of the last 90 d" in text and "Thunderbird" in text
    assert server.run("sessions", "nobody", check=False).returncode == 1
    phone.close()
    # Also after a restart, and without a server.
    server.restart()
    assert sorted(devices(server)) == [("Phone", "2001:db8:1::/48"), ("Thunderbird", "192.0.2.0/24")]
    server.process.terminate()
    server.process.wait()
    shown = server.json("sessions", ANNA)
    assert shown["now"] == [] and len(shown["devices"]) == 2


def test_client_that_never_says_what_it_is_has_a_device_too(server):
    visit(server, "192.0.2.7", "")
    assert devices(server) == [("", "192.0.2.0/24")]


def test_client_that_neither_says_what_it_is_nor_selects_is_noticed_while_it_stays(server):
    visit(server, "192.0.2.7", "Thunderbird")
    c = visit(server, "203.0.113.5", "", stay=True)
    c.socket.sendall(b"i IDLE\r\n")
    wait_until(lambda: events(server, "new-device"))
    assert ("", "203.0.113.0/24") in devices(server)
    assert server.json("sessions", ANNA)["now"]
    c.close()


def test_new_network_with_a_new_client_is_an_event_and_a_message(server):
    visit(server, "192.0.2.7", "Thunderbird")
    visit(server, "198.51.100.1", "Thunderbird")  # the laptop, elsewhere
    visit(server, "192.0.2.9", "Phone", first=True)  # at home
    assert not events(server, "new-device")
    visit(server, "203.0.113.5", "curl\\\" evil")
    found, = events(server, "new-device")
    assert found["user"] == ANNA and found["address"] == "203.0.113.5" and found["network"] == "203.0.113.0/24"
    assert found["client"] == 'curl" evil' and found["notified"] is True
    assert found["tls"] == events(server, "sign-in")[-1]["tls"] and found["tls"].startswith("TLSv1.")
    visit(server, "203.0.113.5", "curl\\\" evil")  # known by now
    assert len(events(server, "new-device")) == 1
    message, = wait_until(lambda: inbox(server))
    assert message["Subject"] == "New sign-in to your mail" and ANNA in message["To"]
    assert message["Auto-Submitted"] == "auto-generated" and message["Date"] and message["Message-ID"]
    body = message.get_content()
    assert "203.0.113.5" in body and 'curl" evil' in body


def test_notices_are_three_a_day_at_most(server):
    visit(server, "192.0.2.7", "Thunderbird")
    for i in range(6):
        visit(server, f"198.51.{i}.1", f"robot{i}")
    assert [e["notified"] for e in events(server, "new-device")] == [True] * 3 + [False] * 3
    wait_until(lambda: len(inbox(server)) == 3)


def test_no_message_unless_it_is_wanted():
    with Loft({"imaps.proxy_protocol": "yes"}) as server:
        server.add_user(ANNA)
        visit(server, "192.0.2.7", "Thunderbird")
        visit(server, "203.0.113.5", "curl")
        assert [e["notified"] for e in events(server, "new-device")] == [False]
        server.restart()
        assert inbox(server) == []


def test_sign_in_of_another_for_the_user_is_no_device_of_the_user():
    with Loft({"imaps.proxy_protocol": "yes", "auth.may_act_for": f"root@example.org: {ANNA}"}) as server:
        server.add_user(ANNA)
        server.add_user("root@example.org")
        visit(server, "192.0.2.7", "Thunderbird")
        c = Imap(From(server, "203.0.113.5"))
        plain = base64.b64encode(f"{ANNA}\0root@example.org\0{PASSWORD}".encode()).decode()
        c.ok(f"AUTHENTICATE PLAIN {plain}")
        c.ok("LOGOUT")
        c.close()
        delegated = events(server, "sign-in")[-1]
        assert (delegated["user"], delegated["by"]) == (ANNA, "root@example.org")
        assert devices(server) == [("Thunderbird", "192.0.2.0/24")]
        wait_until(lambda: [e for e in events(server, "sign-out") if e.get("by") == "root@example.org"])


def gone(client):
    try:
        while client.raw():
            pass
    except (EOFError, ConnectionError):
        return True


def test_kick_by_user_session_address_and_app_password(server):
    server.add_user("bert@example.org")
    made = server.run("user", "app-password", "add", ANNA, "phone", "--json").stdout
    secret = next(v for k, v in json.loads(made).items() if k in ("password", "secret"))
    phone = visit(server, "192.0.2.7", "Phone", password=secret, stay=True)
    laptop = visit(server, "192.0.2.8", "Laptop", stay=True)
    far = visit(server, "2001:db8::1", "Far", stay=True)
    bert = visit(server, "198.51.100.1", "Bert", user="bert@example.org", stay=True)
    last = visit(server, "198.51.100.2", "Last", stay=True)
    assert b"1 session ended" in server.run("kick", ANNA, "--app-password", "phone").stdout
    assert gone(phone)
    assert b"1 session ended" in server.run("kick", "2001:db8::/32").stdout
    assert gone(far)
    assert b"1 session ended" in server.run("kick", "192.0.2.8").stdout
    assert gone(laptop)
    number = next(s["session"] for s in server.json("who") if s["user"] == "bert@example.org")
    assert b"1 session ended" in server.run("kick", str(number)).stdout
    assert gone(bert)
    assert b"1 session ended" in server.run("kick", ANNA).stdout
    assert gone(last)
    assert {d["client"]: d.get("app_password") for d in server.json("sessions", ANNA)["devices"]} == {
        "Phone": "phone", "Laptop": None, "Far": None, "Last": None}
    for args in ((ANNA, "--app-password", "none"), ("10.0.0.0/8",), ("nobody@example.org",), ("4711",)):
        assert server.run("kick", *args, check=False).returncode == 1
    kicks = [e for e in events(server, "admin") if e["command"] == "kick"]
    assert [(e["who"], e.get("name"), e["ok"]) for e in kicks[:2]] == [(ANNA, "phone", True), ("2001:db8::/32", None, True)]
    assert sum(e["ok"] for e in kicks) == 5 and len(kicks) == 9


def test_devices_of_a_deleted_user_are_not_those_of_the_next(server):
    visit(server, "192.0.2.7", "Thunderbird")
    server.run("user", "delete", ANNA, "--yes")
    server.add_user(ANNA)
    assert devices(server) == []


def test_status_counts_sign_ins(server):
    visit(server, "192.0.2.7", "Thunderbird")
    visit(server, "192.0.2.7", "Thunderbird")
    c = Imap(From(server, "192.0.2.7"))
    c.run(f"LOGIN {ANNA} wrong")
    c.close()
    counts = server.json("status")["server"]["sign_ins"]
    assert (counts["ok"], counts["known_good"], counts["failed"], counts["audit_events_lost"]) == (2, 1, 1, 0)
    assert "Sign-ins     2 ok, 1 of them known; 1 failed" in server.run("status").stdout.decode()
