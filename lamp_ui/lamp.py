"""The lamp itself: what it said, what the finger asks of it, and what became of that. Pure; time is an argument."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from math import inf

from shared.payloads import Color, LampConfig

CLIENT_NAME = "lamp_ui"
"""By which the screen signs what it asks for, and knows its own echoes."""

REQUEST_INTERVAL_SECONDS = 0.055
"""Between two requests while a finger moves: at most 20 a second, and the network's jitter makes no 21st."""

SETTLE_SECONDS = 1.5
"""After the last request, echoes of earlier ones may still be on their way; then what the lamp said counts."""

PENDING_SECONDS = 0.25
"""How long an answer may take before the screen shows that it waits: most come within a few milliseconds."""

ANSWER_SECONDS = 3.0
"""How long an answer may take at all; then the screen goes back to what the lamp last said."""


class Control(Enum):
    """What a finger can slide."""

    HUE = "hue"
    SATURATION = "saturation"
    BRIGHTNESS = "brightness"


class Knowledge(Enum):
    """How far what the screen shows of the lamp can be relied on."""

    UNKNOWN = auto()
    """The lamp's service has not been heard over this connection, or there is no connection."""
    KNOWN = auto()
    PENDING = auto()
    """A request is under way: what is shown is what was asked for."""
    UNANSWERED = auto()
    """The last request was not answered: what is shown is what the lamp said before it."""


_COLOUR = {Control.HUE.value, Control.SATURATION.value}


@dataclass(frozen=True)
class Lamp:
    """What a lamp shows: numbers from 0 to 1, and whether it is on at all; None for what it has not said."""

    hue: float | None = None
    saturation: float | None = None
    brightness: float | None = None
    on: bool | None = None


class LampControl:
    """Keeps what the lamp said and what the finger asked apart, so that no echo moves a slider under the finger.

    A member that was asked for shows what was asked until somebody else sets it, until the lamp has
    answered and `SETTLE_SECONDS` are over, or until no answer has come for `ANSWER_SECONDS`. What the
    lamp has not said can't be changed. One of these serves one connection: what was said and asked ends
    with it. Every ``now`` is in seconds of one clock that doesn't go backwards.
    """

    def __init__(self) -> None:
        self._said = Lamp()
        self._asked: dict[str, float | bool] = {}
        self._held: set[str] = set()
        self._unsent = False
        self._answered = True
        self._failed = False
        self._sent_at = -inf
        self._waits_since = -inf

    @property
    def shown(self) -> Lamp:
        """What the screen is to show."""
        return replace(self._said, **self._asked)  # type: ignore[arg-type]  # the names and types of Lamp's own fields

    def knowledge(self, now: float) -> Knowledge:
        """Return how far that can be relied on."""
        if self._said.on is None:
            return Knowledge.UNKNOWN
        if not self._answered and now >= self._waits_since + PENDING_SECONDS:
            return Knowledge.PENDING
        return Knowledge.UNANSWERED if self._failed else Knowledge.KNOWN

    def hear(self, config: LampConfig, now: float) -> None:
        """Take note of what the lamp says that it shows now."""
        named: dict[str, float | bool] = {}
        if config.color is not None:
            named |= {Control.HUE.value: config.color.h, Control.SATURATION.value: config.color.s}
        if config.brightness is not None:
            named[Control.BRIGHTNESS.value] = config.brightness
        if config.on is not None:
            named["on"] = config.on
        self._said = replace(self._said, **named)  # type: ignore[arg-type]
        self._failed = False
        if config.client == CLIENT_NAME:
            self._answered = True
            self.settle(now)
        elif not self._unsent:
            for name in named.keys() - self._held:
                self._asked.pop(name, None)
            self._answered = self._answered or not self._asked

    def move(self, control: Control, value: float) -> None:
        """Ask for a value; the finger stays on the control until `let_go`.

        A lamp that is off and is made brighter is switched on as well: else nothing would be seen to happen.
        """
        before = getattr(self.shown, control.value)
        if before is None:
            return
        self._held.add(control.value)
        self._ask(control.value, value)
        if control is Control.BRIGHTNESS and value > before and self.shown.on is False:
            self._ask("on", True)

    def let_go(self, control: Control) -> None:
        """Note that the finger has left."""
        self._held.discard(control.value)

    def switch(self) -> None:
        """Ask for the lamp to be on where it is off, and off where it is on."""
        if self.shown.on is not None:
            self._ask("on", not self.shown.on)

    def fail(self) -> None:
        """Go back to what the lamp last said: what was asked could not be sent, or was not answered."""
        if self._asked:
            self._asked.clear()
            self._unsent, self._answered, self._failed = False, True, True

    def settle(self, now: float) -> None:
        """Go back to what the lamp said, once nothing that was asked can still be on its way."""
        if now >= self._fails_at:
            self.fail()
        elif self._asked and now >= self._settles_at:
            self._asked.clear()

    def take_request(self, now: float) -> LampConfig | None:
        """Return what to ask of the lamp now, or None where there is nothing or it is too soon.

        It names all that is known of the lamp, as a LAMPI always did.
        """
        if not self._unsent or now < self._sent_at + REQUEST_INTERVAL_SECONDS:
            return None
        if self._answered:
            self._waits_since = now
        self._unsent, self._answered, self._failed, self._sent_at = False, False, False, now
        shown = self.shown
        color = None if shown.hue is None or shown.saturation is None else Color(shown.hue, shown.saturation)
        return LampConfig(color, shown.brightness, shown.on, CLIENT_NAME)

    def next_at(self, now: float) -> float:
        """Return when `take_request`, `settle` or `knowledge` will next have something new; infinity for never."""
        pending = inf if self._answered else self._waits_since + PENDING_SECONDS
        sends = self._sent_at + REQUEST_INTERVAL_SECONDS if self._unsent else inf
        settles = self._settles_at if self._asked else inf
        return min(sends, settles, self._fails_at, pending if pending > now else inf)

    @property
    def _settles_at(self) -> float:
        waiting = self._held or self._unsent or not self._answered
        return inf if waiting else self._sent_at + SETTLE_SECONDS

    @property
    def _fails_at(self) -> float:
        waiting = not self._answered and not self._held and not self._unsent
        return self._sent_at + ANSWER_SECONDS if waiting else inf

    def _ask(self, name: str, value: float | bool) -> None:
        if self._asked.get(name) != value or name == "on":
            self._asked[name] = value
            self._unsent = True
