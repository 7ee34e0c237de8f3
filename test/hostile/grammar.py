"""Random IMAP commands: right ones, wrong ones, and right ones with bytes changed. A command is a list of parts: bytes, or Sync (a
literal whose bytes wait for "+")."""
import random

HUGE = ["0", "1", "2", "7", "4294967295", "4294967296", "18446744073709551615", "9223372036854775807", "99999999999999999999999", "-1", "01"]
BOXES = ["INBOX", "inbox", "a", "a/b", "a/b/c", "shared", "x y", "&AOk-", "&", "&&-", "&AAA-", "a//b", "/a", "a/", "*", "%", "", "é", "Entw&APw-rfe",
         "~", "a" * 300, "d/" * 40 + "e", "INBOX/sub", "Sent", "Trash", "\u202e", "NIL", "a\\\"b"]
FLAGS = ["\\Seen", "\\Deleted", "\\Flagged", "\\Draft", "\\Answered", "work", "$Junk", "\\Recent", "\\Bad", "k" * 101, "a(b", "é", "*", "\\*", ""]
ITEMS = ["FLAGS", "UID", "ENVELOPE", "BODYSTRUCTURE", "BODY", "INTERNALDATE", "RFC822.SIZE", "BODY[]", "BODY.PEEK[]", "BODY[1]", "BODY[1.2.3]",
         "BODY[TEXT]", "BODY[HEADER]", "BODY[1.MIME]", "BODY[HEADER.FIELDS (From Subject)]", "BODY.PEEK[HEADER.FIELDS.NOT (To)]", "BODY[]<0.10>",
         "BODY[]<4294967295.1>", "BODY[1]<5.0>", "BINARY[1]", "BINARY.PEEK[1]", "BINARY.SIZE[1]", "BINARY[]", "BINARY.PEEK[1.1]<3.9>", "MODSEQ",
         "EMAILID", "THREADID", "SAVEDATE", "PREVIEW", "PREVIEW (LAZY)", "RFC822", "RFC822.HEADER", "RFC822.TEXT", "ALL", "FAST", "FULL", "BODY[0]",
         "BODY[99999]", "BODY[HEADER.FIELDS ()]", "X", "BODY[1", "BODY[]<1>", "BINARY.SIZE[]", "BODY[1.HEADER]"]
KEYS = ["ALL", "SEEN", "UNSEEN", "DELETED", "KEYWORD work", "UNKEYWORD x", "FROM a", "TO \"b\"", "SUBJECT {4+}\r\ntext", "BODY e", "TEXT \"\"", "HEADER X-Y z",
        "HEADER Subject \"\"", "LARGER 100", "SMALLER 99999999999", "BEFORE 1-Jan-2020", "SENTSINCE 1-Feb-1999", "ON 31-Feb-2001", "OLDER 1", "YOUNGER 100000",
        "MODSEQ 1", "MODSEQ \"/flags/\\\\seen\" all 5", "EMAILID M1", "THREADID T1", "NEW", "OLD", "RECENT", "SAVEDBEFORE 1-Jan-2030", "SAVEDATESUPPORTED", "$", "UID $"]
