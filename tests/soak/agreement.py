"""Checks that database, broker, screens, stock ones too, and reported outcomes agree for every lamp."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace

import peewee

from shared.protocol import payloads
from shared.protocol.payloads import Unassociated
from tests.soak.actions import Actions
from tests.soak.facts import LampFact, OwnerChanges, retained
from tests.soak.model import ABSENT, OK, UNKNOWN
from tests.soak.stock_screens import shown_wrong
from tests.soak.world import World
from tests.support.waiting import wait_until

SETTLING_SECONDS = 30.0
"""After the last fault, all agree again within this. A lease runs out in 6 s, a standby looks for it every 2 s, and
a connection that failed some times is tried again after up to 8 s; the rest is for a busy machine."""

_SHOWN = 12
_LOOKED_UP = 20
"""Codes of stock lamps that are looked up at each settling."""


class Agreement:
    """Compares, and once all agree notes what every lamp then is."""

    def __init__(self, world: World, actions: Actions) -> None:
        self._world = world
        self._actions = actions
        self._wrong: list[str] = []
        self.settle_seconds: list[float] = []

    def settle(self, seconds: float = SETTLING_SECONDS) -> bool:
        """Wait until all agree; tell the violations and return False where they don't in time."""
        start = time.monotonic()
        try:
            wait_until(self._agrees, "agreement", seconds)
        except AssertionError:
            for what in self._wrong[:_SHOWN]:
                self._world.violations.add(f"after {seconds:.0f} s to settle: {what}")
            if len(self._wrong) > _SHOWN:
                self._world.violations.add(f"and {len(self._wrong) - _SHOWN} more lines like these")
            self._broke(self._requests())
            return False
        self.settle_seconds.append(time.monotonic() - start)
        states = self._actions.states
        return not (
            self._broke(self._shown_codes())
            or self._broke(self._requests())
            or self._broke(states.endings())
            or self._broke(states.work())
        )

    def _broke(self, found: list[str]) -> bool:
        for what in found:
            self._world.violations.add(what)
        return bool(found)

    def _requests(self) -> list[str]:
        """Return the promises that resets and requests for states broke since the last call."""
        services, resets, states = self._world.pool.services, self._actions.resets.ledger, self._actions.states.ledger
        heard = [services.heard.popleft() for _ in range(len(services.heard))]
        answered_at = dict(services.answered_at)
        try:
            events = self._world.facts.events.take()
        except peewee.PeeweeException as fault:
            return [f"the database can't be read: {fault}"]
        found = [what for event in events for what in resets.take(event)]
        return [*found, *resets.unfinished(), *states.take(events, heard, answered_at)]

    def _shown_codes(self) -> list[str]:
        """Have the cloud look up what some of the stock lamps show, as for a person who types it."""
        waiting = [lamp for lamp in self._world.model.lamps.values() if lamp.stock and self._actions.code_shown(lamp)]
        self._actions.dice.shuffle(waiting)
        return self._actions.look_up([lamp for lamp in waiting if lamp.up][:_LOOKED_UP])

    def _agrees(self) -> bool:
        try:
            self._wrong = list(itertools.islice(self._differences(), 200))
        except peewee.PeeweeException as fault:
            self._world.facts.close()
            self._wrong = [f"the database can't be read: {fault}"]
        except (OSError, EOFError) as fault:
            self._wrong = [f"the broker can't be read: {fault!r}"]
        return not self._wrong

    def _differences(self) -> Iterator[str]:
        """Yield the differences; the expensive checks run only if the cheap ones find nothing."""
        world = self._world
        cheap = world.keeper.what_is_wrong(world.facts.lease_holder())
        if pending := world.facts.pending():
            cheap.append(f"{pending} messages wait in the outbox")
        if not world.pool.connected:
            cheap.append("the lamps are not connected")
        facts = world.facts.lamps()
        screens = {lamp.device_id: self._actions.screen(lamp) for lamp in world.model.lamps.values()}
        cheap += list(itertools.islice(self._states(facts), 50))
        cheap += list(itertools.islice(self._said(facts, screens, "its screen shows"), 50))
        cheap += list(itertools.islice(self._stock(facts), 50))
        cheap += list(itertools.islice(self._owners(), 50))
        cheap += world.facts.overdue()[:50]
        yield from cheap
        if cheap:
            return
        on_broker = retained(world.broker)
        wrong = list(self._said(facts, on_broker, "the broker retains"))
        yield from wrong
        if not wrong:
            self._note(facts)

    def _states(self, facts: dict[str, LampFact]) -> Iterator[str]:
        lamps = self._world.model.lamps
        for device_id in facts.keys() - lamps.keys():
            yield f"{device_id}: no action ever named this lamp"
        for lamp in lamps.values():
            fact = facts.get(lamp.device_id)
            state = fact.state if fact else ABSENT
            if state not in lamp.admitted():
                yield f"{lamp.device_id}: the database says {state}; reported was {lamp.admitted()}"
            elif fact is None and lamp.must_be_known():
                yield f"{lamp.device_id}: it is up and the database does not have it"
            elif fact is not None and fact.connected != lamp.up:
                yield f"{lamp.device_id}: connected is {fact.connected}; the lamp is {'up' if lamp.up else 'down'}"

    def _stock(self, facts: dict[str, LampFact]) -> Iterator[str]:
        yield from self._world.pool.stock.differences(facts)
        for device_id, screen in self._world.real.stock.items():
            if screen.deaf:
                yield f"{device_id}: its stock screen was deafened: {screen.fault!r}"
            yield from shown_wrong(device_id, screen.popup, facts.get(device_id))
        for device_id, fact in facts.items():
            lamp = self._world.model.lamps.get(device_id)
            if lamp is not None and lamp.stock != fact.stock:
                yield f"{device_id}: the database says {'a stock' if fact.stock else 'our'} screen"

    def _owners(self) -> Iterator[str]:
        """Yield the lamps that had no owner, or a new one, without having been released, reset or handed over."""
        changes, resets = self._world.facts.owner_changes(), self._world.facts.resets()
        for lamp in self._world.model.lamps.values():
            found, reported = changes.get(lamp.device_id, OwnerChanges()), lamp.reported
            removed = found.removed - resets.get(lamp.device_id, 0)
            for what, times, verb in (("no owner", removed, "release"), ("a new owner", found.replaced, "take")):
                least = reported[f"{verb} {OK}"]
                if not least <= times <= least + reported[f"{verb} {UNKNOWN}"]:
                    yield f"{lamp.device_id}: it had {what} {times} times; {verb} succeeded {least} times"

    def _said(self, facts: dict[str, LampFact], said: dict[str, bytes], how: str) -> Iterator[str]:
        for device_id in facts.keys() | said.keys():
            lamp = self._world.model.lamps.get(device_id)
            if lamp is not None and lamp.real and not lamp.up and "screen" in how:
                continue  # it is off: nothing reads it
            expected = facts[device_id].payload if device_id in facts else payloads.CLEARED
            found = said.get(device_id, payloads.CLEARED)  # a deleted lamp's may be withdrawn, which is read the same
            if found != expected and _read(found) != _read(expected):
                yield f"{device_id}: {how} {found!r}; expected {expected!r}"

    def _note(self, facts: dict[str, LampFact]) -> None:
        self._world.pool.stock.note_agreement()
        for lamp in self._world.model.lamps.values():
            lamp.possible = {_state(facts.get(lamp.device_id))}
            lamp.up_since_settling = lamp.up
            lamp.reset_due_at = None


def _read(payload: bytes) -> object:
    """Return what a payload says, but for a code's time to live: lamps learn a new one with their next codes."""
    said = payloads.decode_association(payload)
    return replace(said, good_for=None) if isinstance(said, Unassociated) else said


def _state(fact: LampFact | None) -> str:
    return fact.state if fact else ABSENT
