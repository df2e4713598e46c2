"""Screenshots of a reset at the lamp: the button, the dialog, and the status page."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from lamp_ui.core.i18n import Say
from lamp_ui.core.reset_dialog import GIVE_UP_SECONDS
from shared.protocol.payloads import Associated
from shared.protocol.reset import Reset, ResetStage
from tests.support.looks import next_look, settled, tap_mark
from tests.support.resets import half_held, hold_button, tap_close, tap_confirm
from tests.support.screen import CloudVoice, Touchscreen
from tests.support.waiting import DEADLINE_SECONDS, wait_until

UNTIL = datetime(2026, 11, 28, 21, 0, tzinfo=UTC)


def take(lamp: Touchscreen, cloud: CloudVoice, say: Say) -> Iterator[tuple[str, Image.Image]]:
    """Yield the dialog for a reset and what the status page says of it; it begins and ends on the lamp's own screen."""

    def answer(stage: ResetStage, **members: Any) -> None:
        cloud.say(Associated(reset=Reset(stage, **members)).encode())

    shown = settled(lamp)
    tap_mark(lamp)
    next_look(lamp, shown)
    lamp.screen.press(*hold_button(lamp))
    yield "reset-held", half_held(lamp)
    lamp.wait_for_text(say("Asking the cloud…").rstrip(" …"))
    lamp.screen.lift()
    yield "reset-asking", (shown := settled(lamp))
    answer(ResetStage.OFFERED, ticket="f0" * 16, wait=0)
    yield "reset-offered-at-once", (shown := next_look(lamp, shown))
    answer(ResetStage.OFFERED, ticket="0f" * 16, wait=24 * 3600)
    yield "reset-offered", (shown := next_look(lamp, shown))
    tap_confirm(lamp)
    shown = next_look(lamp, shown)
    wait_until(lambda: lamp.screen.grab() != shown, "the dialog to give up", GIVE_UP_SECONDS + DEADLINE_SECONDS)
    yield "reset-unanswered", (shown := settled(lamp))
    answer(ResetStage.REQUESTED, until=UNTIL)
    yield "reset-requested", (shown := next_look(lamp, shown))
    tap_close(lamp)
    yield "status-reset-requested", (shown := next_look(lamp, shown))
    answer(ResetStage.REFUSED, until=UNTIL)
    yield "status-reset-refused", (shown := next_look(lamp, shown))
    answer(ResetStage.DENIED)
    yield "status-reset-denied", (shown := next_look(lamp, shown))
    cloud.say(Associated().encode())
    shown = next_look(lamp, shown)
    tap_mark(lamp)
    next_look(lamp, shown)
