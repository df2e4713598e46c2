"""Identification: on the wire, across the daemon's death, and in reconciliation."""

import json
from typing import Any

import pytest

from cloud.db.timestamps import utc_now
from cloud.services.identification import IDENTIFY_FOR, identify
from tests.support.cloud import DaemonProcess
from tests.support.loop import USER, Loop, associated, opened_database, retained_state
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
OVER_SECONDS = IDENTIFY_FOR.total_seconds() + 5


def state(loop: Loop) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(retained_state(loop.broker, LAMP) or b"{}")
    return members


def test_two_messages_are_published_and_nothing_stays_behind(loop: Loop) -> None:
    code = loop.new_lamp(LAMP)
    said = loop.cloud.command("identify", LAMP)
    assert said == f"The lamp {LAMP} identifies itself on its screen for 10 seconds.\n"
    heard = loop.next()
    asked = json.loads(heard.payload)
    assert (heard.topic, heard.qos) == (associated(LAMP), 2)
    assert asked == {"associated": False, "code": code, "identify": asked["identify"], "good_for": 900}
    loop.cloud.command("identify", LAMP)
    loop.cloud.command("reconcile", "--dry-run")
    assert json.loads(loop.next(OVER_SECONDS).payload) == {"associated": False, "code": code, "good_for": 900}
    assert loop.settled() == []
    loop.cloud.command("reconcile", "--dry-run")


def test_a_daemon_that_dies_meanwhile_ends_it_at_its_next_start(loop: Loop, daemon: DaemonProcess) -> None:
    code = loop.new_lamp(LAMP)
    loop.cloud.command("identify", LAMP)
    loop.next()
    daemon.kill()
    assert "identify" in state(loop)
    daemon.start()
    plain = {"associated": False, "code": code, "good_for": 900}
    wait_until(lambda: state(loop) == plain, "the broker to retain the plain message", OVER_SECONDS)


@pytest.mark.parametrize("owned", [True, False])
def test_an_expired_request_is_never_published(loop: Loop, daemon: DaemonProcess, owned: bool) -> None:
    code = loop.new_lamp(LAMP)
    daemon.kill()
    with opened_database(loop.cloud):
        identify(LAMP, utc_now() - IDENTIFY_FOR)
    if owned:
        loop.cloud.command("associate", code[:6], "--user", USER)
    daemon.start()
    heard = json.loads(loop.next().payload)
    assert heard == ({"associated": True} if owned else {"associated": False, "code": code, "good_for": 900})
    assert loop.settled() == []
