"""What may be true of each lamp, going by what was reported as done; and what broke a promise."""

import math
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

ABSENT = "absent"
NOBODY = "nobody"
OK = "ok"
REFUSED = "refused"
UNKNOWN = "unknown"
"""The caller died, or its database did: done or not done, either is fine."""


@dataclass(frozen=True)
class Outcome:
    """What one call reported; ``reason`` is the name of the refusal."""

    verb: str
    user: str | None
    code: str | None
    result: str
    reason: str | None = None
    device_id: str | None = None
    offer: str | None = None
    """The code of an offer that was made."""


@dataclass
class ModelLamp:
    """One lamp: the owners that it may have, and what it said of itself."""

    device_id: str
    real: bool = False
    stock: bool = False
    """Whether its bridge is named as that of a stock lamp, and its screen is a stock one."""
    possible: set[str] = field(default_factory=lambda: {ABSENT})
    up: bool = False
    busy: bool = False
    up_since_settling: bool = False
    announced_at: float = -1.0
    forgotten_at: float = -2.0
    reset_due_at: float | None = None
    """Since when a reset of its owner may be due, by the monotonic clock: the daemon releases it at any moment."""
    reported: Counter[str] = field(default_factory=Counter)

    def admitted(self) -> set[str]:
        """Return what may be true now: a forgotten lamp that is up comes back when the daemon hears of it again."""
        comes_back = ABSENT in self.possible and (self.up or self.up_since_settling)
        if comes_back or (self.reset_due_at is not None and self.owners()):
            return self.possible | {NOBODY}
        return self.possible

    def owners(self) -> list[str]:
        """Return the names of the users who may own it."""
        return sorted(state.removeprefix("user ") for state in self.possible - {ABSENT, NOBODY})

    def must_be_known(self) -> bool:
        """Tell whether it said that it is up after it was last forgotten."""
        return self.up and self.announced_at > self.forgotten_at


class Violations:
    """The promises that were broken; may be told on any thread."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._lock = threading.Lock()

    def add(self, what: str) -> None:
        with self._lock:
            self.found.append(what)


class Model:
    """Every lamp of a run, and the counts of what was reported."""

    def __init__(self, violations: Violations) -> None:
        self.lamps: dict[str, ModelLamp] = {}
        self.reported: Counter[str] = Counter()
        self._violations = violations
        self._won: dict[tuple[str, str], str] = {}

    def is_up(self, device_id: str) -> bool:
        """Tell whether a lamp is up."""
        lamp = self.lamps.get(device_id)
        return lamp is not None and lamp.up

    def count(self, lamp: ModelLamp, outcome: Outcome) -> None:
        """Count what a call reported that changes no owner."""
        for reported in (self.reported, lamp.reported):
            reported[f"{outcome.verb} {outcome.result}"] += 1

    def apply(self, lamp: ModelLamp, outcomes: Sequence[Outcome], began: float = math.inf) -> None:
        """Take in what calls reported that began at a time and ran side by side on one lamp, all with the same verb."""
        for outcome in outcomes:
            self.count(lamp, outcome)
        before = lamp.admitted()
        done = [outcome for outcome in outcomes if outcome.result == OK]
        if len(done) > 1 and outcomes[0].verb != "forget":
            self._break(lamp, f"{outcomes[0].verb} succeeded {len(done)} times at once: {done}")
        for outcome in outcomes:
            self._count_win(lamp, outcome)
        wanted = {self._after(outcome) for outcome in outcomes if outcome.result == UNKNOWN}
        refused = [outcome for outcome in outcomes if outcome.result == REFUSED]
        if refused and not done and not wanted:
            # A lamp may come up between two calls, which then were refused for different reasons.
            may_have_come = lamp.up or lamp.up_since_settling
            left = [self._narrow(lamp, before, outcome) for outcome in refused]
            before = set.union(*left) if may_have_come else set.intersection(*left)
            if not before:
                self._break(lamp, f"it was refused for reasons that exclude one another: {refused}")
        fits = before & self._needs(outcomes[0].verb, before)
        if done:
            if not fits:
                self._break(lamp, f"{done[0]} succeeded although it was {before}")
            lamp.possible = {self._after(done[0])}
            if lamp.reset_due_at is not None and lamp.reset_due_at < began:
                lamp.reset_due_at = None  # that was asked against an owner before this one
        else:
            lamp.possible = before | (wanted if fits else set())
        if outcomes[0].verb == "forget" and ABSENT in lamp.possible and (done or wanted):
            lamp.forgotten_at = time.monotonic()

    def _count_win(self, lamp: ModelLamp, outcome: Outcome) -> None:
        if outcome.result != OK or outcome.code is None:
            return
        if outcome.device_id != lamp.device_id:
            self._break(lamp, f"its code gave away the lamp {outcome.device_id}")
        key = (lamp.device_id, outcome.code)
        if key in self._won:
            self._break(lamp, f"code {outcome.code} was won twice, by {self._won[key]} and {outcome.user}")
        self._won[key] = str(outcome.user)

    def _narrow(self, lamp: ModelLamp, before: set[str], outcome: Outcome) -> set[str]:
        """Return what a refusal leaves possible."""
        allowed = {
            "UnknownLamp": {ABSENT},
            "NotAssociated": {NOBODY},
            "AlreadyAssociated": {state for state in before if state not in (ABSENT, NOBODY)},
        }.get(outcome.reason or "")
        if allowed is None:
            return before
        left = before & allowed
        if not left:
            self._break(lamp, f"{outcome.verb} was refused ({outcome.reason}) although it was {before}")
            return before
        return left

    @staticmethod
    def _needs(verb: str, before: set[str]) -> set[str]:
        if verb == "associate":
            return {NOBODY}
        if verb in ("release", "take"):
            return before - {ABSENT, NOBODY}
        return before - {ABSENT}

    @staticmethod
    def _after(outcome: Outcome) -> str:
        return {"release": NOBODY, "forget": ABSENT}.get(outcome.verb, f"user {outcome.user}")

    def _break(self, lamp: ModelLamp, what: str) -> None:
        self._violations.add(f"{lamp.device_id}: {what}")