STATUS = ["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "RECENT", "DELETED", "SIZE", "HIGHESTMODSEQ", "MAILBOXID", "APPENDLIMIT", "X"]
MESSAGES = [
    b"From: a@b.c\r\nSubject: hello\r\n\r\ntext\r\n",
    b"",
    b"\r\n",
    b"no header at all",
    b"From: =?utf-8?q?=C3=A9?= <a@b>\nTo: group: x@y, z@w;\nDate: Mon, 1 Jan 2024 10:00:00 +0100\n\nbody\n",
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--q\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n--q\r\nContent-Type: text/html; charset=utf-16\r\n\r\n<b>x</b>\r\n--q--\r\n",
    b"Content-Type: multipart/mixed; boundary=\"\r\n\r\n--\r\n\r\n--\r\n",
    b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41=\r\n=ZZ  \r\n" * 20,
    b"Subject: \0nul\r\n\r\n\0\xff\xfe",
]


class Sync(bytes):
    """The bytes of a synchronizing literal; they go out after "+"."""


class Grammar:
    def __init__(self, rnd: random.Random):
        self.r = rnd

    def pick(self, *options):
        return self.r.choice(options)

    def some(self, items, low, high):
        return [self.r.choice(items) for _ in range(self.r.randint(low, high))]

    def number(self):
        return self.r.choice(HUGE) if self.r.random() < 0.1 else str(self.r.randint(1, 30))

    def message_set(self):
        out = []
        for _ in range(self.r.choice([1, 1, 1, 2, 3, 30])):
            a, b = self.number(), self.number()
            out.append(self.pick(a, f"{a}:{b}", f"{a}:*", "*", "1:*", "*:*", "$" if self.r.random() < 0.3 else a))
        return ",".join(out)

    def string(self, data):
        """One of the ways to write a string: a list of parts."""
        raw = data.encode() if isinstance(data, str) else data
        ways = ["quoted"] * 3 + ["nonsync", "sync"]
        if raw and all(c > 32 and c < 127 and chr(c) not in '(){%*"\\]' for c in raw):
            ways += ["atom"] * 4
        way = self.r.choice(ways)
        if way == "atom":
            return [raw]
        if way == "quoted" and b"\0" not in raw and b"\r" not in raw and b"\n" not in raw:
            return [b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"']
        if way == "sync":
            return [b"{%d}\r\n" % len(raw), Sync(raw)]
        return [b"{%d+}\r\n" % len(raw) + raw]

    def box(self):
        return self.string(self.r.choice(BOXES[:6]) if self.r.random() < 0.7 else self.r.choice(BOXES))

    def flags(self):
        return "(" + " ".join(self.some(FLAGS[:7] if self.r.random() < 0.8 else FLAGS, 0, 4)) + ")"

    def key(self, depth=0):
        if depth < 6 and self.r.random() < 0.3:
            inner = [self.key(depth + 1) for _ in range(2)]
            return self.pick(f"NOT {inner[0]}", f"OR {inner[0]} {inner[1]}", f"({inner[0]} {inner[1]})")
        return self.message_set() if self.r.random() < 0.2 else self.r.choice(KEYS)

    def command(self):
        """Parts, without tag and without the last CRLF."""
        return getattr(self, "do_" + self.r.choice(self.NAMES))()

    NAMES = (["fetch"] * 6 + ["store"] * 4 + ["append"] * 4 + ["search"] * 3 + ["copy", "select"] * 3 +
             ["simple", "list", "status", "tree", "expunge", "enable", "id", "idle", "notify", "auth", "junk", "nest"] * 2)

    def do_simple(self):
        return [self.pick(b"NOOP", b"CAPABILITY", b"CHECK", b"NAMESPACE", b"CLOSE", b"UNSELECT", b"EXPUNGE", b"noop ", b"NOOP x", b"", b"UID", b"UID NOOP")]

    def do_fetch(self):
        items = self.some(ITEMS, 1, 5)
        text = f"{self.pick('', 'UID ')}FETCH {self.message_set()} " + (items[0] if len(items) == 1 else f"({' '.join(items)})")
        if self.r.random() < 0.2:
            text += f" (CHANGEDSINCE {self.number()}{self.pick('', ' VANISHED')})"
        return [text.encode()]

    def do_store(self):
        unchanged = f"(UNCHANGEDSINCE {self.number()}) " if self.r.random() < 0.2 else ""
        return [f"{self.pick('', 'UID ')}STORE {self.message_set()} {unchanged}{self.pick('+', '-', '')}FLAGS{self.pick('', '.SILENT')} {self.flags()}".encode()]

    def do_append(self):
        parts = [b"APPEND ", *self.box()]
        for _ in range(self.r.choice([1, 1, 1, 2, 5])):
            raw = self.r.choice(MESSAGES)
            if self.r.random() < 0.1:
                raw = raw * 2000
            date = self.pick("", "", ' "01-Jan-2024 10:00:00 +0000"', ' "99-Foo-0000 99:99:99 +9999"')
            parts.append(f" {self.flags()}{date} ".encode())
            tilde = b"~" if b"\0" in raw and self.r.random() < 0.8 else b""
            parts += [tilde + b"{%d}\r\n" % len(raw), Sync(raw)] if self.r.random() < 0.4 else [tilde + b"{%d+}\r\n" % len(raw) + raw]
        return parts

    def do_search(self):
        head = self.pick("", "", "RETURN () ", "RETURN (SAVE) ", "RETURN (MIN MAX COUNT ALL) ", "RETURN (SAVE MIN) ", "CHARSET UTF-8 ", "CHARSET X ", "CHARSET utf-16 ")
        return [f"{self.pick('', 'UID ')}SEARCH {head}{' '.join(self.key() for _ in range(self.r.randint(1, 4)))}".encode()]

    def do_copy(self):
        return [f"{self.pick('', 'UID ')}{self.pick('COPY', 'MOVE')} {self.message_set()} ".encode(), *self.box()]

    def do_select(self):
        parts = [self.pick(b"SELECT ", b"EXAMINE "), *(self.box() if self.r.random() < 0.3 else [self.pick(b"INBOX", b"shared")])]
        if self.r.random() < 0.4:
            n = self.number
            parts.append(self.pick(" (CONDSTORE)", f" (QRESYNC ({n()} {n()}))", f" (QRESYNC ({n()} {n()} {self.message_set()}))",
                                   f" (QRESYNC ({n()} {n()} 1:9 (1,2 3,4)))", " ()").encode())
        return parts

    def do_list(self):
        verb = self.pick("LIST", "LSUB", "LIST (SUBSCRIBED)", "LIST (SPECIAL-USE)", "LIST (SUBSCRIBED RECURSIVEMATCH)", "LIST (REMOTE X)")
        pattern = self.pick("*", "%", '""', '"a/%"', '("*" "%")', '"%/%/%/%*%*%*"', '"*a*b*c*"')
        tail = self.pick("", "", " RETURN (CHILDREN)", " RETURN (SUBSCRIBED STATUS (MESSAGES SIZE))", " RETURN ()")
        return [f'{verb} {self.pick(chr(34) * 2, "a/", "x")} {pattern}{tail}'.encode()]

    def do_status(self):
        return [b"STATUS ", *self.box(), f" ({' '.join(self.some(STATUS, 0, 5))})".encode()]

    def do_tree(self):
        verb = self.pick(b"CREATE", b"DELETE", b"SUBSCRIBE", b"UNSUBSCRIBE", b"RENAME")
        parts = [verb, b" ", *self.box()]
        if verb == b"RENAME":
            parts += [b" ", *self.box()]
        elif verb == b"CREATE" and self.r.random() < 0.2:
            parts.append(self.pick(b" (USE (\\Sent))", b" (USE (\\Bad))", b" ()", b" (USE ())"))
        return parts

    def do_expunge(self):
        return [self.pick("EXPUNGE", f"UID EXPUNGE {self.message_set()}").encode()]

    def do_enable(self):
        return [f"ENABLE {self.pick('CONDSTORE', 'QRESYNC', 'IMAP4rev2', 'X Y', 'QRESYNC IMAP4rev2')}".encode()]

    def do_id(self):
        return [b"ID ", self.pick(b"NIL", b"()", b'("name" "x" "version" NIL)', b'("a" {3+}\r\nb\r\n)', b"(" + b'"x" "y" ' * 40 + b")")]

    def do_idle(self):
        return [b"IDLE\r\n" + self.pick(b"DONE", b"done", b"DONE ", b"NOOP", b"")]

    def do_notify(self):
        messages = ["(MessageNew MessageExpunge)", "(MessageNew MessageExpunge FlagChange)", "(MessageNew)", "NONE", "(AnnotationChange)"]
        names = ["(MailboxName SubscriptionChange)", "(MailboxName MessageNew MessageExpunge)", "(MailboxMetadataChange ServerMetadataChange)", "NONE", "(X)"]
        groups = []
        for _ in range(self.r.choice([1, 1, 2, 3, 70])):
            if self.r.random() < 0.5:
                items = self.pick("", f" ({' '.join(self.some(ITEMS, 0, 3))})")
                groups.append(f"({self.pick('SELECTED', 'SELECTED-DELAYED')} {self.pick(*messages, f'(MessageNew{items} MessageExpunge FlagChange)')})")
            else:
                where = self.pick("INBOXES", "PERSONAL", "SUBSCRIBED", "SUBTREE a", "MAILBOXES (INBOX a/b shared)", "SUBTREE ()", "MAILBOXES *")
                groups.append(f"({where} {self.pick(*messages, *names)})")
        return [f"NOTIFY {self.pick('NONE', 'SET ' + ' '.join(groups), 'SET STATUS ' + ' '.join(groups))}".encode()]

    def do_auth(self):
        return [self.pick(b"LOGIN a b", b"AUTHENTICATE PLAIN =", b"AUTHENTICATE PLAIN\r\n*", b"AUTHENTICATE PLAIN\r\nAAAA", b"AUTHENTICATE X", b"LOGIN {1+}\r\na {1+}\r\nb")]

    def do_junk(self):
        n = self.r.choice([1, 10, 200, 3000])
        return [bytes(self.r.choice(b"abc (){}[]\"\\%*+~\x00\xff1:,$.\t") for _ in range(n))]

    def do_nest(self):
        n = self.r.choice([10, 127, 128, 129, 5000])
        return [self.pick(b"SEARCH " + b"(" * n, b"SEARCH " + b"NOT " * n + b"ALL", b"SEARCH " + b"OR " * n, b"FETCH 1 " + b"(" * n, b"ID " + b"(" * n,
                          b"LIST " + b"(" * n, b"STORE 1 FLAGS " + b"(" * n, b"SEARCH " + b"(" * n + b"ALL" + b")" * n, b"SEARCH " + b" ".join([b"ALL"] * n))]

    def mutate(self, data):
        """Change, drop, double or insert a few bytes."""
        data = bytearray(data)
        for _ in range(self.r.choice([1, 1, 2, 5])):
            at = self.r.randrange(len(data) + 1)
            what = self.r.random()
            if what < 0.3 and at < len(data):
                data[at] = self.r.choice(b"\x00\r\n {}()[]\"\\+~*%0a\xff")
            elif what < 0.5:
                del data[at : at + self.r.randint(1, 5)]
            elif what < 0.7:
                data[at:at] = data[at : at + self.r.randint(1, 40)]
            else:
                data[at:at] = self.pick(b"\r\n", b"\0", b"{5}\r\n", b"{3+}\r\n", b"~{0+}\r\n", b"(", b")", b'"', b"{99999999999+}\r\n", b"{0}\r\n")
        return bytes(data)
