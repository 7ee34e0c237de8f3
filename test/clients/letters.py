"""Messages as real mail looks, one of each kind that clients and transfer agents treat differently. Bytes, with CRLF."""
import base64

HEAD = (
    "Received: from mail.example.com (mail.example.com [192.0.2.7])\n"
    "\tby mx.example.org (Postfix) with ESMTPS id 4XyZ{n:03}\n"
    "\tfor <anna@example.org>; Mon, 03 Mar 2025 10:{n:02}:00 +0100 (CET)\n"
    "From: {sender}\n"
    "To: Anna <anna@example.org>\n"
    "Subject: {subject}\n"
    "Date: Mon, 03 Mar 2025 10:{n:02}:00 +0100\n"
    "Message-ID: <letter-{n}@mail.example.com>\n"
)
BERND = "Bernd Beispiel <bernd@example.com>"


def wrapped(data):
    text = base64.b64encode(data).decode()
    return "\n".join(text[i:i + 76] for i in range(0, len(text), 76)) + "\n"


def plain(text, headers="", sender=BERND):
    return lambda n, subject: HEAD.format(n=n, subject=subject, sender=sender) + headers + "\n" + text


def mime(kind, *parts, headers=""):
    """Parts are whole entities: headers, empty line, content."""
    def make(n, subject):
        boundary = f"=_part-{n}-{kind}"
        head = HEAD.format(n=n, subject=subject, sender=BERND) + headers + "MIME-Version: 1.0\n" + \
            f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n'
        return head + "This is a multi-part message in MIME format.\n\n" + \
            "".join(f"--{boundary}\n{part}\n" for part in parts) + f"--{boundary}--\n"
    return make


TEXT = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße aus Köln, und ein Anhang.\n"
HTML = ("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
        "<html><body><p>Gr=C3=BC=C3=9Fe aus <b>K=C3=B6ln</b></p></body></html>\n")
PICTURE = bytes(range(256)) * 24
PNG = ('Content-Type: image/png; name="picture.png"\nContent-Transfer-Encoding: base64\nContent-ID: <picture@example.com>\n'
       'Content-Disposition: attachment; filename="picture.png"\n\n' + wrapped(PICTURE))
NAMED = ("Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
         "Content-Disposition: attachment; filename*0*=utf-8''%C3%9Cbersicht; filename*1*=%20M%C3%A4rz.pdf\n\n" + wrapped(b"%PDF-1.4 ..."))
MIME_8BIT = "MIME-Version: 1.0\nContent-Type: text/plain; charset={}\nContent-Transfer-Encoding: 8bit\n"
INNER = ("Content-Type: message/rfc822\n\nFrom: Carla <carla@example.net>\nTo: bernd@example.com\nSubject: inner\n"
         "Date: Sun, 02 Mar 2025 09:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=inner\n\n"
         "--inner\nContent-Type: text/plain\n\ninner text\n--inner\n" + HTML + "--inner--\n")
REPORT = ("Content-Type: message/delivery-status\n\nReporting-MTA: dns; mail.example.com\n\n"
          "Final-Recipient: rfc822; nobody@example.com\nAction: failed\nStatus: 5.1.1\n")

# subject as it stands in the header, and the maker
KINDS = [
    ("plain text", plain("Hello Anna,\n\nsee you on Monday.\n\n-- \nBernd\n")),
    ("no body at all", plain("")),
    ("no line end at the end", lambda n, s: plain("the last line ends without one")(n, s)),
    ("lines that begin with dots", plain(".\n..\n...\n.dot\n. \nend\n")),
    ("lines that look like mbox", plain("From here on\n>From there\nFrom anna@example.org Mon Mar  3 10:00:00 2025\n")),
    ("empty lines around", plain("\n\n\n  indented\n\n\n")),
    ("a long line", plain("x" * 900 + "\n" + "word " * 180 + "\n")),
    ("tabs\tand  blanks", plain("a\tb\n \n\t\n  trailing   \n")),
    ("=?UTF-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=", plain("Grüße\n", MIME_8BIT.format("utf-8"))),
    ("=?ISO-8859-1?Q?8-bit_latin1:_Gr=FC=DFe?=", plain("Gr\udcfc\udcdfe\n", MIME_8BIT.format("iso-8859-1"))),
    ("=?UTF-8?B?5pel5pys6Kqe44Gu5Lu25ZCN?=", plain("日本語の本文\n", MIME_8BIT.format("utf-8"))),
    ("raw 8-bit subject: Gr\udcfc\udcdfe", plain("Header without charset.\n")),
    ("raw UTF-8 header: Grüße 🎉", plain("🎉\n", MIME_8BIT.format("utf-8"), sender="Jürgen <jürgen@example.com>")),
    ("a subject that is long enough to be\n folded over\n\tthree lines", plain("folded\n")),
    ("Re: a thread", plain("> Hello\nHi!\n", "In-Reply-To: <letter-0@mail.example.com>\nReferences: <letter-0@mail.example.com>\n")),
    ("groups", plain("hi\n", "Cc: friends: anna@example.org, \"Smith, John (x)\" <john@example.net>;, undisclosed-recipients:;\n")),
    ("format flowed", plain("This is \nflowed text. \nend\n", 'MIME-Version: 1.0\nContent-Type: text/plain; format=flowed; delsp="yes"\n')),
    ("alternative", mime("alternative", TEXT, HTML)),
    ("mixed with a picture", mime("mixed", TEXT, PNG)),
    ("related", mime("related", HTML, PNG)),
    ("attachment with a name by RFC 2231", mime("mixed", TEXT, NAMED)),
    ("forwarded message", mime("mixed", TEXT, INNER)),
    ("digest", mime("digest", INNER, INNER)),
    ("report", mime("report", TEXT, REPORT, headers="Auto-Submitted: auto-replied\n")),
    ("many headers", plain("body\n", "".join(f"X-Header-{i}: value {i} of many\n" for i in range(120)))),
    ("list mail", plain("body\n", "List-Id: Loft <loft.example.org>\nList-Unsubscribe: <mailto:x@example.org>\nPrecedence: list\n")),
    ("boundary that is never closed", plain("--open\nContent-Type: text/plain\n\ntext\n", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=open\n")),
    ("multipart without boundary", plain("text\n", "MIME-Version: 1.0\nContent-Type: multipart/mixed\n")),
    ("large", mime("mixed", TEXT, "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n" + wrapped(PICTURE * 50))),
    ("unknown encoding", plain("body\n", "MIME-Version: 1.0\nContent-Type: text/x-unknown; charset=x-none\nContent-Transfer-Encoding: x-uue\n")),
]


def letter(n):
    subject, make = KINDS[n % len(KINDS)]
    return make(n, subject).encode("utf-8", "surrogateescape").replace(b"\n", b"\r\n")


def letters():
    return [letter(n) for n in range(len(KINDS))]
