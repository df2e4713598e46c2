"""The daemon's part: what lamps ask is collected, answered, and ended when its time is over."""

import peewee
import pytest

from cloud.daemon import lamp_resets
from cloud.daemon.lamp_resets import CHECK_SECONDS, LampResets
from cloud.services.lamps import associate
from cloud.services.resets import OWNER_HAS, LampReset
from cloud.store.lamps import Lampi, User
from cloud.store.reset_requests import ResetRequest
from tests.cloud.conftest import NOW

LAMP = "b827ebba0387"


@pytest.fixture(autouse=True)
def owned(database: peewee.Database, ada: User) -> None:
    Lampi.create(device_id=LAMP, connected=True)
    associate(LAMP, ada, NOW, "test")


def stage() -> str:
    return str(ResetRequest.get().stage)


def test_a_confirmation_is_not_lost_to_a_later_request_in_one_batch() -> None:
    asking = LampResets(LampReset.AFTER_A_DAY)
    asking.add(LAMP, None)
    asking.step(NOW, 0.0)
    asking.add(LAMP, ResetRequest.get().ticket)
    asking.add(LAMP, None)
    asking.step(NOW, 0.0)
    assert stage() == "requested"
    asking.step(NOW + OWNER_HAS, CHECK_SECONDS)
    assert Lampi.named(LAMP).user_id is None


def test_what_the_database_refused_is_answered_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise peewee.OperationalError("database is locked")

    asking = LampResets(LampReset.AFTER_A_DAY)
    asking.add(LAMP, None)
    with monkeypatch.context() as broken:
        broken.setattr(lamp_resets, "answer", fail)
        with pytest.raises(peewee.OperationalError):
            asking.step(NOW, 0.0)
    asking.step(NOW, 0.0)
    assert stage() == "offered"


def test_nothing_of_a_lost_connection_is_answered() -> None:
    asking = LampResets(LampReset.AFTER_A_DAY)
    asking.add(LAMP, None)
    asking.clear()
    asking.step(NOW, 0.0)
    assert ResetRequest.select().count() == 0


def test_more_lamps_than_are_collected_have_to_ask_again() -> None:
    asking = LampResets(LampReset.AFTER_A_DAY)
    for number in range(LampResets.MOST_LAMPS):
        asking.add(f"{number:012x}", None)
    asking.add(LAMP, None)
    for _ in range(LampResets.MOST_LAMPS):
        asking.step(NOW, 0.0)
    assert ResetRequest.select().count() == 0
