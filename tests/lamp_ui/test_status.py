"""The status page says what is, also where something is not."""

from datetime import UTC, datetime

import pytest

from lamp_ui.lamp import Knowledge
from lamp_ui.status import About, MachineFacts, News, advice, status_page
from shared.trouble import Trouble

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def value_of(name: str, news: News, *addresses: str) -> str:
    page = status_page(About("b827ebba0387", ("LAMPI 1",), "b:1883"), MachineFacts(addresses, NOON), news, str)
    return {row.name: row.value for row in page.rows}[name]


@pytest.mark.parametrize(
    ("link_up", "bridge_up", "broker", "bridge"),
    [
        (True, True, "connected\nb:1883", "connected"),
        (True, False, "connected\nb:1883", "not connected"),
        (False, False, "unreachable\nb:1883", "unknown"),
    ],
)
def test_the_connections(link_up: bool, bridge_up: bool, broker: str, bridge: str) -> None:
    news = News(link_up, bridge_up, None)
    assert (value_of("Broker", news), value_of("Cloud", news)) == (broker, bridge)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "nothing yet"), (-90, "11:58:30"), (2, "12:00:02"), (-86400.0, "2026-11-22 12:00")],
)
def test_when_the_last_message_came(seconds: float | None, words: str) -> None:
    assert value_of("Last heard", News(True, True, seconds)) == words


def test_a_machine_without_a_network() -> None:
    assert value_of("Network", News(False, False, None)) == "none"
    assert value_of("Network", News(False, False, None), "192.168.1.2", "fd00::2") == "192.168.1.2\nfd00::2"


@pytest.mark.parametrize(
    ("news", "words"),
    [
        (News(True, True, 0), "Everything works."),
        (News(False, False, None), "Not connected to the lamp's own broker. It is tried every few seconds."),
        (News(True, False, 0), "The cloud is not connected. Check the network; the lamp keeps trying."),
        (
            News(True, True, 0, lamp=Knowledge.UNKNOWN),
            "The lamp's service has not reported yet. Check that it is running.",
        ),
        (
            News(True, True, 0, lamp=Knowledge.UNANSWERED),
            "The lamp's service did not answer. Check that it is running.",
        ),
        (
            News(True, True, 0, association_heard=False),
            "The cloud has not said yet whose lamp this is. Check that its daemon is running.",
        ),
        (
            News(True, True, 0, trouble=Trouble.TAKEN_OVER),
            "Another screen seems to use this lamp's ID. Stop one of the two.",
        ),
        (
            News(True, True, 0, trouble=Trouble.REFUSED),
            "The lamp's broker does not let this screen listen. Check its access rules.",
        ),
    ],
)
def test_it_says_what_is_wrong_and_what_to_do(news: News, words: str) -> None:
    assert advice(news, str) == words
