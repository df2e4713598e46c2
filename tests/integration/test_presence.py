"""What arrives on the presence topics: lamps spelled otherwise, other bridges, bad payloads, lamps from before."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cloud.mqtt.packets import MOST_PACKET_BYTES
from shared.protocol.topics import stripped_presence
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import (
    ASSOCIATED,
    USER,
    Loop,
    associated,
    code_in,
    device_ids,
    presence,
    retained_state,
    short_code_in,
    stock_presence,
)
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"


def test_an_id_in_upper_case_is_the_same_lamp_and_warned_of_once(loop: Loop, daemon: DaemonProcess) -> None:
    loop.broker.publish("$SYS/broker/connection/B827EBBA0387_broker/state", b"1")
    loop.new_code(LAMP)
    loop.up("B827EbBa0387")
    loop.broker.publish(stock_presence(LAMP), b"1")
    assert {heard.topic for heard in loop.settled()} <= {associated(LAMP)}  # its popup reopens
    assert LAMP in loop.cloud.lamps()
    warnings = [line for line in daemon.log().splitlines() if "in lower case" in line]
    assert len([line for line in warnings if "B827EBBA0387_broker" in line]) == 1
    assert len([line for line in warnings if "B827EbBa0387/" in line]) == 1
    assert len(warnings) == 2


def test_other_suffixes_of_bridges_are_a_setting(broker: Mosquitto, cloud: Cloud) -> None:
    cloud.environment["LAMPI_BRIDGE_SUFFIXES"] = "_broker,_lampi_broker"
    with closing(Loop(broker, cloud)) as loop, cloud.daemon():
        broker.publish(f"$SYS/broker/connection/{LAMP}_lampi_broker/state", b"1")
        loop.new_code(LAMP)


def test_a_stock_lamp_s_bridge_is_found_without_a_setting(loop: Loop, daemon: DaemonProcess) -> None:
    loop.broker.publish(stripped_presence(LAMP), b"1", retain=True)
    loop.new_code(LAMP)
    loop.broker.publish(stripped_presence(LAMP), b"0", retain=True)
    loop.broker.publish(stripped_presence(LAMP), b"", retain=True)
    assert loop.settled() == []
    assert loop.cloud.lamps()[LAMP]["connected"] is False
    assert "neither" not in daemon.log()


def test_another_bridge_is_ignored_and_logged_once(loop: Loop, daemon: DaemonProcess) -> None:
    for name in ("office-bridge", "b827ebba038_broker", "b827ebba03877_broker", "b827ebba038", "b827ebba038g_broker"):
        for payload in (b"1", b"0", b"1"):
            loop.broker.publish(f"$SYS/broker/connection/{name}/state", payload)
    assert loop.settled() == []
    assert not [lamp for lamp in loop.cloud.lamps() if lamp.startswith("b827")]
    assert daemon.log().count("office-bridge") == 1
    assert daemon.log().count("Ignoring bridge") == 5


BAD_PAYLOADS = (b"2", b"10", b"true", b'{"a": 1}', b"\xff\xfe", b"\x00", b"1" * 10_000_000)


def test_bad_payloads_get_one_line_at_most_and_lose_nothing(loop: Loop, daemon: DaemonProcess) -> None:
    before = len(daemon.log().splitlines())
    for number, payload in enumerate(BAD_PAYLOADS):
        loop.up(f"b827ebba04{number:02x}", payload)
        loop.up(LAMP, payload)
    loop.up(LAMP, b"0")
    loop.new_lamp(LAMP)
    assert loop.settled() == []
    new_lines = daemon.log().splitlines()[before:]
    for number, payload in enumerate(BAD_PAYLOADS):
        about = [line for line in new_lines if presence(f"b827ebba04{number:02x}") in line]
        if len(payload) > MOST_PACKET_BYTES:  # the broker keeps these to itself
            assert about == []
            continue
        assert len(about) == 1
        assert "neither '1' nor '0'" in about[0]
    assert len([line for line in new_lines if presence(LAMP) in line]) == 1  # one reason, counted after the first
    assert max(map(len, new_lines)) < 300
    assert "Traceback" not in daemon.log()


def test_a_bad_payload_leaves_a_known_lamp_as_it_is(loop: Loop) -> None:
    code = loop.new_lamp(LAMP)
    for payload in BAD_PAYLOADS[:-1]:
        loop.up(LAMP, payload)
    assert loop.settled() == []
    assert loop.cloud.lamps()[LAMP]["connected"] is True
    assert code_in(retained_state(loop.broker, LAMP) or b"") == code


def test_a_lamp_that_came_up_while_no_daemon_ran_is_found(broker: Mosquitto, cloud: Cloud) -> None:
    for device_id in device_ids(3):
        broker.publish(presence(device_id), b"1", retain=True)
    broker.publish(presence(LAMP), b"0", retain=True)
    with closing(Loop(broker, cloud)) as loop, cloud.daemon():
        found = {loop.next().topic for _ in range(3)}
        assert found == {associated(device_id) for device_id in device_ids(3)}
        assert loop.settled() == []


def test_a_stale_state_under_a_bridge_s_former_name_does_not_hide_a_lamp(broker: Mosquitto, cloud: Cloud) -> None:
    """A lamp that is provisioned again may have one: Mosquitto retains both, and sends them in an order of its own."""
    ids = list(device_ids(10))
    for device_id in ids:
        broker.publish(presence(device_id), b"1", retain=True)
        broker.publish(stock_presence(device_id), b"0", retain=True)
    with closing(Loop(broker, cloud)) as loop, cloud.daemon():
        assert {loop.next().topic for _ in ids} == {associated(device_id) for device_id in ids}
        loop.settled()
        lamps = cloud.lamps()
        assert [device_id for device_id in ids if not lamps[device_id]["connected"]] == []


def test_five_thousand_lamps_from_before_are_all_found(broker_of_the_cloud: Mosquitto, cloud: Cloud) -> None:
    """More than the 1,020 that a stock Mosquitto hands to one subscriber; with the configuration that ships."""
    broker = broker_of_the_cloud
    broker.publish_all([(presence(device_id), b"1") for device_id in device_ids(5000)], retain=True)
    cloud.environment["LAMPI_BROKER_URL"] = f"mqtt://127.0.0.1:{broker.port}"
    with closing(Loop(broker, cloud)) as loop, cloud.daemon():
        codes: dict[str, str] = {}
        shorts = set()
        while len(codes) < 5000:
            heard = loop.next()
            codes[heard.topic] = code_in(heard.payload)
            shorts.add(short_code_in(heard.payload))
        assert set(codes) == {associated(device_id) for device_id in device_ids(5000)}
        assert len(shorts) == 5000
        assert loop.settled() == []
        kept = broker.retained("devices/+/lamp/associated")
        assert {topic: code_in(kept[topic].payload) for topic in codes} == codes


def _wait_for_text(file: Path, text: str) -> None:
    wait_until(lambda: text in file.read_text(), f"the simulator to show {text}")


@pytest.mark.parametrize("count", [1, 3])
def test_simulated_lamps_show_their_codes_and_follow_their_state(loop: Loop, count: int) -> None:
    cloud = loop.cloud
    cloud.environment["LAMPI_DEVICE_ID"] = "b827ebffffff"
    ids = list(device_ids(count, first=0xB827EBFFFFFF))
    output = cloud.folder / "simulate.txt"
    with output.open("w") as terminal:
        simulated = subprocess.Popen(
            [sys.executable, "-m", "cloud", "simulate", "--count", str(count)],
            env=cloud.environment,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
        )
    try:
        codes: dict[str, str] = {}
        for _ in ids:
            heard = loop.next()
            codes[heard.topic] = code_in(heard.payload)
        assert set(codes) == {associated(device_id) for device_id in ids}
        for device_id in ids:
            short = codes[associated(device_id)][:6]
            _wait_for_text(output, f"{short[:3]} {short[3:]}")
        cloud.command("associate", codes[associated(ids[-1])], "--user", USER)
        assert loop.next().payload == ASSOCIATED
        wait_until(lambda: "associated" in output.read_text().rpartition(ids[-1])[2], "the lamp to be shown so")
        assert all(cloud.lamps()[device_id]["connected"] for device_id in ids)
    finally:
        simulated.send_signal(signal.SIGINT)
        assert simulated.wait(10) == 0
    wait_until(
        lambda: not any(lamp["connected"] for device_id, lamp in cloud.lamps().items() if device_id in ids),
        "the simulated lamps to be shown as away",
    )
