"""A lamp's credentials against resets: it can ask for itself only, as often as it likes at no cost, and never twice."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.store.audit_log import History
from cloud.store.lamps import Lampi
from cloud.store.reset_requests import ResetRequest
from shared.protocol import topics
from tests.security.conftest import ATTACKER, VICTIM
from tests.support.attempts import Attempts
from tests.support.callers import Caller
from tests.support.cloud import DaemonProcess
from tests.support.loop import USER, associated, opened_database
from tests.support.secure import Installed
from tests.support.waiting import wait_until


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """Give the broker as installed, where resets are allowed at once: the most that an attacker can hope for."""
    made = Installed(tmp_path)
    made.cloud.environment["LAMPI_LAMP_RESET"] = "at-once"
    with made.broker:
        yield made


@pytest.fixture
def daemon(installed: Installed) -> Iterator[DaemonProcess]:
    with installed.cloud.daemon() as process:
        yield process


@pytest.fixture
def lamp(installed: Installed, daemon: DaemonProcess) -> Iterator[Caller]:
    """Give the attacker's client; its lamp and the victim's have owners."""
    with (
        installed.lamp(installed.lamp_pair(ATTACKER)) as attacker,
        installed.lamp(installed.lamp_pair(VICTIM)) as other,
    ):
        for device_id, caller in ((ATTACKER, attacker), (VICTIM, other)):
            caller.publish(topics.provisioned_presence(device_id), b"1", retain=True)
            wait_until(lambda device_id=device_id: device_id in installed.cloud.lamps(), "the lamp")  # type: ignore[misc]
            installed.cloud.command("associate", "--device-id", device_id, "--user", USER)
        yield attacker


def reset(device_id: str) -> str:
    return f"devices/{device_id}/lamp/reset"


def offer(lamp: Caller) -> str:
    """Ask for an offer; return its ticket."""
    lamp.subscribe(associated(ATTACKER))
    lamp.publish(reset(ATTACKER), b"{}", 0)
    heard = []

    def is_offer(message: object) -> bool:
        heard.append(json.loads(message.payload).get("reset", {}))  # type: ignore[attr-defined]
        return "ticket" in heard[-1]

    lamp.heard_until(is_offer)
    return str(heard[-1]["ticket"])


def owner(installed: Installed, device_id: str) -> object:
    return installed.cloud.lamps()[device_id]["user"]


def test_it_can_not_ask_for_another_lamp(installed: Installed, lamp: Caller, attempt: Attempts) -> None:
    for payload in (b"{}", b'{"ticket": "%s"}' % (b"0" * 32), json.dumps({"device_id": VICTIM}).encode()):
        for retain in (False, True):
            lamp.publish(reset(VICTIM), payload, 0, retain)
    ticket = offer(lamp)  # its own is answered, after all of those
    lamp.publish(reset(VICTIM), json.dumps({"ticket": ticket}).encode(), 0)
    lamp.publish(reset(ATTACKER), json.dumps({"ticket": ticket, "device_id": VICTIM}).encode(), 0)
    wait_until(lambda: owner(installed, ATTACKER) is None, "the attacker's own lamp to be released")
    assert owner(installed, VICTIM) == USER
    with opened_database(installed.cloud):
        assert [row.device_id for row in History.select().where(History.event.startswith("reset"))] == [ATTACKER] * 2
    attempt.refused("a lamp asks to reset another lamp", reset(VICTIM))


def test_what_it_asked_of_one_owner_can_not_be_replayed_to_the_next(
    installed: Installed, lamp: Caller, attempt: Attempts
) -> None:
    ticket = offer(lamp)
    installed.cloud.command("release", ATTACKER)
    installed.cloud.command("associate", "--device-id", ATTACKER, "--user", USER)
    lamp.publish(reset(ATTACKER), json.dumps({"ticket": ticket}).encode(), 0, retain=True)
    fresh = offer(lamp)  # in answer to the old ticket, or to another question
    assert fresh != ticket
    assert owner(installed, ATTACKER) == USER
    attempt.refused("a lamp replays the ticket of an earlier ownership", reset(ATTACKER))


def test_a_flood_of_requests_costs_no_writes_and_delays_no_one(
    installed: Installed, daemon: DaemonProcess, lamp: Caller, attempt: Attempts
) -> None:
    offer(lamp)
    with opened_database(installed.cloud):
        before = Lampi.named(ATTACKER).message_version
    for number in range(1500):
        lamp.publish(reset(ATTACKER), json.dumps({"number": number}).encode(), 0)
    daemon.wait_to_say(f"Lamp {ATTACKER} floods the broker")
    installed.cloud.command("release", VICTIM)
    with installed.observer() as observer:
        observer.subscribe(associated(VICTIM))
        observer.heard_until(lambda message: b"code" in message.payload)
    with opened_database(installed.cloud):
        assert Lampi.named(ATTACKER).message_version == before
        assert ResetRequest.select().count() == 1
        assert History.select().where(History.event.startswith("reset")).count() == 0
    attempt.refused("a lamp floods its topic for resets", reset(ATTACKER))
