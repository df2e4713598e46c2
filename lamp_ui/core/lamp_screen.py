"""The content of the lamp's own screen. Pure."""

from lamp_ui.core.display_name import plain
from lamp_ui.core.i18n import Say, hue_name, percent
from lamp_ui.core.lamp_control import Control, Knowledge, Lamp
from lamp_ui.core.link_state import LinkState
from lamp_ui.core.view_state import ControlWords, LampScreen, Reach
from shared.mqtt.trouble import Trouble
from shared.protocol.payloads import Associated, Association


def lamp_screen(
    device_id: str, lamp: Lamp, knowledge: Knowledge, *, association: Association | None, link: LinkState, say: Say
) -> LampScreen:
    """Return the screen in the user's language."""
    name = plain(association.name or "") if isinstance(association, Associated) else ""
    unnamed = f"LAMPI {device_id[-4:]}"
    power = {None: say("Unknown"), True: say("On"), False: say("Off")}
    hue = "" if lamp.hue is None else hue_name(lamp.hue, say)
    saturation, brightness = ("" if at is None else percent(at, say) for at in (lamp.saturation, lamp.brightness))
    return LampScreen(
        headline=name or unnamed,
        unnamed=unnamed,
        named=bool(name),
        lamp=lamp,
        knowledge=knowledge,
        power_words=power[lamp.on],
        notice=_notice(knowledge, association is not None, link, say),
        control_words={
            Control.HUE: ControlWords(say("Hue"), hue),
            Control.SATURATION: ControlWords(say("Saturation"), saturation),
            Control.BRIGHTNESS: ControlWords(say("Brightness"), brightness),
        },
    )


def connection_words(connection: Reach, say: Say) -> str:
    """Return how far the connection reaches, in the user's language."""
    if connection is Reach.CLOUD:
        return say("Cloud connected")
    return say("Waiting for the cloud") if connection is Reach.LOCAL_ONLY else say("No connection")


def _notice(knowledge: Knowledge, owner_known: bool, link: LinkState, say: Say) -> str:
    # Shorter than on the status page, to be legible beside the disc.
    if link.trouble is Trouble.TAKEN_OVER:
        return say("Another screen seems to use this ID. Tap the cross.")
    if link.trouble is Trouble.REFUSED:
        return say("The broker refuses this screen. Tap the cross.")
    if not link.up:
        return say("Not connected to the lamp's broker. Retrying.")
    owner_missing = link.bridge_up and not owner_known
    return {
        Knowledge.UNKNOWN: say("The lamp's service has not reported yet."),
        Knowledge.PARTIAL: say("The lamp has not reported yet whether it is on."),
        Knowledge.PENDING: say("Waiting for the lamp…"),
        Knowledge.UNANSWERED: say("The lamp did not answer. This is what it last reported."),
        Knowledge.KNOWN: say("The cloud has not reported yet who owns this lamp.") if owner_missing else "",
    }[knowledge]
