"""The status page: facts, and one sentence about what is wrong."""

from datetime import UTC, datetime

import pytest

from lamp_ui.core.lamp_control import Knowledge
from lamp_ui.core.link_state import LinkState
from lamp_ui.core.status_page import About, Known, MachineFacts, advice, status_page
from shared.mqtt.trouble import Trouble

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
CLOUD = LinkState(up=True, bridge_up=True)


def value_of(name: str, known: Known, *addresses: str) -> str:
    page = status_page(About("b827ebba0387", ("LAMPI 1",), "b:1883"), MachineFacts(addresses, NOON), known, str)
    return {row.name: row.value for row in page.rows}[name]


@pytest.mark.parametrize(
    ("link", "broker", "bridge"),
    [
        (CLOUD, "connected\nb:1883", "connected"),
        (LinkState(up=True, bridge_up=False), "connected\nb:1883", "not connected"),
        (LinkState(up=True), "connected\nb:1883", "unknown"),
        (LinkState(up=True, bridge_up=True, trouble=Trouble.REFUSED), "connected\nb:1883", "unknown"),
        (LinkState(), "unreachable\nb:1883", "unknown"),
    ],
)
def test_the_connections(link: LinkState, broker: str, bridge: str) -> None:
    known = Known(link, None)
    assert (value_of("Broker", known), value_of("Cloud", known)) == (broker, bridge)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "nothing yet"), (-90, "11:58:30"), (2, "12:00:02"), (-86400.0, "2026-11-22 12:00")],
)
def test_when_the_last_message_came(seconds: float | None, words: str) -> None:
    assert value_of("Last heard", Known(CLOUD, seconds)) == words


def test_a_machine_without_a_network() -> None:
    assert value_of("Network", Known(LinkState(), None)) == "none"
    assert value_of("Network", Known(LinkState(), None), "192.168.1.2", "fd00::2") == "192.168.1.2\nfd00::2"


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (Known(CLOUD, 0), "Everything works."),
        (Known(LinkState(), None), "Not connected to the lamp's own broker. Retrying every few seconds."),
        (
            Known(LinkState(up=True), 0),
            "The bridge to the cloud has not reported yet. Check that the broker has one.",
        ),
        (
            Known(LinkState(up=True, bridge_up=False), 0),
            "The cloud is not connected. Check the network; the lamp keeps trying.",
        ),
        (
            Known(CLOUD, 0, lamp=Knowledge.UNKNOWN),
            "The lamp's service has not reported yet. Check that it is running.",
        ),
        (
            Known(CLOUD, 0, lamp=Knowledge.PARTIAL),
            "The lamp has not reported yet whether it is on. Check its service.",
        ),
        (
            Known(CLOUD, 0, lamp=Knowledge.UNANSWERED),
            "The lamp's service did not answer. Check that it is running.",
        ),
        (
            Known(CLOUD, 0, owner_known=False),
            "The cloud has not reported yet who owns this lamp. Check that its daemon is running.",
        ),
        (
            Known(CLOUD, 0, code_expired=True),
            "The code has expired without a new one. Check that the cloud's daemon is running.",
        ),
        (
            Known(LinkState(up=True, bridge_up=True, trouble=Trouble.TAKEN_OVER), 0),
            "Another screen seems to use this lamp's ID. Stop one of the two.",
        ),
        (
            Known(LinkState(up=True, bridge_up=True, trouble=Trouble.REFUSED), 0),
            "The lamp's broker refuses this screen. Check its access rules.",
        ),
    ],
)
def test_it_says_what_is_wrong_and_what_to_do(known: Known, words: str) -> None:
    assert advice(known, str) == words
