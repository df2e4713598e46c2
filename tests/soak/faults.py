"""Faults: each as one small action, and their random selection."""

import random
import shutil
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.soak.keeper import KeptDaemon
from tests.soak.world import World
from tests.support.proxy import TcpProxy

PAST_THE_LEASE_SECONDS = 8.0
COPIES_KEPT = 12


@dataclass(frozen=True)
class Fault:
    """One kind of fault; two on the same target never overlap."""

    name: str
    target: str
    weight: float
    act: Callable[[], None]
    long: bool = False


class Faults:
    """Injects faults at random moments, each on a thread of its own."""

    def __init__(self, world: World, dice: random.Random, only: str = "") -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._dice = dice
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._busy: dict[str, threading.Lock] = {}
        self._copies: list[Path] = []
        self._kinds = [kind for kind in self._all_kinds() if only in kind.name]

    def inject(self, within_seconds: float, allow_long: bool) -> None:
        """Choose a fault and let it happen at a random moment."""
        kinds = [kind for kind in self._kinds if allow_long or not kind.long]
        kind = self._dice.choices(kinds, [kind.weight for kind in kinds])[0]
        delay = self._dice.uniform(0, within_seconds)
        thread = threading.Thread(target=self._run, args=(kind, delay), daemon=True)
        self._threads.append(thread)
        thread.start()

    def restart_daemons(self) -> None:
        """Have both end in good order: the next ones have other settings."""
        for daemon in self._world.keeper.daemons:
            daemon.send(signal.SIGTERM)
        self.counts["both daemons SIGTERM"] += 1

    def end(self) -> None:
        """Wait until every fault has passed."""
        for thread in self._threads:
            thread.join(60)
            if thread.is_alive():
                self._world.violations.add("the harness: a fault does not end")
        self._threads.clear()

    def _run(self, kind: Fault, delay: float) -> None:
        self._ending.wait(delay)
        target = self._busy.setdefault(kind.target, threading.Lock())
        if not target.acquire(blocking=False):
            return
        try:
            kind.act()
            self.counts[kind.name] += 1
        except Exception:  # whatever it is, the run must say so rather than inject nothing from here on
            self._world.violations.add(f"the harness: {kind.name} failed:\n{traceback.format_exc()}")
        finally:
            target.release()

    def _pass(self, least: float, most: float) -> None:
        self._ending.wait(self._dice.uniform(least, most))

    def _all_kinds(self) -> list[Fault]:
        world = self._world
        kinds = [
            Fault("leader SIGKILL", "daemons", 3, lambda: self._leader().send(signal.SIGKILL)),
            Fault("leader SIGKILL as a lamp hears", "daemons", 2, self._kill_leader_as_a_lamp_hears),
            Fault("leader SIGKILL amid a reset", "daemons", 1, self._kill_leader_amid_a_reset),
            Fault("leader SIGTERM", "daemons", 2, lambda: self._leader().send(signal.SIGTERM)),
            Fault("standby SIGKILL", "daemons", 2, lambda: world.keeper.standby().send(signal.SIGKILL)),
            Fault("both daemons SIGKILL", "daemons", 1, self._kill_both),
            Fault("leader paused, short", "daemons", 2, lambda: self._pause(0.2, 2)),
            Fault("leader paused past its lease", "daemons", 1, lambda: self._pause(PAST_THE_LEASE_SECONDS, 9), True),
            Fault("broker saves its store", "broker", 4, self._save_store),
            Fault("broker SIGKILL", "broker", 2, self._kill_broker),
            Fault("broker SIGKILL, store rolled back", "broker", 3, self._roll_back),
            Fault("broker SIGKILL, store lost", "broker", 0.5, self._lose_store),
            Fault("broker away", "broker", 1.5, self._broker_away),
            Fault("broker refuses lamps' topics", "broker", 1, lambda: self._broker_refuses(lamps=True)),
            Fault("broker refuses the daemon's topics", "broker", 1, lambda: self._broker_refuses(own=True)),
            Fault("broker refuses both", "broker", 0.5, lambda: self._broker_refuses(lamps=True, own=True)),
            Fault("rival SIGKILL", "rivals", 4, self._kill_rival),
            Fault("rivals SIGKILL as a lamp hears", "rivals", 4, self._kill_rivals_as_a_lamp_hears),
            Fault("lamps' network cut", "lamps", 1.5, world.lamps_network.cut),
        ]
        kinds += self._network_kinds("to the broker", lambda daemon: daemon.to_broker)
        if world.postgres is None:
            kinds.append(Fault("SQLite locked", "database", 3, self._hold_database))
            kinds.append(Fault("SQLite locked past the lease", "database", 0.5, self._hold_database_long, True))
        else:
            kinds.append(Fault("PostgreSQL killed", "database", 3, self._kill_postgres))
            kinds += self._network_kinds("to the database", lambda daemon: daemon.to_database)
        return kinds

    def _network_kinds(self, where: str, way: Callable[[KeptDaemon], TcpProxy | None]) -> list[Fault]:
        def proxy() -> TcpProxy:
            found = way(self._leader())
            assert found is not None
            return found

        def cut() -> None:
            network = proxy()
            network.refuses = True
            network.cut()
            self._pass(0, 1.5)
            network.flow()

        def stall(least: float, most: float) -> None:
            network, began = proxy(), time.time()
            network.stall()
            self._pass(least, most)
            network.flow()
            self._world.stalls.add(began, time.time())

        def delay() -> None:
            network = proxy()
            network.delay_seconds = self._dice.uniform(0.02, 0.15)
            self._pass(1, 3)
            network.flow()

        return [
            Fault(f"network {where} cut", where, 2, cut),
            Fault(f"network {where} stalled", where, 2, lambda: stall(0.2, 3)),
            Fault(
                f"network {where} stalled past the lease", where, 0.6, lambda: stall(PAST_THE_LEASE_SECONDS, 9), True
            ),
            Fault(f"network {where} delayed", where, 2, delay),
        ]

    def _leader(self) -> KeptDaemon:
        return self._world.keeper.leader() or self._dice.choice(self._world.keeper.daemons)

    def _kill_rival(self) -> None:
        """Kill a rival while it is at work; at any moment, it would mostly be idle."""
        rival = self._dice.choice(self._world.rivals)
        end = time.monotonic() + 2
        while not rival.busy and time.monotonic() < end:
            self._ending.wait(0.002)
        self._pass(0, 0.02)
        rival.kill()

    def _kill_rivals_as_a_lamp_hears(self) -> None:
        """Kill those who are at work while a change is being said: what is heard must have been committed."""

        def kill() -> None:
            for rival in self._world.rivals:
                if rival.busy:
                    rival.kill()

        for _ in range(3):
            self._world.pool.when_heard(kill, 0.5, of=self._is_being_changed)

    def _is_being_changed(self, device_id: str) -> bool:
        lamp = self._world.model.lamps.get(device_id)
        return lamp is not None and lamp.busy

    def _kill_leader_as_a_lamp_hears(self) -> None:
        leader = self._leader()
        self._world.pool.when_heard(lambda: leader.send(signal.SIGKILL), 1)

    def _kill_leader_amid_a_reset(self) -> None:
        leader, pool = self._leader(), self._world.pool
        pool.when_heard(lambda: leader.send(signal.SIGKILL), 1, of=pool.services.is_asking)

    def _kill_both(self) -> None:
        for daemon in self._world.keeper.daemons:
            daemon.send(signal.SIGKILL)

    def _pause(self, least: float, most: float) -> None:
        daemon = self._leader()
        daemon.send(signal.SIGSTOP)
        try:
            self._pass(least, most)
        finally:
            daemon.send(signal.SIGCONT)

    def _save_store(self) -> None:
        broker = self._world.broker
        broker.save()
        copy = broker.folder / f"saved-{self.counts['broker saves its store']}.db"
        shutil.copy(broker.store, copy)
        self._copies.append(copy)
        if len(self._copies) > COPIES_KEPT:
            self._copies.pop(0).unlink()

    def _kill_broker(self) -> None:
        self._world.broker.kill()
        self._world.broker.start()

    def _roll_back(self) -> None:
        self._world.broker.kill()
        if self._copies:
            shutil.copy(self._dice.choice(self._copies), self._world.broker.store)
        self._world.broker.start()

    def _lose_store(self) -> None:
        self._world.broker.kill()
        self._world.broker.store.unlink(missing_ok=True)
        self._world.broker.start()

    def _broker_away(self) -> None:
        self._world.broker.stop()
        self._pass(0.3, 3)
        self._world.broker.start()

    def _broker_refuses(self, *, lamps: bool = False, own: bool = False) -> None:
        broker = self._world.broker
        broker.refuse(lamps=lamps, own=own)
        self._pass(0.5, 4)
        broker.refuse()

    def _hold_database(self) -> None:
        self._world.hold_database(self._ending, self._dice.uniform(0.3, 3))

    def _hold_database_long(self) -> None:
        self._world.hold_database(self._ending, PAST_THE_LEASE_SECONDS)

    def _kill_postgres(self) -> None:
        assert self._world.postgres is not None
        self._world.postgres.kill()
        self._world.postgres.start()
