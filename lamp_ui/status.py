"""The status page: what is wrong, what to do, and the facts behind it. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lamp_ui.lamp import Knowledge
from lamp_ui.view_state import StatusPage, StatusRow
from lamp_ui.words import Say
from shared.trouble import Trouble


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
    """What was heard: of the link, the bridge, the lamp's service and the cloud, and when the last message came.

    ``last_message_seconds`` counts from when the machine's facts were read: before them is negative,
    None is never.
    """

    link_up: bool
    bridge_up: bool
    last_message_seconds: float | None
    lamp: Knowledge = Knowledge.KNOWN
    association_heard: bool = True
    trouble: Trouble | None = None


def status_page(about: About, facts: MachineFacts, news: News, say: Say) -> StatusPage:
    """Return the page in a person's language.

    A Pi has no clock of its own and learns the time from the network, so that only seconds that
    passed can be trusted: when a message came is counted back from what the clock shows now.
    """
    broker = say("connected") if news.link_up else say("unreachable")
    return StatusPage(
        title=say("Status"),
        advice=advice(news, say),
        rows=(
            StatusRow(say("ID"), about.device_id),
            StatusRow(say("Network"), "\n".join(facts.addresses) or say("none")),
            StatusRow(say("Broker"), f"{broker}\n{about.broker}"),
            StatusRow(say("Cloud"), _bridge(news, say)),
            StatusRow(say("Last heard"), _last_message(facts.clock, news.last_message_seconds, say)),
            StatusRow(say("Software"), "\n".join(about.versions)),
        ),
        close_words=say("Close"),
    )


def advice(news: News, say: Say) -> str:
    """Return in a sentence or two what is wrong, and what to do."""
    if news.trouble is not None:
        return trouble_words(news.trouble, say)
    faults = (
        (not news.link_up, say("Not connected to the lamp's own broker. It is tried every few seconds.")),
        (not news.bridge_up, say("The cloud is not connected. Check the network; the lamp keeps trying.")),
        (
            news.lamp is Knowledge.UNKNOWN,
            say("The lamp's service has not reported yet. Check that it is running."),
        ),
        (news.lamp is Knowledge.UNANSWERED, say("The lamp's service did not answer. Check that it is running.")),
        (
            not news.association_heard,
            say("The cloud has not said yet whose lamp this is. Check that its daemon is running."),
        ),
    )
    return next((words for is_so, words in faults if is_so), say("Everything works."))


def trouble_words(trouble: Trouble, say: Say) -> str:
    """Return what a person is to know of a trouble with the lamp's broker."""
    if trouble is Trouble.TAKEN_OVER:
        return say("Another screen seems to use this lamp's ID. Stop one of the two.")
    return say("The lamp's broker does not let this screen listen. Check its access rules.")


def _bridge(news: News, say: Say) -> str:
    if not news.link_up:
        return say("unknown")
    return say("connected") if news.bridge_up else say("not connected")


def _last_message(clock: datetime, seconds: float | None, say: Say) -> str:
    if seconds is None:
        return say("nothing yet")
    came = clock + timedelta(seconds=seconds)
    return f"{came:%H:%M:%S}" if came.date() == clock.date() else f"{came:%Y-%m-%d %H:%M}"
