"""States that owners request of their lamps, and others who can't, beside everything else that happens."""

import time
from typing import TYPE_CHECKING

from cloud.services.lamp_states import Outcome as Ending
from cloud.store.state_requests import REQUEST_FOR
from tests.soak.model import OK, ModelLamp
from tests.soak.rivals import Rival
from tests.soak.state_ledger import Asked, StateLedger
from tests.soak.world import USERS
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.soak.actions import Actions

WORKS_AGAIN_SECONDS = 30.0
"""After the last fault. The connection for states is made again with a backoff of its own."""


class StateRequests:
    """Requests, in bursts, by owners, former owners and others, some just before the lamp changes hands."""

    def __init__(self, actions: "Actions") -> None:
        self._actions = actions
        self._made: list[tuple[ModelLamp, str, float]] = []
        self.ledger = StateLedger(actions.world.stalls, actions.world.broker.started_at)

    def step(self) -> None:
        """Have one lamp's state requested."""
        actions, dice = self._actions, self._actions.dice
        lamps = list(actions.world.model.lamps.values())
        for lamp in dice.sample(lamps, min(8, len(lamps))):
            owners = lamp.owners()
            if not owners or lamp.busy or not (lamp.up or dice.random() < 0.3):
                continue
            rival = dice.choice(actions.world.rivals)
            user = dice.choice(owners) if dice.random() < 0.8 else dice.choice(USERS)
            for _ in range(dice.randint(1, 3)):
                self.request(lamp, user, rival)
            if len(lamp.admitted()) == 1 and dice.random() < 0.3:
                actions.change_owner(lamp, rival)
            return

    def request(self, lamp: ModelLamp, user: str, rival: Rival) -> None:
        """Have a rival request a state, as the API does for a user."""
        at = time.time()
        self._actions.world.pool.services.requested.add(lamp.device_id)
        brightness = self.ledger.expect(Asked(lamp.device_id, user, at))
        self._made.append((lamp, user, at))
        self._actions.call("set", lamp, user, lambda _: None, rival=rival, details={"brightness": brightness, "at": at})

    def endings(self) -> list[str]:
        """Return what is wrong with how requests ended, as their users see it: each was confirmed or not answered."""
        now, wrong = time.time(), []
        ended = [made for made in self._made if made[2] < now - REQUEST_FOR.total_seconds() - 1]
        self._made = [made for made in self._made if made not in ended]
        latest = {(lamp.device_id, user): lamp for lamp, user, _ in ended}
        seen = self._actions.ask_all("view", [(lamp, user, None) for (_, user), lamp in latest.items()])
        for lamp, outcome in zip(latest.values(), seen, strict=True):
            self.ledger.counts[f"seen as {outcome.reason}"] += 1
            if outcome.result == OK and outcome.reason == Ending.PENDING and not self._was_repeated(lamp, now):
                wrong.append(f"{lamp.device_id}: a request of {outcome.user} is pending after its life")
        return wrong

    def _was_repeated(self, lamp: ModelLamp, now: float) -> bool:
        return any(made is lamp and at > now - REQUEST_FOR.total_seconds() - 1 for made, _, at in self._made)

    def work(self) -> list[str]:
        """Return which lamp's owner can't set it now that all is quiet."""
        lamps = [lamp for lamp in self._actions.world.model.lamps.values() if lamp.up and len(lamp.possible) == 1]
        owned = [lamp for lamp in lamps if lamp.owners()]
        if not owned:
            return []
        lamp = self._actions.dice.choice(owned)
        (owner,) = lamp.owners()

        def is_confirmed() -> bool:
            self.request(lamp, owner, self._actions.world.rivals[0])
            try:
                wait_until(lambda: self._ending(lamp, owner) == Ending.CONFIRMED, "a lamp's answer", 3)
            except AssertionError:
                return False
            return True

        try:
            wait_until(is_confirmed, "a lamp to be set", WORKS_AGAIN_SECONDS)
        except AssertionError:
            return [f"{lamp.device_id}: it is connected, and its owner {owner} can't set it"]
        return []

    def _ending(self, lamp: ModelLamp, user: str) -> str | None:
        (seen,) = self._actions.ask_all("view", [(lamp, user, None)])
        return seen.reason
