"""Quota as delivery, the administrator and the owner of a mailbox meet it."""
import email
import re

import loft
import lmtpwire
import pytest
import transcript
