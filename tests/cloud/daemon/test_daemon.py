"""The daemon's own loop, a round at a time, where a fault must come at one exact point."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import peewee
import pytest

from cloud import claim_address
from cloud.config import CloudSettings
from cloud.daemon.daemon import Daemon
from cloud.guessing import policy
from cloud.webhook import events
from tests.support.broker import Mosquitto
from tests.support.waiting import wait_until


@pytest.mark.parametrize(
    "fails",
    [(policy, "announce"), (claim_address, "announce"), (events, "announce_receiver")],
    ids=lambda at: at[0].__name__,
)
def test_a_database_that_fails_as_it_begins_to_lead_does_not_keep_it_from_the_broker(
    tmp_path: Path, broker: Mosquitto, fails: tuple[Any, str]
) -> None:
    daemon = Daemon(CloudSettings(broker.url, f"sqlite:///{tmp_path / 'lampi.db'}"), migrate=True)
    step: Callable[[], None] = daemon._step
    gone = peewee.OperationalError("server closed the connection")
    with patch.object(*fails, side_effect=gone), pytest.raises(peewee.OperationalError):
        step()

    def connected() -> bool:
        step()
        return daemon._session is not None

    wait_until(connected, "the daemon to be connected to the broker")
    daemon._leave()
