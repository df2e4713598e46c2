"""Fixtures for the tests of reconciliation."""

import pytest

from cloud.daemon.presence import PresenceBatch
from tests.cloud.conftest import NOW
from tests.support.replay import confirm_all


@pytest.fixture(autouse=True)
def lamps(database: object) -> list[str]:
    """Give ten lamps, of which the broker has confirmed all."""
    ids = [f"b827ebba03{number:02d}" for number in range(10)]
    for device_id in ids:
        batch = PresenceBatch()
        batch.add(device_id, True)
        batch.register(NOW)
    confirm_all()
    return ids
