"""The sweep of leftovers, without a broker: how long lamps that write on keep it busy."""

from collections.abc import Sequence
from itertools import count

import pytest

from cloud.db.database import write_transaction
from cloud.reconciliation import leftovers
from cloud.reconciliation.leftovers import LeftoverSweep
from cloud.store.tombstones import Tombstone
from shared.mqtt.broker_url import BrokerUrl, parse_broker_url
from shared.mqtt.messages import Message
from shared.protocol.topics import PRESENCE_FILTER, BridgeNames
from tests.cloud.conftest import NOW
from tests.support.waiting import wait_until

WRITING, QUIET = "b827ebba0001", "b827ebba0002"


@pytest.mark.usefixtures("database")
def test_a_deleted_lamp_that_keeps_writing_delays_no_other_lamp(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count()

    def read(_broker: BrokerUrl, device_ids: Sequence[str], _names: BridgeNames) -> list[Message]:
        name = ("lamp_ui", "lamp_service")[next(numbers) % 2]
        return [Message(f"devices/{each}/lamp/connection/{name}/state", b"1", retained=True) for each in device_ids]

    monkeypatch.setattr(leftovers, "leftovers_of", read)
    monkeypatch.setattr(leftovers, "MOST_LAMPS", 1)
    with write_transaction():
        Tombstone.enqueue_withdrawal([WRITING, QUIET], NOW)
    sweep, moments = LeftoverSweep(parse_broker_url("mqtt://localhost"), [PRESENCE_FILTER]), count()
    cleared: list[str] = []

    def step() -> bool:
        cleared.extend(each.topic for each in sweep.step(NOW, float(next(moments))))
        return any(QUIET in topic for topic in cleared)

    wait_until(step, "the other lamp's leftovers to be cleared", 5)
    assert len([topic for topic in cleared if WRITING in topic]) == leftovers.MOST_ATTEMPTS
