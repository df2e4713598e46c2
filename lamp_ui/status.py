"""The status page: what somebody needs who has to find out what is wrong. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lamp_ui.view_state import StatusPage, StatusRow
from lamp_ui.words import Say


@dataclass(frozen=True)
class About:
    """What the program knows of itself and does not change; ``broker`` is its address, without a password."""

    device_id: str
    versions: tuple[str, ...]
    broker: str


@dataclass(frozen=True)
class MachineFacts:
    """What the machine says when it is asked: its IP addresses, and what its clock shows (local time)."""

    addresses: tuple[str, ...]
    clock: datetime


@dataclass(frozen=True)
class News:
    """What was heard: the link and the bridge, and when the last message came.

    ``last_message_seconds`` counts from when the machine's facts were read: before them is negative,
    None is never.
    """

    link_up: bool
    bridge_up: bool
    last_message_seconds: float | None


def status_page(about: About, facts: MachineFacts, news: News, say: Say) -> StatusPage:
    """Return the page in a person's language.

    A Pi has no clock of its own and learns the time from the network, so that only seconds that
    passed can be trusted: when a message came is counted back from what the clock shows now.
    """
    broker = say("connected") if news.link_up else say("away")
    return StatusPage(
        title=say("Status"),
        rows=(
            StatusRow(say("Lamp"), about.device_id),
            StatusRow(say("IP address"), "\n".join(facts.addresses) or say("none")),
            StatusRow(say("Versions"), "\n".join(about.versions)),
            StatusRow(say("Broker"), f"{broker}\n{about.broker}"),
            StatusRow(say("Bridge to the cloud"), _bridge(news, say)),
            StatusRow(say("Last message"), _last_message(facts.clock, news.last_message_seconds, say)),
        ),
        close_words=say("Close"),
    )


def _bridge(news: News, say: Say) -> str:
    if not news.link_up:
        return say("unknown")
    return say("connected") if news.bridge_up else say("away")


def _last_message(clock: datetime, seconds: float | None, say: Say) -> str:
    if seconds is None:
        return say("none yet")
    came = clock + timedelta(seconds=seconds)
    return f"{came:%H:%M:%S}" if came.date() == clock.date() else f"{came:%Y-%m-%d %H:%M}"
