"""The lamp itself: what it shows, what the finger asks of it, and when that is said. Pure; time is an argument."""

from dataclasses import dataclass, replace
from enum import Enum
from math import inf

from shared.payloads import Color, LampConfig

CLIENT_NAME = "lamp_ui"
"""By which the screen signs what it asks for, and knows its own echoes."""

REQUEST_INTERVAL_SECONDS = 0.055
"""Between two requests while a finger moves: at most 20 a second, and the network's jitter makes no 21st."""

SETTLE_SECONDS = 1.5
"""After the last request, echoes of earlier ones may still be on their way; then what the lamp said counts."""


class Control(Enum):
    """What a finger can slide."""

    HUE = "hue"
    SATURATION = "saturation"
    BRIGHTNESS = "brightness"


_COLOUR = {Control.HUE.value, Control.SATURATION.value}


@dataclass(frozen=True)
class Lamp:
    """What a lamp shows: numbers from 0 to 1, and whether it is on at all."""

    hue: float
    saturation: float
    brightness: float
    on: bool


NOT_YET_HEARD = Lamp(hue=0.09, saturation=0.62, brightness=0.75, on=True)
"""What the screen begins with, until the lamp says better."""


class LampControl:
    """Keeps what the lamp said and what the finger asked apart, so that no echo moves a slider under the finger.

    A member that was asked for shows what was asked until somebody else sets it, or until the lamp
    has answered and `SETTLE_SECONDS` are over. Every ``now`` is in seconds of one clock that doesn't
    go backwards.
    """

    def __init__(self) -> None:
        self._said = NOT_YET_HEARD
        self._known: set[str] = set()
        self._asked: dict[str, float | bool] = {}
        self._held: set[str] = set()
        self._unsent = False
        self._answered = True
        self._sent_at = -inf

    @property
    def shown(self) -> Lamp:
        """What the screen is to show."""
        return replace(self._said, **self._asked)  # type: ignore[arg-type]  # the names and types of Lamp's own fields

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
        self._known |= named.keys()
        if config.client == CLIENT_NAME:
            self._answered = True
            self.settle(now)
        elif not self._unsent:
            for name in named.keys() - self._held:
                self._asked.pop(name, None)

    def move(self, control: Control, value: float) -> None:
        """Ask for a value; the finger stays on the control until `let_go`."""
        self._held.add(control.value)
        self._ask(control.value, value)

    def let_go(self, control: Control) -> None:
        """Note that the finger has left."""
        self._held.discard(control.value)

    def switch(self) -> None:
        """Ask for the lamp to be on where it is off, and off where it is on."""
        self._ask("on", not self.shown.on)

    def lose_request(self) -> None:
        """Note that the last request has perhaps not arrived, so that it is made again.

        Not where somebody else has set since all that it asked for: that is old by now.
        """
        self._unsent = self._unsent or (bool(self._asked) and not self._answered)

    def settle(self, now: float) -> None:
        """Go back to what the lamp said, once nothing that was asked can still be on its way."""
        if self._asked and now >= self._settles_at:
            self._asked.clear()

    def take_request(self, now: float) -> LampConfig | None:
        """Return what to ask of the lamp now, or None where there is nothing or it is too soon.

        It names all that is known of the lamp, as a LAMPI always did, and nothing that is only guessed:
        who switches a lamp that has not been heard yet does not change its colour.
        """
        if not self._unsent or now < self._sent_at + REQUEST_INTERVAL_SECONDS:
            return None
        self._unsent, self._answered, self._sent_at = False, False, now
        shown, named = self.shown, self._known | self._asked.keys()
        return LampConfig(
            color=Color(shown.hue, shown.saturation) if named & _COLOUR else None,
            brightness=shown.brightness if Control.BRIGHTNESS.value in named else None,
            on=shown.on if "on" in named else None,
            client=CLIENT_NAME,
        )

    def next_at(self, *, can_send: bool) -> float:
        """Return when `take_request` or `settle` will next have something to do; infinity for never."""
        if self._unsent:
            return self._sent_at + REQUEST_INTERVAL_SECONDS if can_send else inf
        return self._settles_at if self._asked else inf

    @property
    def _settles_at(self) -> float:
        waiting = self._held or self._unsent or not self._answered
        return inf if waiting else self._sent_at + SETTLE_SECONDS

    def _ask(self, name: str, value: float | bool) -> None:
        if self._asked.get(name) != value or name == "on":
            self._asked[name] = value
            self._unsent = True
