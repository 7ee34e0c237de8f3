"""imapflow, the client library for Node.js: the scenarios of imapflow.mjs."""
import os
import re
import subprocess

import client
import loft
import pytest

client.needs("node")

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "imapflow.mjs")
SCENARIOS = re.findall(r"^    async (\w+)\(\) \{$", open(SCRIPT, encoding="utf-8").read(), re.M)

NODE = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=client.SECONDS, check=True).stdout
if int(re.match(r"v(\d+)", NODE).group(1)) < 20:
    pytest.skip(f"imapflow needs Node.js 20; this is {NODE}", allow_module_level=True)
if not os.path.isdir(os.path.join(HERE, "node_modules", "imapflow")):
    pytest.skip("imapflow is not installed: script/bootstrap does that", allow_module_level=True)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_imapflow(server, user, home, scenario):
    home.run("node", SCRIPT, scenario, LOFT_PORT=str(server.imaps_port), LOFT_PLAIN_PORT=str(server.imap_port), LOFT_USER=user,
             LOFT_PASSWORD=loft.PASSWORD, LOFT_CA=home.ca)
