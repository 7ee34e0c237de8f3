"""RFC 5256 in plain Python, from the text of messages, to compare the server with. Message-IDs stay strings here, nothing is cached."""
import email.header
import email.utils
import re


class Message:
    def __init__(self, number, raw, arrival):
        header = raw.split(b"\r\n\r\n", 1)[0].decode("utf-8", "surrogateescape")
        self.number, self.arrival, self.size = number, arrival, len(raw)
        self.fields = {}
        for name, value in re.findall(r"^([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)", header, re.M):
            self.fields.setdefault(name.lower(), value.replace("\r\n", "").strip())
        parsed = email.utils.parsedate_tz(self.fields.get("date", ""))
        self.sent = email.utils.mktime_tz(parsed) if parsed else arrival
        self.subject, self.is_reply = base_subject(self.fields.get("subject", ""))
        ids = message_ids(self.fields.get("message-id", ""))
        self.id = ids[0] if ids else None
        self.references = message_ids(self.fields.get("references", "")) or message_ids(self.fields.get("in-reply-to", ""))[:1]


def message_ids(text):
    return [i.replace('"', "") for i in re.findall(r"<([^>]+)>", text)]


def decoded(text):
    try:
        return str(email.header.make_header(email.header.decode_header(text)))
    except (LookupError, UnicodeError, email.errors.HeaderParseError):
        return text


def base_subject(raw):
    """RFC 5256, 2.1: (base subject in lower case, was anything of a reply or forward removed?)"""
    s, reply = re.sub(r"[ \t]+", " ", decoded(raw)).lower(), False
    blob = r"\[[^\[\]]*\][ ]*"
    while True:
        while True:  # (2)
            cut = re.sub(r"(\(fwd\)|[ ])$", "", s)
            if cut == s:
                break
            reply = reply or s.endswith(")")
            s = cut
        while True:  # (3) to (5)
            before = s
            m = re.match(rf"((?:{blob})*(?:re|fwd?)[ ]*(?:{blob})?:|[ ])", s)
            if m:
                reply = reply or m.group(1) != " "
                s = s[m.end() :]
            m = re.match(blob, s)
            if m and len(s) > m.end():
                s = s[m.end() :]
            if s == before:
                break
        if not (s.startswith("[fwd:") and s.endswith("]")):  # (6)
            return s, reply
        s, reply = s[5:-1], True


class Node:
    def __init__(self, message=None):
        self.message, self.parent, self.children = message, None, []

    def adopt(self, child):
        if child.parent:
            child.parent.children.remove(child)
        child.parent = self
        self.children.append(child)

    def leave(self):
        self.parent.children.remove(self)
        self.parent = None

    def is_below(self, other):
        node = self
        while node:
            if node is other:
                return True
            node = node.parent
        return False

    def key(self):
        m = (self if self.message else self.children[0]).message
        return m.sent, m.number

    def everything(self):
        stack, out = [self], []
        while stack:
            node = stack.pop()
            out.append(node)
            stack += node.children
        return out


def sort_tree(root):
    for node in reversed(root.everything()):  # everything() names parents before their children
        node.children.sort(key=Node.key)


def link(messages):
    by_id, own = {}, {}
    for m in messages:
        own[m.number] = Node(m)
        if m.id:
            by_id.setdefault(m.id, own[m.number])
    for m in messages:
        chain = [by_id.setdefault(i, Node()) for i in m.references]
        for parent, child in zip(chain, chain[1:]):
            if not child.parent and not parent.is_below(child):
                parent.adopt(child)
        me = own[m.number]
        if me.parent:
            me.leave()
        if chain and not chain[-1].is_below(me):
            chain[-1].adopt(me)
    root = Node()
    for node in list(own.values()) + list(by_id.values()):
        if not node.parent and node is not root:
            root.adopt(node)
    return root


def prune(root):
    for node in reversed(root.everything()):
        if node is root or node.message:
            continue
        if not node.children or node.parent is not root or len(node.children) == 1:
            for child in list(node.children):
                node.parent.adopt(child)
            node.leave()


def merge_subjects(root):
    def subject(node):
        return (node if node.message else node.children[0]).message.subject

    def is_reply(node):
        return bool(node.message) and node.message.is_reply

    table = {}
    for node in root.children:
        if not subject(node):
            continue
        old = table.get(subject(node))
        if not old or (old.message and (not node.message or (is_reply(old) and not is_reply(node)))):
            table[subject(node)] = node
    for node in list(root.children):
        if node.parent is not root or not subject(node) or table[subject(node)] is node:
            continue
        old = table[subject(node)]
        if not old.message and not node.message:
            for child in list(node.children):
                old.adopt(child)
            node.leave()
        elif not old.message or (is_reply(node) and not is_reply(old)):
            old.adopt(node)
        else:
            dummy = Node()
            root.adopt(dummy)
            dummy.adopt(old)
            dummy.adopt(node)
            table[subject(dummy)] = dummy


def threads(messages, algorithm):
    """The text behind "* THREAD "."""
    if algorithm == "ORDEREDSUBJECT":
        root, heads = Node(), {}
        for m in sorted(messages, key=lambda m: (m.subject, m.sent, m.number)):
            node = Node(m)
            heads.setdefault(m.subject, root).adopt(node)
            if heads[m.subject] is root:
                heads[m.subject] = node
        sort_tree(root)
        return write(root)
    root = link(messages)
    prune(root)
    sort_tree(root)
    if algorithm == "REFERENCES":
        merge_subjects(root)
        sort_tree(root)
    else:
        root.children.sort(key=lambda n: (max(x.message.arrival for x in n.everything() if x.message), n.key()[1]))
    return write(root)


def write(root):
    def one(node):
        out = []
        while True:
            if node.message:
                out.append(str(node.message.number))
            if len(node.children) != 1:
                break
            node = node.children[0]
        text = " ".join(out)
        if node.children:
            text += (" " if out else "") + "".join(one(c) for c in node.children)
        return f"({text})"

    return "".join(one(c) for c in root.children)


def first_address(text):
    """(name, mailbox@host) of the first address."""
    found = email.utils.getaddresses([text])
    return found[0] if found else ("", "")


def sort_value(m, key):
    def address(field, display):
        name, address = first_address(m.fields.get(field, ""))
        value = decoded(name) or address if display else address.rsplit("@", 1)[0]
        return value.upper()

    return {
        "ARRIVAL": lambda: m.arrival,
        "SIZE": lambda: m.size,
        "DATE": lambda: m.sent,
        "SUBJECT": lambda: m.subject.upper(),
        "FROM": lambda: address("from", False),
        "TO": lambda: address("to", False),
        "CC": lambda: address("cc", False),
        "DISPLAYFROM": lambda: address("from", True),
        "DISPLAYTO": lambda: address("to", True),
    }[key]()


def order(messages, criteria):
    """Numbers; criteria as [(key, reverse)]."""
    out = sorted(messages, key=lambda m: m.number)
    for key, reverse in reversed(criteria):
        out.sort(key=lambda m: sort_value(m, key), reverse=reverse)  # stable, in reverse too
    return [m.number for m in out]
