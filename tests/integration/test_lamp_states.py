"""What an owner asks of a lamp, from the database over the daemon and a real bridge to the lamp's service, and back."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.errors import TooManyRequests, UnknownLamp
from cloud.services import claiming, lamp_states
from cloud.services.lamp_states import LampView, Outcome
from cloud.store import state_requests
from cloud.store.lamps import Lampi
from cloud.store.state_requests import REQUEST_FOR
from cloud.store.state_watches import StateWatch
from shared.protocol.payloads import Color, LampConfig
from tests.support.bridge import Bridged
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.lamp_service import START, LampService
from tests.support.loop import USER, Loop, associated, made_cloud, opened_database
from tests.support.stock_lamp import StockLamp
from tests.support.waiting import wait_until

LAMP, OTHER = "b827ebba0387", "b827ebba0388"
PREFIX = f"devices/{LAMP}/"
SET_CONFIG, CHANGED = f"{PREFIX}lamp/set_config", f"{PREFIX}lamp/changed"
ROUNDS = 10
RIVALS = 4


def look() -> LampView:
    return lamp_states.look_at(claiming.user_named(USER), LAMP, utc_now())


def ask(**wanted: object) -> LampView:
    return lamp_states.request(claiming.user_named(USER), LAMP, LampConfig(**wanted), utc_now())  # type: ignore[arg-type]


def wait_for_outcome(outcome: Outcome, seconds: float = 5.0) -> None:
    wait_until(lambda: look().outcome is outcome, f"the request to be {outcome.value}", seconds)


def own(device_id: str = LAMP) -> None:
    wait_until(lambda: Lampi.get_or_none(Lampi.device_id == device_id), "the lamp to be registered")
    claiming.associate_by_device_id(device_id, claiming.user_named(USER), utc_now())


@pytest.fixture(params=["provisioned", "stock"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LampService]:
    """Give the service of Ada's lamp, behind a bridge that keeps the prefix or strips it; the database is open."""
    stock = request.param == "stock"
    bridged = Bridged(tmp_path, LAMP, stock=stock)
    with (
        bridged.running(),
        LampService(bridged.at_lamp.port, "" if stock else PREFIX) as running,
        opened_database(bridged.cloud),
    ):
        own()
        yield running


def test_the_owner_sees_the_lamp_switches_it_and_sees_what_others_change(service: LampService) -> None:
    wait_until(lambda: look().shown == LampConfig(Color(1.0, 1.0), 1.0, True), "what the lamp shows")
    ask(on=False)
    wait_for_outcome(Outcome.CONFIRMED)
    assert service.requests == [{"on": False, "client": "cloud"}]
    ask(color=Color(1 / 3, 2 / 3), brightness=0.5)
    wait_for_outcome(Outcome.CONFIRMED)
    assert service.requests[1:] == [{"color": {"h": 1 / 3, "s": 2 / 3}, "brightness": 0.5, "client": "cloud"}]
    wait_until(lambda: look().shown == LampConfig(Color(0.33, 0.67), 0.5, False), "what the lamp made of it")
    service.say(brightness=0.25, on=True, client="lamp_ui")
    wait_until(lambda: look().shown == LampConfig(Color(0.33, 0.67), 0.25, True), "the change at the lamp", 1.0)


def test_the_first_look_waits_for_the_lamp_s_state(service: LampService) -> None:
    wait_until(lambda: look().shown, "the connection for states")
    StateWatch.delete().execute()
    assert look().shown == LampConfig(Color(1.0, 1.0), 1.0, True)


@pytest.mark.slow
def test_a_lamp_without_a_network_does_not_answer_and_hears_nothing_later(loop: Loop, tmp_path: Path) -> None:
    with StockLamp(tmp_path / "lamp", LAMP, loop.broker.port) as lamp, opened_database(loop.cloud):
        own()
        wait_until(lambda: look().shown, "what the lamp shows")
        lamp.lose_network()
        ask(on=False)
        assert look().outcome is Outcome.PENDING
        wait_for_outcome(Outcome.UNANSWERED, REQUEST_FOR.total_seconds() + 5)
        lamp.find_network()
        marker = {"brightness": 0.5, "client": "marker"}

        def has_marker() -> bool:
            loop.broker.publish(SET_CONFIG, json.dumps(marker))
            return marker in lamp.service.requests

        wait_until(has_marker, "the network to be back")
        assert {request["client"] for request in lamp.service.requests} == {"marker"}
        assert lamp.service.lamp["on"] is True


