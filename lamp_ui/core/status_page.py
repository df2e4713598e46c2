"""The content of the status page: what is wrong, what to do, and the facts. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from lamp_ui.core.i18n import Say
from lamp_ui.core.lamp_control import Knowledge
from lamp_ui.core.link_state import LinkState
from lamp_ui.core.reset_dialog import answer_words
from lamp_ui.core.view_state import HoldWords, StatusPage, StatusRow
from shared.mqtt.trouble import Trouble
from shared.protocol.reset import Reset


@dataclass(frozen=True)
class About:
    """Constant facts about the program; ``broker`` is its address, without a password."""

    device_id: str
    versions: tuple[str, ...]
    broker: str


@dataclass(frozen=True)
class MachineFacts:
    """The machine's IP addresses and its clock (local time) at one moment."""

    addresses: tuple[str, ...]
    clock: datetime


@dataclass(frozen=True)
class Known:
    """What is known about the connections, the lamp's service and the owner.

    ``last_message_seconds`` is when the last message arrived, relative to when the machine's facts were read: negative
    if before, None for never. ``code_expired`` is whether the code on the screen should have been replaced. ``reset``
    is the cloud's answer to a request at the lamp, ``may_ask_reset`` whether there can be another one now.
    """

    link: LinkState
    last_message_seconds: float | None
    lamp: Knowledge = Knowledge.KNOWN
    owner_known: bool = True
    code_expired: bool = False
    may_ask_reset: bool = False
    reset: Reset | None = None


def status_page(about: About, facts: MachineFacts, known: Known, say: Say) -> StatusPage:
    """Return the page in the user's language.

    The time of the last message is calculated from the clock and the seconds since then: a Pi has no battery-backed
    clock, so its clock may have been wrong when the message arrived.
    """
    broker = say("connected") if known.link.up else say("unreachable")
    return StatusPage(
        title=say("Status"),
        advice=advice(known, say, facts.clock.tzinfo),
        rows=(
            StatusRow(say("ID"), about.device_id),
            StatusRow(say("Network"), "\n".join(facts.addresses) or say("none")),
            StatusRow(say("Broker"), f"{broker}\n{about.broker}"),
            StatusRow(say("Cloud"), _bridge(known.link, say)),
            StatusRow(say("Last heard"), _last_message(facts.clock, known.last_message_seconds, say)),
            StatusRow(say("Software"), "\n".join(about.versions)),
        ),
        close_words=say("Close"),
        reset=HoldWords(say("Hold 5 s: reset ownership"), say("Keep holding…")) if known.may_ask_reset else None,
    )


def advice(known: Known, say: Say, zone: tzinfo | None = None) -> str:
    """Return what is wrong and what to do, or what will happen, in one or two sentences, with times in ``zone``."""
    link = known.link
    faults = (
        (
            link.trouble is Trouble.TAKEN_OVER,
            say("Another screen seems to use this lamp's ID. Stop one of the two."),
        ),
        (
            link.trouble is Trouble.REFUSED,
            say("The lamp's broker refuses this screen. Check its access rules."),
        ),
        (not link.up, say("Not connected to the lamp's own broker. Retrying every few seconds.")),
        (
            link.bridge_up is None,
            say("The bridge to the cloud has not reported yet. Check that the broker has one."),
        ),
        (not link.bridge_up, say("The cloud is not connected. Check the network; the lamp keeps trying.")),
        (
            known.lamp is Knowledge.UNKNOWN,
            say("The lamp's service has not reported yet. Check that it is running."),
        ),
        (
            known.lamp is Knowledge.PARTIAL,
            say("The lamp has not reported yet whether it is on. Check its service."),
        ),
        (known.lamp is Knowledge.UNANSWERED, say("The lamp's service did not answer. Check that it is running.")),
        (
            not known.owner_known,
            say("The cloud has not reported yet who owns this lamp. Check that its daemon is running."),
        ),
        (
            known.code_expired,
            say("The code has expired without a new one. Check that the cloud's daemon is running."),
        ),
    )
    reset = "" if known.reset is None else answer_words(known.reset, zone, say)
    return next((words for is_so, words in faults if is_so), reset or say("Everything works."))


def _bridge(link: LinkState, say: Say) -> str:
    if not link.usable or link.bridge_up is None:
        return say("unknown")
    return say("connected") if link.bridge_up else say("not connected")


def _last_message(clock: datetime, seconds: float | None, say: Say) -> str:
    if seconds is None:
        return say("nothing yet")
    came = clock + timedelta(seconds=seconds)
    return f"{came:%H:%M:%S}" if came.date() == clock.date() else f"{came:%Y-%m-%d %H:%M}"
