import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loft  # noqa: E402


@pytest.fixture(scope="session")
def server():
    """One server for all tests that need no settings of their own."""
    with loft.Loft() as running:
        yield running


_numbers = itertools.count(1)


@pytest.fixture
def user(server):
    """A fresh account on the shared server."""
    return server.add_user(f"user{next(_numbers)}@example.org")