def test_the_daemon_listens_to_watched_lamps_alone_and_malformed_reports_change_nothing(
    loop: Loop, daemon: DaemonProcess
) -> None:
    with opened_database(loop.cloud), LampService(loop.broker.port, PREFIX) as service:
        loop.new_lamp(LAMP)
        loop.new_lamp(OTHER)
        own()
        loop.broker.publish(f"devices/{OTHER}/lamp/changed", b"nothing", retain=True)
        wait_until(lambda: look().shown, "what the lamp shows")
        loop.broker.publish(CHANGED, b"nothing")
        daemon.wait_to_say(f"Ignored a message on '{CHANGED}': not JSON")
        service.say(brightness=7)
        daemon.wait_to_say(f"Ignored a member of a message on '{CHANGED}': 'brightness' is not from 0 to 1")
        service.say(on=False, brightness=1.0)
        wait_until(lambda: look().shown == LampConfig(Color(1.0, 1.0), 1.0, False), "the next good report")
    assert OTHER not in daemon.log().partition("Ignored")[2]


def test_a_flood_of_reports_delays_no_new_lamp_and_its_last_state_is_shown(loop: Loop) -> None:
    with opened_database(loop.cloud):
        loop.new_lamp(LAMP)
        own()
        look()
        flood = [json.dumps({**START, "brightness": number / 20_000}).encode() for number in range(20_001)]
        flooding = threading.Thread(target=loop.broker.publish_all, args=([(CHANGED, each) for each in flood],))
        flooding.start()
        began = time.monotonic()
        loop.up(OTHER)
        wait_until(lambda: loop.next().topic == associated(OTHER), "the new lamp's code")
        assert time.monotonic() - began < 2
        flooding.join()
        wait_until(lambda: (shown := look().shown) and shown.brightness == 1.0, "the last state")


def test_over_mqtt_3_1_1_nothing_is_published_since_it_could_not_expire(cloud: Cloud, broker: Mosquitto) -> None:
    cloud.environment["LAMPI_MQTT_VERSION"] = "3.1.1"
    with cloud.daemon(), closing(Loop(broker, cloud)) as loop, LampService(broker.port, PREFIX), opened_database(cloud):
        loop.new_lamp(LAMP)
        own()
        wait_until(lambda: look().shown, "what the lamp shows")
        with broker.hear(SET_CONFIG) as ear:
            ask(on=False)
            loop.settled()
            loop.settled()
            assert ear.all_so_far() == []


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path, broker: Mosquitto) -> Iterator[DaemonProcess]:
    """Give a running daemon on either database, which is open, and a lamp that has come up."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").make_database()
    cloud = made_cloud(tmp_path / "cloud-of-rivals", broker.port, url)
    with cloud.daemon() as daemon, opened_database(cloud):
        broker.publish(f"$SYS/broker/connection/{LAMP}/state", b"1", retain=True)
        yield daemon


def test_a_released_lamp_hears_nothing_of_its_former_owner_whatever_was_under_way(
    either: DaemonProcess, broker: Mosquitto
) -> None:
    """Rivals keep asking while the lamp is released. On the wire, its new code comes after all that it was asked."""
    for _ in range(ROUNDS):
        own()
        wait_until(lambda: look() and True, "the lamp to be watched")
        with broker.hear("devices/#") as ear:
            rivals = [threading.Thread(target=_keep_asking) for _ in range(RIVALS)]
            for rival in rivals:
                rival.start()
            while ear.next().topic != SET_CONFIG:
                pass
            claiming.release(LAMP, utc_now())
            for rival in rivals:
                rival.join()
            with pytest.raises(UnknownLamp):
                ask(on=True)
            while b'"code"' not in (message := ear.next()).payload or message.retained:
                pass
            marker = f"devices/{LAMP}/marker"
            wait_until(lambda: not state_requests.newest_unpublished(utc_now()), "no request to be left")
            broker.publish(marker, b"end", qos=2)
            after = []
            while (message := ear.next()).topic != marker:
                after.append(message.topic)
            assert SET_CONFIG not in after


def test_what_was_asked_before_the_release_and_not_published_is_never_published(
    either: DaemonProcess, broker: Mosquitto
) -> None:
    """The daemon is paused while rivals ask and the lamp is released, so that it finds both at once."""
    own()
    with broker.hear(f"{PREFIX}#") as ear:
        ask(on=True)
        while ear.next().topic != SET_CONFIG:  # then the lamp is watched, and nothing is under way
            pass
        either.send(signal.SIGSTOP)
        try:
            rivals = [threading.Thread(target=_keep_asking) for _ in range(RIVALS)]
            for rival in rivals:
                rival.start()
            wait_until(lambda: state_requests.newest_unpublished(utc_now()), "a request")
            claiming.release(LAMP, utc_now())
            for rival in rivals:
                rival.join()
        finally:
            either.send(signal.SIGCONT)
        assert b'"code"' in ear.next().payload
        broker.publish(f"$SYS/broker/connection/{OTHER}/state", b"1")
        wait_until(lambda: Lampi.get_or_none(Lampi.device_id == OTHER), "another round of the daemon")
        assert [message.topic for message in ear.all_so_far()] == []


def _keep_asking() -> None:
    """Ask for one change after the other until the lamp is no longer ours."""
    brightness = 0.0
    while True:
        brightness = (brightness + 0.01) % 1
        try:
            ask(brightness=brightness)
        except TooManyRequests:
            continue
        except UnknownLamp:
            return
