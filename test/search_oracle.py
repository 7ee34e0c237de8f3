"""What a search must find, by looking at all of the text of all messages: knows nothing of the server's search or index.

A Message is its texts as a person sees them, folded: header fields as (name, value), the texts of its body, and figures. Sets of messages
are integers, a bit each. Queries come with the set that they must find."""
import os
import random
import re
import subprocess
import unicodedata

import loft

FIELDS = {"FROM": "from", "TO": "to", "CC": "cc", "BCC": "bcc", "SUBJECT": "subject"}
SYSTEM = ["SEEN", "ANSWERED", "FLAGGED", "DELETED", "DRAFT"]
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
SEPARATOR = b"\0"  # never part of a needle


def fold(text):
    return "".join(unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", c).casefold()) for c in text)


class Message:
    def __init__(self, fields, header_texts, body_texts):
        self.fields = fields  # [(name in lower case, folded value)]
        self.header_texts, self.body_texts = header_texts, body_texts  # bytes each
        self.size, self.day, self.flags = 0, 0, set()


def read_dump(paths, dump=None):
    """Messages of files, decoded by the tool beside the server (which shares its decoder, but nothing that searches)."""
    dump = dump or os.path.join(os.path.dirname(loft.BINARY), "mime", "text_dump")
    out = subprocess.run([dump], input="".join(p + "\n" for p in paths).encode(), stdout=subprocess.PIPE).stdout
    at, messages = 0, []

    def line():
        nonlocal at
        end = out.index(b"\n", at)
        got, at = out[at:end], end + 1
        return got

    while at < len(out):
        assert line().startswith(b"M ")
        fields, header, body = [], [], []
        while (head := line()) != b".":
            kind, rest = head[:1], head[2:]
            name, value_at, count = rest.rsplit(b" ", 2)
            text = out[at : at + int(count)]
            at += int(count) + 1
            (header if kind == b"H" else body).append(text)
            if kind == b"H" and int(value_at):
                fields.append((name.decode("latin-1").lower(), text[int(value_at) :]))
        messages.append(Message(fields, header, body))
    return messages


class Scope:
    """All text of one kind, message after message."""

    def __init__(self, texts_of_messages):
        pieces, self.starts, at = [], [], 0
        for texts in texts_of_messages:
            self.starts.append(at)
            piece = SEPARATOR + SEPARATOR.join(texts) + SEPARATOR
            pieces.append(piece)
            at += len(piece)
        self.starts.append(at)
        self.all = b"".join(pieces)
        self.known = {}

    def find(self, needle):
        if needle not in self.known:
            self.known[needle] = self._find(needle)
        return self.known[needle]

    def _find(self, needle):
        import bisect

        found, at = 0, 0
        while (at := self.all.find(needle, at)) >= 0:
            i = bisect.bisect_right(self.starts, at) - 1
            found |= 1 << i
            at = self.starts[i + 1]
        return found


class Corpus:
    def __init__(self, messages, uids=None):
        self.messages = messages
        self.uids = uids or list(range(1, len(messages) + 1))
        self.everything = (1 << len(messages)) - 1
        self.text = Scope([m.header_texts + m.body_texts for m in messages])
        self.body = Scope([m.body_texts for m in messages])
        self.headers = {}

    def header(self, name):
        if name not in self.headers:
            self.headers[name] = Scope([[v for n, v in m.fields if n == name] for m in self.messages])
        return self.headers[name]

    def has_header(self, name):
        return self.where(lambda m: any(n == name for n, _ in m.fields))

    def where(self, condition):
        found = 0
        for i, m in enumerate(self.messages):
            if condition(m):
                found |= 1 << i
        return found


def numbers(found):
    """The set as sequence numbers, ascending."""
    out, i = [], 0
    data = bin(found)[:1:-1]
    while (i := data.find("1", i)) >= 0:
        i += 1
        out.append(i)
    return out


def quoted(text):
    """A needle on the wire."""
    raw = text if isinstance(text, bytes) else text.encode()
    if raw.isascii() and not re.search(rb'["\\\r\n\0]', raw):
        return b'"' + raw + b'"'
    return b"{%d+}\r\n%b" % (len(raw), raw)


def date_of(day):
    import datetime

    d = datetime.date(1970, 1, 1) + datetime.timedelta(days=day)
    return f"{d.day}-{MONTHS[d.month - 1]}-{d.year}"


class Queries:
    """Random ones, each as (bytes, the set that it finds)."""

    def __init__(self, corpus, seed=1):
        self.corpus, self.rng = corpus, random.Random(seed)
        self.common = [w.encode() for w in ("the", "and", "http", "example", "com", "re:", "a", "e", "1", "subject: ", "text/plain", "@", ".", "->")]

    def needle(self, scope):
        """Something that is in a text, mostly, or nearly so."""
        rng = self.rng
        kind = rng.randrange(12)
        if kind == 0:
            return rng.choice(self.common)
        if kind == 1:
            return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.choice((1, 2, 3, 3, 8)))).encode()
        for _ in range(50):
            i = rng.randrange(len(self.corpus.messages))
            first, last = scope.starts[i], scope.starts[i + 1]
            at = rng.randrange(first, last)
            piece = scope.all[at : min(at + 200, last)].decode("utf-8", "ignore").split("\0")[0]
            got = self.cut(piece, kind)
            if got and fold(got) == got and not re.search("[\0\r\n\ufffd]", got):
                raw = got.encode()
                return raw[:-1] + b"q" if kind == 11 and raw.isascii() else raw
        return b"nowhere"

    def cut(self, piece, kind):
        rng = self.rng
        words = re.findall(r"\w+", piece[1:])[:-1] or re.findall(r"\w+", piece)
        if not words:
            return piece[: rng.randrange(1, 6)].strip("\0")
        word = rng.choice(words)
        if kind in (2, 3, 11):
            return word[:70]
        if kind in (4, 5):  # a part of a word
            at = rng.randrange(len(word))
            return word[at : at + rng.choice((1, 2, 3, 3, 4, 6))]
        if kind == 6:
            return word[-3:]
        if kind in (7, 8):  # two words and what is between them, or parts of them
            m = re.search(r"\w+[^\w\r\n]+\w+", piece[1:])
            phrase = m.group(0) if m else word
            cut = rng.randrange(0, 3)
            return phrase[min(cut, len(phrase) - 1) : len(phrase) - rng.randrange(0, 3)] or phrase
        if kind == 9:
            return piece[: rng.randrange(1, 60)].split("\r")[0]
        return word

    def text_key(self):
        rng, c = self.rng, self.corpus
        kind = rng.randrange(10)
        if kind < 3:
            return self.spelled("BODY", c.body)
        if kind < 6:
            return self.spelled("TEXT", c.text)
        if kind < 9:
            key = rng.choice(list(FIELDS))
            return self.spelled(key, c.header(FIELDS[key]))
        message = rng.choice(c.messages)
        names = [n for n, _ in message.fields if re.fullmatch(r"[a-z0-9-]+", n)] or ["subject"]
        name = rng.choice(names)
        if rng.randrange(4) == 0:
            return b'HEADER %b ""' % name.encode(), c.has_header(name)
        return self.spelled(f"HEADER {name}", c.header(name))

    def spelled(self, key, scope):
        needle = self.needle(scope)
        shown = needle.upper() if needle.isascii() and self.rng.randrange(3) == 0 else needle
        return key.encode() + b" " + quoted(shown), scope.find(needle)

    def row_key(self):
        rng, c = self.rng, self.corpus
        kind = rng.randrange(6)
        if kind == 0:
            flag = rng.choice(SYSTEM)
            found = c.where(lambda m: flag in m.flags)
            return (flag.encode(), found) if rng.randrange(2) else (b"UN" + flag.encode(), c.everything ^ found)
        if kind == 1:
            found = c.where(lambda m: "$label" in m.flags)
            return (b"KEYWORD $label", found) if rng.randrange(2) else (b"UNKEYWORD $label", c.everything ^ found)
        if kind == 2:
            size = rng.choice(c.messages).size
            return (b"LARGER %d" % size, c.where(lambda m: m.size > size)) if rng.randrange(2) else (b"SMALLER %d" % size, c.where(lambda m: m.size < size))
        if kind == 3:
            day = rng.choice(c.messages).day
            word = rng.choice(["BEFORE", "ON", "SINCE"])
            keep = {"BEFORE": lambda m: m.day < day, "ON": lambda m: m.day == day, "SINCE": lambda m: m.day >= day}[word]
            return f"{word} {date_of(day)}".encode(), c.where(keep)
        count = len(c.messages)
        first, last = sorted((rng.randrange(1, count + 1), rng.randrange(1, count + 1)))
        between = ((1 << (last - first + 1)) - 1) << (first - 1)
        if kind == 5:
            return b"UID %d:%d" % (c.uids[first - 1], c.uids[last - 1]), between
        return b"%d:%d" % (first, last), between

    def key(self, depth=0):
        rng = self.rng
        kind = rng.randrange(12 if depth < 4 else 7)
        if kind < 5:
            return self.text_key()
        if kind < 7:
            return self.row_key()
        a, in_a = self.key(depth + 1)
        if kind < 9:
            return b"NOT " + a, self.corpus.everything ^ in_a
        b, in_b = self.key(depth + 1)
        if kind < 11:
            return b"OR " + a + b" " + b, in_a | in_b
        return b"(" + a + b" " + b + b")", in_a & in_b

    def query(self):
        query, found = self.key()
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            more, too = self.key(1)
            query, found = query + b" " + more, found & too
        return query, found
