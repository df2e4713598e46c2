"""The stock screens of a soak's lamps: thousands that poll by themselves, and what must be true of them."""

import threading
import time
from collections.abc import Container, Iterator

from tests.soak.facts import LampFact
from tests.soak.model import NOBODY, ModelLamp
from tests.support.stock_screen import POLL_SECONDS, SHOWN_CHARACTERS, SelfPolled

_KINDS_OF_ABSENCE = 3


class _Lamp:
    """One lamp's screen, and what waits for its bridge while that is cut off."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.screen = SelfPolled(phase=number % 10 * POLL_SECONDS / 10)
        self.queue: list[bytes] | None = None
        self.is_seen = False
        self.retained = b""
        self.deafened_by: list[bytes] = []

    def receive(self, payload: bytes, now: float) -> None:
        self.screen.receive(payload, now)
        if self.screen.deafened_by is not None and self.screen.deafened_by not in self.deafened_by:
            self.deafened_by.append(self.screen.deafened_by)


class StockScreens:
    """The screens by device id; messages go in with the time at which they arrive.

    A lamp that goes down is away in one of three ways: only the broker believes so, and it hears everything; its
    bridge is cut off, and what is said meanwhile comes in one go when it is back; or it is switched off as well, and
    its screen starts over. The broker believes so wrongly only of a lamp whose connection was there at the last
    agreement: of one that comes and goes while no daemon looks, nobody can know that it came.
    """

    def __init__(self) -> None:
        self._lamps: dict[str, _Lamp] = {}
        self._lock = threading.Lock()

    def add(self, lamp: ModelLamp) -> None:
        """Have a lamp's screen hear what is said from now on; safe to call again."""
        with self._lock:
            self._lamps.setdefault(lamp.device_id, _Lamp(len(self._lamps)))

    def receive(self, device_id: str, payload: bytes) -> None:
        with self._lock:
            lamp = self._lamps.get(device_id)
            if lamp is None:
                return
            lamp.retained = payload
            if lamp.queue is not None:
                lamp.queue.append(payload)
            else:
                lamp.receive(payload, time.monotonic())

    def cut_off(self, device_id: str) -> None:
        """Have what is said to a lamp wait for it from now on, unless only the broker believes that it is away."""
        with self._lock:
            lamp = self._lamps[device_id]
            if lamp.queue is None and (lamp.number % _KINDS_OF_ABSENCE or not lamp.is_seen):
                lamp.queue = []

    def note_agreement(self) -> None:
        """Record that the daemon has seen which lamps are connected."""
        with self._lock:
            for lamp in self._lamps.values():
                lamp.is_seen = lamp.queue is None

    def lose(self, up: Container[str]) -> None:
        """Have all lamps lose their connection, with the broker: one that is not ``up`` is really away from now on.

        Otherwise its bridge would say that it is up, as soon as it has connected again.
        """
        for device_id in list(self._lamps):
            if device_id not in up:
                self.disconnect(device_id)

    def disconnect(self, device_id: str) -> None:
        """Have a lamp be really away from now on."""
        with self._lock:
            lamp = self._lamps[device_id]
            if lamp.queue is None:
                lamp.queue = []

    def come_back(self, device_id: str) -> None:
        """Have a lamp's bridge connect again: it gets what waited, and what the broker retains."""
        with self._lock:
            lamp, now = self._lamps[device_id], time.monotonic()
            lamp.is_seen = False
            if lamp.queue is None:
                return
            if lamp.number % _KINDS_OF_ABSENCE == 1:
                lamp.screen.restart(now)
            waited, lamp.queue = lamp.queue, None
            for payload in [*waited, lamp.retained] if lamp.retained else waited:
                lamp.receive(payload, now)

    def popup(self, device_id: str) -> str | None:
        """Return the code that a lamp shows now; None without a popup."""
        with self._lock:
            return self._lamps[device_id].screen.popup(time.monotonic())

    @property
    def crashes(self) -> int:
        """How often a screen was claimed while its popup opened, which stock software doesn't survive."""
        with self._lock:
            return sum(lamp.screen.crashes for lamp in self._lamps.values())

    def differences(self, facts: dict[str, LampFact]) -> Iterator[str]:
        """Yield each screen that is or was deaf, or that shows something else than the code that works."""
        with self._lock:
            lamps, now = dict(self._lamps), time.monotonic()
            shown = {device_id: lamp.screen.popup(now) for device_id, lamp in lamps.items() if lamp.queue is None}
        for device_id, lamp in lamps.items():
            for payload in lamp.deafened_by:
                yield f"{device_id}: its stock screen was deafened by {payload!r}"
        for device_id, popup in shown.items():
            yield from shown_wrong(device_id, popup, facts.get(device_id))


def shown_wrong(device_id: str, popup: str | None, fact: LampFact | None) -> Iterator[str]:
    """Yield why what a stock screen shows is not what the database says."""
    waits = fact is not None and fact.state == NOBODY
    expected = fact.code[:SHOWN_CHARACTERS] if fact is not None and waits else None
    if popup != expected:
        yield f"{device_id}: its stock screen shows {popup!r}; expected {expected!r}"
    if fact is not None and waits and fact.short_code_length != SHOWN_CHARACTERS:
        yield f"{device_id}: its stock screen can't show a short code of {fact.short_code_length} characters"
