"""The orphan sweep against a real broker: what it clears, and how much at once."""

import pytest

from cloud.reconciliation import orphans
from cloud.reconciliation.orphans import OrphanSweep
from cloud.store import outbox
from tests.cloud.conftest import NOW
from tests.support.broker import Mosquitto
from tests.support.loop import ASSOCIATED, WITHDRAWN
from tests.support.replay import confirm_all, enqueued, topic
from tests.support.waiting import wait_until

ORPHANS = [f"b827eb00000{number}" for number in range(7)]
WITHDRAWN_BEFORE = "b827eb000009"


def test_orphans_are_withdrawn_in_portions_and_then_the_broker_is_trusted(
    broker: Mosquitto, lamps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at once could take longer than the lease lasts."""
    monkeypatch.setattr(orphans, "MOST_AT_ONCE", 3)
    broker.publish_all([(topic(each), ASSOCIATED) for each in ORPHANS], retain=True)
    broker.publish_all(
        [(topic(each), ASSOCIATED) for each in lamps[:1]] + [(topic(WITHDRAWN_BEFORE), WITHDRAWN)], retain=True
    )
    outbox.suspect_broker(True)
    sweep = OrphanSweep(broker.url)
    portions: list[dict[str, bytes]] = []

    def step() -> bool:
        done = sweep.step(NOW)
        if withdrawn := enqueued():
            portions.append(withdrawn)
            confirm_all()
        assert outbox.broker_is_suspect() is not done
        return done

    wait_until(step, "the sweep to end")
    assert max(len(portion) for portion in portions) <= 3
    assert {where for portion in portions for where in portion} == {topic(each) for each in ORPHANS}
    assert {payload for portion in portions for payload in portion.values()} == {WITHDRAWN}
