"""Resets at lamps, as the lamps' users and their owners go about them, beside everything else that happens."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.protocol.reset import ResetStage
from tests.soak.model import NOBODY, OK, ModelLamp, Outcome
from tests.soak.reset_ledger import ResetLedger

if TYPE_CHECKING:
    from tests.soak.actions import Actions

_REPEATED = 6
"""A lamp repeats a request that is not answered, after this many steps, as the touchscreen does."""
_GIVEN_UP = 60
_LOOKED_AT = 15
"""Lamps that may begin to ask, in each step."""


@dataclass
class _Asking:
    """A lamp whose user wants it reset."""

    lamp: ModelLamp
    confirms: bool
    steps: int = 0


class ResetsAtLamps:
    """A few lamps at a time ask; then their owners refuse or don't, and a day passes or doesn't."""

    def __init__(self, actions: "Actions") -> None:
        self._actions = actions
        self._services = actions.world.pool.services
        self._asking: dict[str, _Asking] = {}
        self._deciding: set[str] = set()
        self.ledger = ResetLedger(self._services.confirmed)

    def step(self) -> None:
        """Have other lamps ask, and those that have asked get on."""
        dice, lamps = self._actions.dice, list(self._actions.world.model.lamps.values())
        for lamp in dice.sample(lamps, min(_LOOKED_AT, len(lamps))):
            if self._may_ask(lamp):
                self._asking[lamp.device_id] = _Asking(lamp, confirms=dice.random() < 0.9)
            elif not lamp.stock and lamp.up and dice.random() < 0.2 and lamp.device_id not in self._deciding:
                self._services.replay(lamp.device_id)
        for asking in list(self._asking.values()):
            self._get_on(asking)

    def _may_ask(self, lamp: ModelLamp) -> bool:
        if lamp.stock or not lamp.up or lamp.device_id in self._asking or lamp.device_id in self._deciding:
            return False
        return bool(lamp.owners())

    def _get_on(self, asking: _Asking) -> None:
        lamp, stage, dice = asking.lamp, self._services.stage(asking.lamp.device_id), self._actions.dice
        asking.steps += 1
        if stage is ResetStage.REQUESTED:
            if dice.random() < 0.4:
                self._leave(lamp)
                self._decide(lamp)
        elif stage is ResetStage.REFUSED:
            self._leave(lamp)
            if dice.random() < 0.5:
                self._let_a_day_pass(lamp)
        elif asking.steps > _GIVEN_UP or not lamp.owners() or (stage is ResetStage.OFFERED and not asking.confirms):
            self._leave(lamp)
        elif asking.steps % _REPEATED == 1 and lamp.up:
            self._services.ask_for_reset(lamp.device_id)
            if not asking.confirms:
                self._services.rest(lamp.device_id)

    def _leave(self, lamp: ModelLamp) -> None:
        del self._asking[lamp.device_id]
        self._services.rest(lamp.device_id)

    def _decide(self, lamp: ModelLamp) -> None:
        """Have the owner refuse, or the day pass, or both at once; the lamp may change hands meanwhile."""
        refuses, passes = self._actions.dice.choices([(True, False), (False, True), (True, True)], [3, 5, 2])[0]
        owners = lamp.owners()
        if refuses and owners:
            self._refuse(lamp, self._actions.dice.choice(owners))
        if passes:
            self._let_a_day_pass(lamp)
        admitted = lamp.admitted() - {NOBODY}
        if not lamp.busy and len(admitted) == 1 and owners and self._actions.dice.random() < 0.3:
            self._actions.change_owner(lamp)

    def _refuse(self, lamp: ModelLamp, owner: str) -> None:
        def told(outcome: Outcome) -> None:
            if outcome.result == OK:
                lamp.reset_due_at = None
            self._deciding.discard(lamp.device_id)

        self._deciding.add(lamp.device_id)
        self._actions.call("refuse", lamp, owner, told)

    def _let_a_day_pass(self, lamp: ModelLamp) -> None:
        self._deciding.add(lamp.device_id)
        lamp.reset_due_at = time.monotonic()
        self._actions.call("let a day pass", lamp, None, lambda _: self._deciding.discard(lamp.device_id))
