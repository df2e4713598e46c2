"""The dialog in which a user at the lamp asks the cloud to release it. Pure; time is an argument.

What it shows follows from the cloud's answer, which the lamp's broker retains: asked again, the cloud says the same.
"""

from datetime import datetime, tzinfo
from math import ceil, inf

from lamp_ui.core.i18n import Say
from lamp_ui.core.view_state import ResetPage
from shared.protocol.reset import Reset, ResetRequest, ResetStage

REPEAT_SECONDS = 5.0
GIVE_UP_SECONDS = 20.0


class ResetDialog:
    """Sends requests until the cloud has answered, and gives up after a while."""

    def __init__(self) -> None:
        self._is_open = False
        self._ticket: str | None = None
        self._send_at = self._until = -inf
        self._answer: Reset | None = None

    def open(self, now: float) -> None:
        """Open the dialog, and ask the cloud for an offer."""
        self._is_open, self._ticket = True, None
        self._ask(now)

    def confirm(self, now: float) -> None:
        """Confirm the offer that is shown."""
        if self._is_open and self._answer is not None and self._answer.stage is ResetStage.OFFERED:
            self._ticket = self._answer.ticket
            self._ask(now)

    def close(self) -> None:
        """Close the dialog. What the cloud has received by now stays requested."""
        self._is_open = False

    def receive(self, answer: Reset | None) -> None:
        """Process the cloud's answer. If an answer ends that was shown, so does the dialog."""
        if answer is None and self._has_answer:
            self.close()
        self._answer = answer

    def take_request(self, now: float) -> ResetRequest | None:
        """Return the request to send now, or None."""
        if not self._waits(now) or now < self._send_at:
            return None
        self._send_at = now + REPEAT_SECONDS
        return ResetRequest(self._ticket)

    def next_at(self, now: float) -> float:
        """Return when time alone will change something; infinity for never."""
        return min(self._send_at, self._until) if self._waits(now) else inf

    def page(self, now: float, zone: tzinfo | None, say: Say) -> ResetPage | None:
        """Return what the dialog shows, with times in ``zone``; None while it is closed."""
        if not self._is_open:
            return None
        answer = self._answer if self._has_answer else None
        if answer is not None and answer.stage is ResetStage.OFFERED:
            return _offer(answer, say)
        if answer is not None:
            return ResetPage(say("Reset ownership"), answer_words(answer, zone, say), None, say("Close"))
        if self._waits(now):
            return ResetPage(say("Reset ownership"), say("Asking the cloud…"), None, say("Cancel"))
        return ResetPage(
            say("Reset ownership"), say("The cloud did not answer. Please try again later."), None, say("Close")
        )

    @property
    def _has_answer(self) -> bool:
        """Whether the cloud has answered what was asked last."""
        answer = self._answer
        return answer is not None and (answer.stage is not ResetStage.OFFERED or answer.ticket != self._ticket)

    def _waits(self, now: float) -> bool:
        return self._is_open and not self._has_answer and now < self._until

    def _ask(self, now: float) -> None:
        self._send_at, self._until = now, now + GIVE_UP_SECONDS


def _offer(offer: Reset, say: Say) -> ResetPage:
    if not offer.wait:
        words = say("The lamp is released at once: its owner loses it, and it shows a code.")
        return ResetPage(say("Reset ownership"), words, say("Reset now"), say("Cancel"))
    words = say("The owner has {hours} hours to refuse. After that, the lamp is released and shows a code.")
    words = words.format(hours=ceil(offer.wait / 3600))
    return ResetPage(say("Reset ownership"), words, say("Request reset"), say("Cancel"))


def answer_words(answer: Reset, zone: tzinfo | None, say: Say) -> str:
    """Return what the cloud has answered; empty for an offer, which says nothing about the lamp."""
    if answer.stage is ResetStage.DENIED:
        return say("This cloud does not allow resets at the lamp. Ask its operator.")
    if answer.until is None:
        return ""
    time = _shown(answer.until, zone)
    if answer.stage is ResetStage.REQUESTED:
        return say("Reset requested. The lamp is released on {time} unless its owner refuses.").format(time=time)
    return say("The owner refused the reset. It can be requested again from {time} on.").format(time=time)


def _shown(instant: datetime, zone: tzinfo | None) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}"
