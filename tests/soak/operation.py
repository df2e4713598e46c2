"""Calls that change a lamp's owner, from the order to what the model makes of their outcomes."""

import time
from typing import TYPE_CHECKING

from tests.soak.model import ModelLamp, Outcome

if TYPE_CHECKING:
    from tests.soak.actions import Actions


class Operation:
    """Calls that run side by side on one lamp; their outcomes are taken in together."""

    def __init__(self, actions: "Actions", lamp: ModelLamp, expected: int, last: bool = True) -> None:
        self._actions = actions
        self._lamp = lamp
        self._expected = expected
        self._last = last
        self._began = time.monotonic()
        self._outcomes: list[Outcome] = []

    def tell(self, outcome: Outcome) -> None:
        with self._actions.lock:
            self._outcomes.append(outcome)
            if len(self._outcomes) == self._expected:
                self._actions.world.model.apply(self._lamp, self._outcomes, self._began)
                if self._last:
                    self._lamp.busy = False
                    self._actions.under_way -= 1
                    self._actions.changed.set()
