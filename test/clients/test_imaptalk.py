"""Mail::IMAPTalk, the client library for Perl that speaks ACL, QUOTA and METADATA: the scenarios of imaptalk.pl."""
import os
import re
import subprocess

import client
import loft
import pytest

client.needs("perl")

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "imaptalk.pl")
SCENARIOS = re.findall(r"^    (\w+) => sub \{$", open(SCRIPT, encoding="utf-8").read(), re.M)

if subprocess.run(["perl", "-MMail::IMAPTalk", "-e", "1"], capture_output=True, timeout=client.SECONDS).returncode:
    pytest.skip("Mail::IMAPTalk is not installed: script/bootstrap does that", allow_module_level=True)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_imaptalk(server, user, home, scenario):
    other = server.add_user(f"other-{user}")
    home.run("perl", SCRIPT, scenario, LOFT_PORT=str(server.imap_port), LOFT_USER=user, LOFT_OTHER=other, LOFT_PASSWORD=loft.PASSWORD)
