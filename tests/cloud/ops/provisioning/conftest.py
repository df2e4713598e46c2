"""Authorities of the test's own."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.ops.provisioning.authorities import Authorities

NOW = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
LAMP, OTHER = "b827ebba0387", "b827ebba0388"
ADDRESS = "cloud.example.com:8883"


@pytest.fixture
def authorities(tmp_path: Path) -> Authorities:
    return Authorities.create(tmp_path / "ca", NOW)
