"""The status page says what is, also where something is not."""

from datetime import UTC, datetime

import pytest

from lamp_ui.status import About, MachineFacts, News, status_page

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def value_of(name: str, news: News, *addresses: str) -> str:
    page = status_page(About("b827ebba0387", ("LAMPI 1",), "b:1883"), MachineFacts(addresses, NOON), news, str)
    return {row.name: row.value for row in page.rows}[name]


@pytest.mark.parametrize(
    ("link_up", "bridge_up", "broker", "bridge"),
    [
        (True, True, "connected\nb:1883", "connected"),
        (True, False, "connected\nb:1883", "away"),
        (False, False, "away\nb:1883", "unknown"),
    ],
)
def test_the_connections(link_up: bool, bridge_up: bool, broker: str, bridge: str) -> None:
    news = News(link_up, bridge_up, None)
    assert (value_of("Broker", news), value_of("Bridge to the cloud", news)) == (broker, bridge)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "none yet"), (-90, "11:58:30"), (2, "12:00:02"), (-86400.0, "2026-11-22 12:00")],
)
def test_when_the_last_message_came(seconds: float | None, words: str) -> None:
    assert value_of("Last message", News(True, True, seconds)) == words


def test_a_machine_without_a_network() -> None:
    assert value_of("IP address", News(False, False, None)) == "none"
    assert value_of("IP address", News(False, False, None), "192.168.1.2", "fd00::2") == "192.168.1.2\nfd00::2"
