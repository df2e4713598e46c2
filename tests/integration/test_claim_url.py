"""A missing claim URL is logged once."""

from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.cloud import RUNNING, Cloud
from tests.support.waiting import wait_until


@pytest.mark.parametrize(("url", "times"), [(None, 1), ("https://lamps.example.com/associate", 0)])
def test_a_missing_claim_url_is_logged_once(broker: Mosquitto, tmp_path: Path, url: str | None, times: int) -> None:
    cloud = Cloud(tmp_path / "cloud", broker.port)
    if url is not None:
        cloud.environment["LAMPI_CLAIM_URL"] = url
    with cloud.daemon() as daemon:
        broker.kill()
        broker.start()
        wait_until(lambda: daemon.log().count(RUNNING) == 2, "the daemon to be back")
        assert daemon.log().count("LAMPI_CLAIM_URL is not set") == times
