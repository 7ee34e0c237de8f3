"""Every file of test/transcripts is one test; transcript.py says how they are written."""
import glob
import os

import loft
import pytest
import transcript

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transcripts")
FILES = sorted(glob.glob(os.path.join(FOLDER, "**", "*.txt"), recursive=True))


@pytest.mark.parametrize("path", FILES, ids=[os.path.relpath(p, FOLDER) for p in FILES])
def test_transcript(path, request):
    settings, _ = transcript.parse(path)
    if settings:
        with loft.Loft(settings) as own:
            transcript.run_file(own, path, own.add_user("anna@example.org"))
    else:
        transcript.run_file(request.getfixturevalue("server"), path, request.getfixturevalue("user"))
