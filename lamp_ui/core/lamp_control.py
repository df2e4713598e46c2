"""The lamp's state: its last report, the user's requests, and their outcomes. Pure."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from math import inf

from shared.protocol.payloads import Color, LampConfig

CLIENT_NAME = "lamp_ui"
"""The ``client`` of the screen's requests, by which it recognizes the answers."""

REQUEST_INTERVAL_SECONDS = 0.055
"""Interval between requests while a finger moves: at most 20 a second, with a margin for the network's jitter."""

SETTLE_SECONDS = 1.5
"""How long after the last request echoes of earlier ones may still arrive; then the lamp's report counts."""

PENDING_SECONDS = 0.25
"""How long an answer may take before the screen shows that it is waiting; most arrive within a few milliseconds."""

ANSWER_SECONDS = 3.0
"""Timeout for an answer; then the screen shows the lamp's last report again."""

SAME_VALUE = 0.01
"""Values that differ by at most this are considered equal: lamps round the values that they are set to."""


class Control(Enum):
    """A value that a slider sets."""

    HUE = "hue"
    SATURATION = "saturation"
    BRIGHTNESS = "brightness"


class Knowledge(Enum):
    """How reliable the displayed state of the lamp is."""

    UNKNOWN = auto()
    """The lamp's service has reported nothing over this connection, or there is no connection."""
    PARTIAL = auto()
    """The lamp's service has reported something, but not whether the lamp is on."""
    KNOWN = auto()
    PENDING = auto()
    """A request is under way: the requested state is shown."""
    UNANSWERED = auto()
    """The last request was not answered: the last reported state is shown."""


@dataclass(frozen=True)
class Lamp:
    """A lamp's state: numbers from 0 to 1, and whether it is on; None for what it has not reported."""

    hue: float | None = None
    saturation: float | None = None
    brightness: float | None = None
    on: bool | None = None


class LampControl:
    """Keeps the lamp's reports and the user's requests apart, so that no echo moves a slider under the finger.

    A requested value is shown until the lamp has answered and `SETTLE_SECONDS` have passed, until another client
    changes it after the answer, or until no answer has come for `ANSWER_SECONDS`. An answer is a report with our
    client name or with the requested values; another client's change doesn't count. A value that the lamp has not
    reported can't be changed. An instance serves one connection. Every ``now`` is in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self._reported = Lamp()
        self._requested: dict[str, float | bool] = {}
        self._held: set[str] = set()
        self._unsent = False
        self._answered = True
        self._failed = False
        self._withdrawn = False
        self._sent_at = -inf
        self._waits_since = -inf

    @property
    def shown(self) -> Lamp:
        """The state to show."""
        return replace(self._reported, **self._requested)  # type: ignore[arg-type]  # the types of Lamp's own fields

    def knowledge(self, now: float) -> Knowledge:
        """Return how reliable that state is."""
        if not self._answered and now >= self._waits_since + PENDING_SECONDS:
            return Knowledge.PENDING
        if self._failed:
            return Knowledge.UNANSWERED
        if self._reported.on is None:
            return Knowledge.UNKNOWN if self._reported == Lamp() else Knowledge.PARTIAL
        return Knowledge.KNOWN

    def receive(self, config: LampConfig, now: float) -> None:
        """Process a report of the lamp."""
        named: dict[str, float | bool] = {}
        if config.color is not None:
            named |= {Control.HUE.value: config.color.h, Control.SATURATION.value: config.color.s}
        if config.brightness is not None:
            named[Control.BRIGHTNESS.value] = config.brightness
        if config.on is not None:
            named["on"] = config.on
        self._reported = replace(self._reported, **named)  # type: ignore[arg-type]
        self._failed = False
        if config.client == CLIENT_NAME:
            self._answered = True
            self.settle(now)
        elif not self._unsent:
            self._answered = self._answered or self._is_fulfilled()
            if self._answered:
                for name in named.keys() - self._held:
                    self._requested.pop(name, None)

    def move(self, control: Control, value: float) -> None:
        """Request a value; the finger stays on the control until `let_go`.

        Making a lamp brighter that is off also switches it on, and so does touching the slider's knob: a lamp at full
        brightness can't be made brighter.
        """
        before = getattr(self.shown, control.value)
        if before is None:
            return
        touched = control.value not in self._held and value >= before - SAME_VALUE
        self._held.add(control.value)
        self._request(control.value, value)
        if control is Control.BRIGHTNESS and (value > before or touched) and self.shown.on is False:
            self._request("on", True)

    def let_go(self, control: Control) -> None:
        """Record that the finger has left the control."""
        self._held.discard(control.value)

    def switch(self) -> None:
        """Request the opposite of on or off."""
        if self.shown.on is not None:
            self._request("on", not self.shown.on)

    def cancel(self) -> None:
        """Discard all requests."""
        self._requested.clear()
        self._unsent, self._answered = False, True

    def fail(self) -> None:
        """Show the last report again: a request could not be sent, or was not answered."""
        if self._requested:
            self.cancel()
            self._failed = True

    def settle(self, now: float) -> None:
        """Show the last report again if no answer came in time, or no echo can be under way any more."""
        if now >= self._fails_at:
            self.fail()
            self._withdrawn = True
        elif self._requested and now >= self._settles_at:
            self._requested.clear()

    def take_request(self, now: float) -> LampConfig | None:
        """Return the request to send now, or None if there is none or it is too soon.

        It contains every member that the lamp has reported, like the requests of a stock LAMPI.
        """
        if not self._unsent or now < self._sent_at + REQUEST_INTERVAL_SECONDS:
            return None
        if self._answered:
            self._waits_since = now
        self._unsent, self._answered, self._failed, self._sent_at = False, False, False, now
        shown = self.shown
        color = None if shown.hue is None or shown.saturation is None else Color(shown.hue, shown.saturation)
        return LampConfig(color, shown.brightness, shown.on, CLIENT_NAME)

    def take_withdrawal(self) -> bool:
        """Return True once after a request was given up, which must not take effect later."""
        withdrawn, self._withdrawn = self._withdrawn, False
        return withdrawn

    def next_at(self, now: float) -> float:
        """Return when `take_request`, `settle` or `knowledge` will next have something new; infinity for never."""
        pending = inf if self._answered else self._waits_since + PENDING_SECONDS
        sends = self._sent_at + REQUEST_INTERVAL_SECONDS if self._unsent else inf
        settles = self._settles_at if self._requested else inf
        return min(sends, settles, self._fails_at, pending if pending > now else inf)

    @property
    def _settles_at(self) -> float:
        waiting = self._held or self._unsent or not self._answered
        return inf if waiting else self._sent_at + SETTLE_SECONDS

    @property
    def _fails_at(self) -> float:
        waiting = not self._answered and not self._held and not self._unsent
        return self._sent_at + ANSWER_SECONDS if waiting else inf

    def _is_fulfilled(self) -> bool:
        reported = {name: getattr(self._reported, name) for name in self._requested}
        return all(abs(reported[name] - value) <= SAME_VALUE for name, value in self._requested.items())

    def _request(self, name: str, value: float | bool) -> None:
        if self._requested.get(name) != value or name == "on":
            self._requested[name] = value
            self._unsent = True
