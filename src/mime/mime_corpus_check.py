#!/usr/bin/python3
"""Compare what mime_dump sees of real mail with Python's email package.

usage: mime_corpus_check.py MIME_DUMP [-v] [CORPUS]
CORPUS is the folder of LOFT_CORPUS (packed, *.tar.zst) or a folder of message files. Exit status 77 (skipped) when there is none.
Compared: number, depth and type of parts, and the size of leaf bodies, where Python found no defect in the message.
"""
import collections
import email
import json
import os
import subprocess
import sys
import tempfile

SKIPPED = 77
# Real mail on which both parsers are within their rights: more than this share is a fault of ours.
TOLERATED_SHARE = 0.005


def unpack(corpus, folder):
    for name in sorted(os.listdir(corpus)):
        path = os.path.join(corpus, name)
        if name.endswith(".tar.zst"):
            with subprocess.Popen(["zstd", "-dc", path], stdout=subprocess.PIPE) as zstd:
                subprocess.run(["tar", "-x", "-C", folder], stdin=zstd.stdout, check=True)
        elif name.endswith(".zst"):
            subprocess.run(["zstd", "-qdo", os.path.join(folder, name[:-4]), path], check=True)
        elif os.path.isdir(path):
            subprocess.run(["cp", "-r", path, folder], check=True)
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)


def files_under(folder):
    return [os.path.join(base, name) for base, _, names in os.walk(folder) for name in names]


def python_tree(message, depth, out):
    """Preorder (depth, type, encoded size or None), in our terms: see structure.h."""
    kind = message.get_content_type()
    is_message = kind in ("message/rfc822", "message/global")
    children = message.get_payload() if isinstance(message.get_payload(), list) else []
    if kind.startswith("multipart/") and not children:
        kind = "text/plain"  # a multipart without parts is shown as a leaf
    if not (kind.startswith("multipart/") or is_message):
        children = []
    size = None
    if not children and not isinstance(message.get_payload(), list):
        # get_payload() would decode charsets: the bytes as sent are only in the attribute
        size = len((message._payload or "").encode("ascii", "surrogateescape"))
    out.append((depth, kind, size))
    for child in children:
        python_tree(child, depth + 1, out)
    return out


def has_defects(message):
    return any(part.defects for part in message.walk())


def compare(line, verbose, tally):
    seen = json.loads(line)
    with open(seen["file"], "rb") as f:
        raw = f.read()
    if not seen["consistent"]:
        tally["inconsistent"] += 1
        print("record and tree differ:", seen["file"])
    try:
        message = email.message_from_bytes(raw)
        theirs = python_tree(message, 1, [])
        defects = has_defects(message)
    except Exception:  # what Python cannot parse it cannot judge
        tally["unjudged"] += 1
        return
    ours = [(p["depth"], (p["type"] + "/" + p["subtype"]).lower(), p["body"][1]) for p in seen["parts"]]
    what = None
    if [t[:2] for t in theirs] != [o[:2] for o in ours]:
        what = "parts"
    elif b"\r" not in raw.replace(b"\r\n", b""):
        if any(t[2] not in (None, o[2]) for t, o in zip(theirs, ours)):
            what = "sizes"
    key = "same" if not what else what + (" (with defects)" if defects else "")
    tally[key] += 1
    if what and verbose:
        print(key, seen["file"], "\n  theirs", theirs[:14], "\n  ours  ", ours[:14])


def main():
    arguments = [a for a in sys.argv[1:] if a != "-v"]
    corpus = arguments[1] if len(arguments) > 1 else os.environ.get("LOFT_CORPUS", "")
    if not corpus or not os.path.isdir(corpus):
        print("LOFT_CORPUS is not set: skipped")
        return SKIPPED
    tally = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        if any(name.endswith(".zst") for name in os.listdir(corpus)):
            unpack(corpus, folder)
        else:
            folder = corpus
        names = "".join(name + "\n" for name in files_under(folder))
        dump = subprocess.run([arguments[0]], input=names.encode(), stdout=subprocess.PIPE, check=False)
        for line in dump.stdout.decode("ascii").splitlines():
            compare(line, "-v" in sys.argv, tally)
    total = sum(tally.values())
    print(dict(tally), "status", dump.returncode)
    differ = tally["parts"] + tally["sizes"]
    return 1 if dump.returncode or tally["inconsistent"] or differ > total * TOLERATED_SHARE else 0


sys.exit(main())
