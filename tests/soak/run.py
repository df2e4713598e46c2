"""The rounds of a soak, and what is said of them."""

import json
import random
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.soak.actions import Actions
from tests.soak.agreement import SETTLING_SECONDS, Agreement
from tests.soak.faults import Faults
from tests.soak.world import World

CALLS_END_SECONDS = 60.0
SHORT_CODE_TTL = 5
MESSAGES_A_SECOND = 250
"""What a busy machine manages to say at QoS 2; an idle one says a thousand and more."""


@dataclass(frozen=True)
class Extent:
    """How much is done."""

    rounds: int = 1000
    lamps: int = 10_000
    seconds: float = 3600.0
    seed: int = 0
    rounds_a_settling: int = 20
    round_seconds: float = 0.45
    faults_a_round: float = 1.0
    things_a_round: int = 9
    code_ttls: tuple[int, ...] = (0, 900, SHORT_CODE_TTL)
    rounds_a_flood: int = 3
    """Every so many rounds, one lamp floods the broker; 0 for never."""
    only: str = ""
    """Inject just the faults whose names contain this."""
    settling_seconds: float | None = None
    """How long all may take to agree; by default what `settling_seconds_of` says."""
    first_lamps: float = 0.3
    """The part of the lamps that is there from the start."""


def settling_seconds_of(extent: Extent) -> float:
    """Return how long all may take to agree: the more lamps, the longer the replay to a broker that lost its store."""
    if extent.settling_seconds is not None:
        return extent.settling_seconds
    return SETTLING_SECONDS + extent.lamps / MESSAGES_A_SECOND


class Soak:
    """Rounds of use and faults; every so many, the faults end and all must agree."""

    def __init__(self, world: World, extent: Extent, say: Callable[[str], None]) -> None:
        self._world = world
        self._extent = extent
        self._say = say
        self._dice = random.Random(extent.seed)
        self._rounds = 0
        self._began = 0.0
        self.actions = Actions(world, self._dice)
        self.faults = Faults(world, random.Random(extent.seed + 1), extent.only)
        self.agreement = Agreement(world, self.actions)

    def run(self) -> bool:
        """Do it all; return whether every promise was kept."""
        extent = self._extent
        self._began = time.monotonic()
        self._say(f"seed {extent.seed}: {extent.rounds} rounds, {extent.lamps} lamps, at most {extent.seconds:.0f} s")
        self.actions.appear(int(extent.lamps * extent.first_lamps))
        kept = self.agreement.settle(settling_seconds_of(extent))
        while kept and self._rounds < extent.rounds and time.monotonic() - self._began < extent.seconds:
            kept = self._group(min(extent.rounds_a_settling, extent.rounds - self._rounds))
            if self._rounds % 100 == 0:
                self._say(self._progress())
        self._report()
        return not self._world.violations.found

    def _group(self, rounds: int) -> bool:
        self._choose_code_ttl()
        for number in range(rounds):
            self._round(allow_long=number < rounds // 2)
        self.faults.end()
        self._world.pool.notice_losses()
        if self.actions.code_ttl == SHORT_CODE_TTL:
            self._set_code_ttl(0)  # codes that are replaced all the time never all agree
        if not self.actions.finish(CALLS_END_SECONDS):
            self._world.violations.add("a call does not end")
        settled = self.agreement.settle(settling_seconds_of(self._extent))
        return settled and not self._world.violations.found

    def _choose_code_ttl(self) -> None:
        ttl = self._dice.choice(self._extent.code_ttls)
        if ttl != self.actions.code_ttl:
            self._set_code_ttl(ttl)

    def _set_code_ttl(self, seconds: int) -> None:
        self.actions.code_ttl = seconds
        self._world.set_code_ttl(seconds)
        self.faults.restart_daemons()

    def _round(self, allow_long: bool) -> None:
        extent, end = self._extent, time.monotonic() + self._extent.round_seconds
        self._rounds += 1
        left = extent.lamps - len(self._world.model.lamps)
        self.actions.appear(-(-left // max(1, extent.rounds - self._rounds + 1)))
        self.actions.go_and_come(4, most_up=max(50, extent.lamps // 8))
        if extent.rounds_a_flood and self._rounds % extent.rounds_a_flood == 0:
            self.actions.flood()
        count = int(extent.faults_a_round) + (self._dice.random() < extent.faults_a_round % 1)
        for _ in range(count):
            self.faults.inject(extent.round_seconds, allow_long)
        if self._dice.random() < 0.15:
            self.actions.race_by_command()
        # In several goes, so that faults fall between and into them.
        for _ in range(3):
            self.actions.use(extent.things_a_round // 3)
            threading.Event().wait(max(0.0, end - time.monotonic()) / 3)
        threading.Event().wait(max(0.0, end - time.monotonic()))

    def _progress(self) -> str:
        passed = time.monotonic() - self._began
        longest = max(self.agreement.settle_seconds, default=0.0)
        return (
            f"{passed:6.0f} s  round {self._rounds}, {len(self._world.model.lamps)} lamps, "
            f"{self.faults.counts.total()} faults, longest settling {longest:.1f} s"
        )

    def _report(self) -> None:
        settled = sorted(self.agreement.settle_seconds) or [0.0]
        self._say(self._progress())
        self._say("faults: " + json.dumps(dict(sorted(self.faults.counts.items())), indent=2))
        self._say("reported: " + json.dumps(dict(sorted(self._world.model.reported.items())), indent=2))
        for what, ledger in (("resets", self.actions.resets.ledger), ("state requests", self.actions.states.ledger)):
            self._say(f"{what}: " + json.dumps(dict(sorted(ledger.counts.items())), indent=2))
        self._say(f"resets, by lamps: {dict(self._world.pool.services.counts)}")
        starts = sum(daemon.starts for daemon in self._world.keeper.daemons)
        self._say(f"messages heard by the lamps: {self._world.pool.heard_messages}; daemons started: {starts}")
        self._say(f"stock screens that crashed, claimed while their popup opened: {self._world.pool.stock.crashes}")
        self._say(
            f"settled {len(settled)} times: median {statistics.median(settled):.1f} s, "
            f"95 of 100 within {settled[int(0.95 * (len(settled) - 1))]:.1f} s, longest {settled[-1]:.1f} s"
        )
        found = self._world.violations.found
        for violation in found[:40]:
            self._say(f"VIOLATION {violation}")
        self._say(f"violations: {len(found)} (seed {self._extent.seed})")
