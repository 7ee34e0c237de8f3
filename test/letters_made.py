"""Letters whose text is known from how they are made: nothing is decoded to know it."""
import base64
import quopri
import random

import search_oracle

WORDS = (
    "alpha beta gamma delta invoice Rechnung meeting tomorrow budget figures straße STRASSE naïve café Ärger Übung "
    "cat concatenate category the then there cab abc abcd xyz re fwd note42 2024 3com foo_bar don't e-mail "
    "anna@example.org bob.smith@mail.example.net https://example.org/a?b=c 日本語 東京都 検索エンジン 한국어 "
    "привет Москва мир ελληνικά Σίσυφος สวัสดี ﬁnance Å 5km "
    "pneumonoultramicroscopicsilicovolcanoconiosis-and-more aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"
).split()
CHARSETS = {"us-ascii": 1, "utf-8": 8, "iso-8859-1": 3, "iso-2022-jp": 1, "koi8-r": 1, "windows-1252": 2}


class Letter:
    def __init__(self, raw, message):
        self.raw, self.message = raw, message


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def words(self, count, charset="utf-8"):
        out = []
        while len(out) < count:
            word = self.rng.choice(WORDS)
            if self.rng.randrange(3) == 0:
                word = "".join(self.rng.choice("abcdefghijklmnop") for _ in range(self.rng.randrange(1, 9)))
            try:
                word.encode(charset)
                out.append(word)
            except UnicodeEncodeError:
                out.append("plain")
        return out

    def prose(self, charset):
        """Lines of words with what stands between words."""
        lines = []
        for _ in range(self.rng.randrange(1, 12)):
            words = self.words(self.rng.randrange(1, 10), charset)
            lines.append("".join(w + self.rng.choice((" ", " ", " ", ", ", ". ", "-", "/", "  ")) for w in words).rstrip())
        return "".join(line + "\r\n" for line in lines)

    def encoded_word(self, text):
        if text.isascii():
            return text
        kind = self.rng.randrange(2)
        raw = text.encode()
        if kind:
            return "=?utf-8?B?" + base64.b64encode(raw).decode() + "?="
        return "=?utf-8?Q?" + "".join(chr(b) if chr(b).isalnum() and b < 128 else f"={b:02X}" for b in raw) + "?="

    def field(self, name, text, shown=None):
        """(line, name, folded value)."""
        return f"{name}: {shown if shown is not None else text}\r\n", name.lower(), search_oracle.fold(text)

    def address(self):
        first, last = (w for w in self.words(2))
        shown = f"{self.encoded_word(self.ascii_name(first))} <{self.rng.choice('abcdef')}{self.rng.randrange(40)}@example.org>"
        return shown, shown

    @staticmethod
    def ascii_name(word):
        return "".join(c for c in word if c.isascii() and c.isalnum()) or "name"

    def subject(self):
        words = [w for w in self.words(self.rng.randrange(1, 6)) if len(w) < 30] or ["short"]
        text = " ".join(words)
        if text.isascii():
            return self.field("Subject", text)
        return self.field("Subject", text, "\r\n ".join(self.cut_words(text)))

    @staticmethod
    def cut_words(text):
        """Several encoded-words, which are one text: RFC 2047, 6.2."""
        return ["=?utf-8?B?" + base64.b64encode(text[i : i + 8].encode()).decode() + "?=" for i in range(0, len(text), 8)]

    def text_part(self):
        """(header fields, raw body, folded texts of the body)."""
        charset = self.rng.choices(list(CHARSETS), list(CHARSETS.values()))[0]
        text = self.prose(charset)
        raw = text.encode(charset)
        html = charset == "utf-8" and self.rng.randrange(4) == 0
        if html:
            text = " ".join(self.words(12))
            marked = text.replace("&", "&amp;").replace("<", "&lt;").split(" ")
            # No tags but in the midst of a line: those of blocks are white space, and how much is no matter here.
            raw = " ".join(f"<b>{w}</b>" if self.rng.randrange(3) == 0 and i not in (0, len(marked) - 1) else w for i, w in enumerate(marked)).encode()
        fields = [self.field("Content-Type", f"text/{'html' if html else 'plain'}; charset={charset}")]
        how = self.rng.randrange(3) if not raw.isascii() or b"\x1b" not in raw else 0
        if how == 1 or (how == 0 and html):
            fields.append(self.field("Content-Transfer-Encoding", "base64"))
            raw = base64.encodebytes(raw).replace(b"\n", b"\r\n")
        elif how == 2:
            fields.append(self.field("Content-Transfer-Encoding", "quoted-printable"))
            raw = quopri.encodestring(raw.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        else:
            fields.append(self.field("Content-Transfer-Encoding", "8bit"))
        return fields, raw, text

    def attachment(self):
        name = self.rng.choice(["report2024.pdf", "figures-q3.xlsx", "holiday photo.jpeg", "Cv.docx"])
        fields = [
            self.field("Content-Type", f'application/octet-stream; name="{name}"'),
            self.field("Content-Transfer-Encoding", "base64"),
            self.field("Content-Disposition", f'attachment; filename="{name}"'),
        ]
        return fields, base64.encodebytes(self.rng.randbytes(60)).replace(b"\n", b"\r\n"), None

    def letter(self, depth=0):
        """(raw, fields of the header, texts of the body as bytes)."""
        head = [self.field("From", *self.address()), self.field("To", *self.address()), self.subject()]
        if self.rng.randrange(3) == 0:
            head.append(self.field("Cc", *self.address()))
        if self.rng.randrange(6) == 0:
            head.append(self.field("X-Tag", " ".join(w for w in self.words(3) if w.isascii()) or "none"))
        head.append(self.field("MIME-Version", "1.0"))
        kinds = self.rng.choice((["text"], ["text"], ["text", "text"], ["text", "file"], ["text", "letter"])) if depth < 2 else ["text"]
        if kinds == ["text"]:
            fields, raw, text = self.text_part()
            return self.joined(head + fields, raw), head + fields, [search_oracle.fold(text).encode()]
        boundary = f"b{self.rng.randrange(10**9)}"
        head.append(self.field("Content-Type", f'multipart/mixed; boundary="{boundary}"'))
        raw, texts = b"", []
        for kind in kinds:
            part, told = self.part(kind, depth)
            raw += b"--" + boundary.encode() + b"\r\n" + part + b"\r\n"
            texts += told
        return self.joined(head, raw + b"--" + boundary.encode() + b"--\r\n"), head, texts

    def part(self, kind, depth):
        if kind == "letter":
            fields = [self.field("Content-Type", "message/rfc822")]
            inner, inner_head, texts = self.letter(depth + 1)
            return self.joined(fields, inner), self.lines(fields) + self.lines(inner_head) + texts
        fields, raw, text = self.text_part() if kind == "text" else self.attachment()
        return self.joined(fields, raw), self.lines(fields) + ([search_oracle.fold(text).encode()] if text is not None else [])

    @staticmethod
    def joined(fields, body):
        return "".join(f[0] for f in fields).encode() + b"\r\n" + body

    @staticmethod
    def lines(fields):
        return [f"{name}: {value}".encode() for _, name, value in fields]


def letters(count, seed):
    maker = Maker(seed)
    out = []
    for _ in range(count):
        raw, head, texts = maker.letter()
        fields = [(name, value.encode()) for _, name, value in head]
        out.append(Letter(raw, search_oracle.Message(fields, maker.lines(head), texts)))
    return out
