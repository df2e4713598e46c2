"""Hypothesis as these tests use it."""

import pytest
from hypothesis import settings

# No deadline: two workers share two cores. No database: a failure's example is printed, and the tree stays clean.
settings.register_profile("shared", deadline=None, database=None, max_examples=200, print_blob=True)


@pytest.fixture(autouse=True, scope="session")
def _hypothesis_profile() -> None:
    settings.load_profile("shared")
