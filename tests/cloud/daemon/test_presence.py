"""Presence: what a batch of presence messages changes, and what it does not."""

import pytest

from cloud.daemon.other_bridges import OtherBridges
from cloud.daemon.presence import PresenceBatch
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from shared.protocol.topics import BridgeNames
from tests.cloud.conftest import NOW

pytestmark = pytest.mark.usefixtures("database")


def register(*messages: tuple[str, bool]) -> list[str]:
    batch = PresenceBatch()
    for device_id, up in messages:
        batch.add(device_id, up)
    return batch.register(NOW)


def enqueued() -> list[str]:
    return [message.topic for message in outbox.pending(after=0, limit=10_000)]


def connected(device_id: str) -> bool:
    return bool(Lampi.named(device_id).connected)


def test_an_unknown_lamp_that_connects_is_registered_and_published() -> None:
    assert register(("b827ebba0387", True)) == ["b827ebba0387"]
    lampi = Lampi.named("b827ebba0387")
    assert (lampi.connected, lampi.created_at, lampi.user) == (True, NOW, None)
    (message,) = outbox.pending(after=0, limit=2)
    assert message.payload == f'{{"associated": false, "code": "{lampi.association_code}"}}'.encode()


def test_an_unknown_lamp_that_disconnects_is_ignored() -> None:
    assert register(("b827ebba0387", False)) == []
    assert Lampi.select().count() == 0


def test_a_known_lamp_gets_nothing() -> None:
    register(("b827ebba0387", True))
    code = Lampi.named("b827ebba0387").association_code
    outbox.remove([1])
    for up in (True, False, True, True):
        assert register(("b827ebba0387", up)) == []
    assert enqueued() == []
    assert Lampi.named("b827ebba0387").association_code == code


def test_presence_is_kept() -> None:
    register(("b827ebba0387", True))
    register(("b827ebba0387", False))
    assert not connected("b827ebba0387")
    register(("b827ebba0387", True))
    assert connected("b827ebba0387")


def test_up_and_down_within_one_batch_is_still_a_new_lamp() -> None:
    assert register(("b827ebba0387", True), ("b827ebba0387", False)) == ["b827ebba0387"]
    assert not connected("b827ebba0387")


def test_the_latest_message_in_a_batch_counts() -> None:
    register(("b827ebba0387", True))
    register(("b827ebba0387", False), ("b827ebba0387", True), ("b827ebba0387", False))
    assert not connected("b827ebba0387")


def test_an_owners_lamp_that_reconnects_stays_the_owners(ada: User) -> None:
    register(("b827ebba0387", True))
    Lampi.named("b827ebba0387").associate_and_publish_associated_msg(ada, NOW)
    register(("b827ebba0387", False))
    assert register(("b827ebba0387", True)) == []
    assert Lampi.named("b827ebba0387").user == ada


def test_a_batch_of_thousands_gives_each_its_own_short_code() -> None:
    ids = [f"{number:012x}" for number in range(3000)]
    assert sorted(register(*((device_id, True) for device_id in ids))) == ids
    assert len({lampi.association_code[: lampi.short_code_length] for lampi in Lampi.select()}) == 3000
    assert len(enqueued()) == 3000


def test_a_batch_that_failed_can_be_registered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = PresenceBatch()
    batch.add("b827ebba0387", True)
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "put", lambda _messages: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            batch.register(NOW)
    assert Lampi.select().count() == 0
    assert batch.register(NOW) == ["b827ebba0387"]
    batch.clear()
    assert len(batch) == 0
    assert batch.register(NOW) == []


def test_other_bridges_are_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    others = OtherBridges()
    for _ in range(3):
        others.add("$SYS/broker/connection/office/state")
    for number in range(2000):
        others.add(f"$SYS/broker/connection/{number}/state")
    assert others.messages == 2003
    assert caplog.text.count("connection/office/state") == 1
    assert caplog.text.count("its name is not <device id> or <device id>_broker") == 1000
    assert len(caplog.records) == 1000


def test_bridges_in_upper_case_are_warned_of_once_each_and_no_more_than_a_thousand(
    caplog: pytest.LogCaptureFixture,
) -> None:
    others = OtherBridges(BridgeNames(["_x"]))
    for number in range(2000):
        for _ in range(2):
            others.add_upper_case(f"$SYS/broker/connection/B827EBBA{number:04X}_x/state")
    assert others.messages == 0
    assert caplog.text.count("connection/B827EBBA0001_x/state") == 1
    assert len(caplog.records) == 1000
    assert "Name the bridge and its topics in lower case" in caplog.text
