"""A simulated lamp on a real broker, and its screen as text."""

import queue

from cloud.devtools.simulator import SimulatedLamp, one_line, popup
from shared.protocol.payloads import Associated, Association, Unassociated
from tests.support.broker import Mosquitto

CODE = "b71e09c4" * 4
PRESENCE = "$SYS/broker/connection/b827ebba0387/state"


def test_it_is_online_while_it_runs_and_shows_its_messages(broker: Mosquitto) -> None:
    shown: queue.SimpleQueue[tuple[str, Association | None]] = queue.SimpleQueue()
    lamp = SimulatedLamp("b827ebba0387", broker.url, lambda *what: shown.put(what))
    with broker.hear(PRESENCE) as ear:
        lamp.start()
        assert ear.next().payload == b"1"
        broker.publish("devices/b827ebba0387/lamp/associated", Unassociated(CODE).encode())
        assert shown.get(timeout=5) == ("b827ebba0387", Unassociated(CODE))
        broker.publish("devices/b827ebba0387/lamp/associated", b"not JSON")
        broker.publish("devices/b827ebba0387/lamp/associated", Associated().encode())
        assert shown.get(timeout=5) == ("b827ebba0387", Associated())
        lamp.stop()
        assert ear.next().payload == b"0"
    assert broker.retained(PRESENCE)[PRESENCE].payload == b"0"


def test_its_screen_as_text() -> None:
    assert popup("b827ebba0387", Unassociated(CODE)).splitlines() == [
        "╭──────── b827ebba0387 ────────╮",
        "│     Associate your Lamp      │",
        "│                              │",
        "│           b71 e09            │",
        "│                              │",
        "│  Enter this code on the web  │",
        "│     to claim this lamp.      │",
        "╰──────────────────────────────╯",
    ]
    assert "This lamp is associated." in popup("b827ebba0387", Associated())
    assert "Waiting for the cloud" in popup("b827ebba0387", None)
    assert "b71e 09c4 b71e" in popup("b827ebba0387", Unassociated(CODE, short_code_length=16))


def test_its_screen_as_one_line() -> None:
    assert one_line("b827ebba0387", Unassociated(CODE)) == "b827ebba0387  b71 e09"
    assert one_line("b827ebba0387", Associated()) == "b827ebba0387  associated"
    assert one_line("b827ebba0387", None) == "b827ebba0387  waiting for the cloud"
