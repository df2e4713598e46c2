"""The content of an unclaimed lamp's popup: its code, where to enter it, and whether it can be used now. Pure."""

from lamp_ui.core.claim_url import scanned_address, shown_address
from lamp_ui.core.code_lifetime import CodeAge
from lamp_ui.core.i18n import Say
from lamp_ui.core.link_state import LinkState
from lamp_ui.core.view_state import PopupState
from shared.protocol.codes import grouped
from shared.protocol.payloads import Unassociated


def popup_state(
    unassociated: Unassociated, device_id: str, age: CodeAge, *, link: LinkState, identified: bool, say: Say
) -> PopupState:
    """Return the popup in the user's language."""
    scanned = scanned_address(unassociated.url, unassociated.code)
    return PopupState(
        title=say("Is this the lamp?") if identified else say("Associate your Lamp"),
        code_groups=tuple(grouped(unassociated.code[: unassociated.short_code_length]).split()),
        instruction=_instruction(shown_address(unassociated.url), scanned is not None, say),
        identity=say("Lamp {ending}").format(ending=device_id[-4:]),
        hint=_hint(age, link, say),
        scanned_address=scanned,
        identified=identified,
    )


def _instruction(address: str | None, scannable: bool, say: Say) -> str:
    if address is None and scannable:
        return say("Scan, or enter this code in your LAMPI account.")
    if address is None:
        return say("Enter this code in your LAMPI account to make this lamp yours.")
    # No full stop after an address: people would type it.
    words = (
        say("Scan, or enter this code at {address}")
        if scannable
        else say("Go to {address} and enter this code to make this lamp yours.")
    )
    return words.format(address=address)


def _hint(age: CodeAge, link: LinkState, say: Say) -> str:
    if not link.usable:
        return say("No connection. Tap the cross.")
    if link.bridge_up is None:
        return say("Waiting for the cloud")
    if not link.bridge_up:
        return say("Cloud unreachable. Please wait.")
    if age.expired:
        return say("Expired. A new code is coming.")
    if age.seconds_left is not None:
        return say("New code in {seconds} s").format(seconds=age.seconds_left)
    return say("Cloud connected")
