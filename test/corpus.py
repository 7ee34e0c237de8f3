"""Messages to test with: our own (test/messages), generated ones, and, where LOFT_CORPUS names a folder of mail, all of that too.
A corpus folder holds *.tar.zst, *.eml.zst and folders of single messages, as files."""
import atexit
import os
import random
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MESSAGES = os.path.join(HERE, "messages")
SHARED = os.path.join(HERE, "..", "..", "shared", "corpus")


def corpus_folder():
    """Where the corpus lies, or None."""
    folder = os.environ.get("LOFT_CORPUS") or (SHARED if os.path.isdir(SHARED) else None)
    return folder if folder and os.path.isdir(folder) else None


def to_crlf(raw):
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def generated(count, seed=1):
    """Messages with every shape that matters to sizes and offsets: nested parts, missing ends, all encodings."""
    rng = random.Random(seed)

    def text():
        return "\n".join("x" * rng.randrange(0, 70) for _ in range(rng.randrange(0, 12)))

    def part(depth):
        kind = rng.randrange(6 if depth < 4 else 3)
        if kind == 0:
            return "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nä" + text() + "\n"
        if kind == 1:
            import base64

            body = base64.encodebytes(rng.randbytes(rng.randrange(0, 300))).decode()
            return f"Content-Type: application/octet-stream; name=\"a {rng.random()}.bin\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment\n\n{body}"
        if kind == 2:
            return "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<p>=E4 =\n" + text() + "</p>\n"
        if kind == 3:
            return "Content-Type: message/rfc822\n\n" + message(depth + 1)
        boundary = f"b{rng.randrange(10**9)}"
        parts = "".join(f"\n--{boundary}\n{part(depth + 1)}" for _ in range(rng.randrange(1, 4)))
        end = f"\n--{boundary}--\n" if rng.randrange(5) else ""
        preamble = "preamble\n" if rng.randrange(2) else ""
        subtype = rng.choice(["mixed", "alternative", "related", "digest"])
        return f"Content-Type: multipart/{subtype}; boundary=\"{boundary}\"\n\n{preamble}{parts}{end}"

    def message(depth):
        n = rng.randrange(10**9)
        return f"From: Anna {n} <anna@example.org>\nTo: Björn <b{n}@example.net>\nSubject: number {n}\nDate: Mon, 7 Feb 1994 21:52:25 -0800\nMessage-ID: <{n}@example.org>\nMIME-Version: 1.0\n" + part(depth)

    return [(f"generated/{i}", to_crlf(message(0).encode())) for i in range(count)]


def own():
    out = []
    for name in sorted(os.listdir(MESSAGES)):
        with open(os.path.join(MESSAGES, name), "rb") as f:
            out.append((name, to_crlf(f.read())))
    return out


def _unpack(folder):
    target = tempfile.mkdtemp(prefix="loft-corpus-")
    atexit.register(shutil.rmtree, target, True)
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith(".tar.zst"):
            subprocess.run(f"zstd -dcq '{path}' | tar x -C '{target}'", shell=True, check=True)
        elif name.endswith(".zst"):
            subprocess.run(["zstd", "-dq", path, "-o", os.path.join(target, name[:-4])], check=True)
        elif os.path.isdir(path):
            shutil.copytree(path, os.path.join(target, name))
    return target


def unpack_one(folder, name):
    """The folder of one NAME.tar.zst, unpacked."""
    target = tempfile.mkdtemp(prefix="loft-corpus-")
    atexit.register(shutil.rmtree, target, True)
    subprocess.run(f"zstd -dcq '{os.path.join(folder, name)}.tar.zst' | tar x -C '{target}'", shell=True, check=True)
    return os.path.join(target, name)


def real():
    """(name, bytes with CRLF) of every file of the corpus; an empty file is no message."""
    folder = corpus_folder()
    if not folder:
        return
    top = _unpack(folder)
    for path, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(files):
            if name in ("INDEX.md", "README.md"):
                continue
            with open(os.path.join(path, name), "rb") as f:
                raw = to_crlf(f.read())
            if raw:
                yield os.path.relpath(os.path.join(path, name), top), raw


def every():
    yield from own()
    yield from generated(300)
    yield from real()
