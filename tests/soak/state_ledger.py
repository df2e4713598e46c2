"""What must be true of the states that owners request, going by the database's notes and by what lamps heard."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cloud.store.state_requests import REQUEST_FOR
from tests.soak.event_log import Event, What

SECONDS_ROUNDED_UP = 1.0
"""The expiry of an MQTT message has whole seconds."""
SLACK_SECONDS = 2.0
"""A busy machine's."""
STEPS = 1_000_000
"""A request's number is its brightness in this many steps."""


@dataclass(frozen=True)
class Asked:
    """A request as the harness gave it to a rival, at a time of the system's clock."""

    device_id: str
    user: str
    at: float


@dataclass(frozen=True)
class Heard:
    """What a lamp heard: a code, or a request; ``by_bridge`` on the connection that comes and goes."""

    device_id: str
    at: float
    code: str | None = None
    number: int | None = None
    by_bridge: bool = False


class Stalls:
    """When the network between daemon and broker stood still. A broker that resumes may deliver what it had read."""

    def __init__(self) -> None:
        self._spans: deque[tuple[float, float]] = deque(maxlen=1000)

    def add(self, began: float, ended: float) -> None:
        self._spans.append((began, ended))

    def seconds_between(self, began: float, ended: float) -> float:
        """Return how long it stood still between two times."""
        return sum(max(0.0, min(ended, end) - max(began, start)) for start, end in list(self._spans))


class StateLedger:
    """Follows each request from its number to the lamp; ``started_at`` is when the broker started."""

    def __init__(self, stalls: Stalls, started_at: Sequence[float]) -> None:
        self.counts: Counter[str] = Counter()
        self._stalls = stalls
        self._started_at = started_at
        self._asked: dict[int, Asked] = {}
        self._noted: dict[int, int] = {}
        self._issued: dict[tuple[str, str], int] = {}
        self._deaf_since: dict[str, int] = {}
        self._answered_at: dict[str, float] = {}

    def expect(self, asked: Asked) -> float:
        """Number a request that is about to be made; return the brightness to request."""
        number = len(self._asked) + 1
        self._asked[number] = asked
        return number % STEPS / STEPS

    def take(self, events: Iterable[Event], heard: Iterable[Heard], answered_at: dict[str, float]) -> Iterator[str]:
        """Take what lamps heard, when they last answered, and then the notes; yield the promises that are broken.

        What a lamp heard was noted before: read the notes last.
        """
        self._answered_at = answered_at
        for event in events:
            yield from self._note(event)
        for each in heard:
            yield from self._hear(each)

    def _note(self, event: Event) -> Iterator[str]:
        if event.what is What.OWNER and event.other is None:
            self._issued[event.device_id, str(event.word)] = event.number
        if event.what not in (What.ASKED, What.PUBLISHED, What.CONFIRMED):
            return
        self.counts[event.what] += 1
        number = round((event.value or 0.0) * STEPS)
        asked = self._asked.get(number)
        if asked is None or asked.device_id != event.device_id:
            yield f"{event.device_id}: a state that was never requested was {event.what}"
            return
        if event.user != event.other:
            yield f"{event.device_id}: the request {number} was {event.what} when {asked.user} did not own the lamp"
        if event.what is What.ASKED:
            self._noted[number] = event.number
        elif event.what is What.CONFIRMED and self._last_answer(event.device_id) < asked.at:
            yield f"{event.device_id}: the request {number} was confirmed, and the lamp did not answer"

    def _last_answer(self, device_id: str) -> float:
        # An answer to the request before counts, too.
        return self._answered_at.get(device_id, 0.0) + REQUEST_FOR.total_seconds()

    def _hear(self, heard: Heard) -> Iterator[str]:
        if heard.code is not None:
            issued = self._issued.get((heard.device_id, heard.code), 0)
            self._deaf_since[heard.device_id] = max(issued, self._deaf_since.get(heard.device_id, 0))
            return
        asked = self._asked.get(heard.number or 0)
        if asked is None or asked.device_id != heard.device_id:
            yield f"{heard.device_id}: it heard a request that was never made"
            return
        self.counts["heard by the bridge that comes and goes" if heard.by_bridge else "heard"] += 1
        age = heard.at - asked.at
        life = REQUEST_FOR.total_seconds() + SECONDS_ROUNDED_UP + self._stalls.seconds_between(asked.at, heard.at)
        if age > life + SLACK_SECONDS and heard.by_bridge and self._was_kept(asked.at):
            self.counts["kept for ever by a broker that started as it expired"] += 1
        elif age > life + SLACK_SECONDS:
            yield f"{heard.device_id}: it heard the request {heard.number} after {age:.1f} s; it lived {life:.1f} s"
        noted = self._noted.get(heard.number or 0)  # a database that crashed may have lost it
        if not heard.by_bridge and noted is not None and noted < self._deaf_since.get(heard.device_id, 0):
            yield f"{heard.device_id}: it heard the request {heard.number} after the code of a later release"

    def _was_kept(self, asked_at: float) -> bool:
        """Tell whether the broker started in the second in which a request expired: Mosquitto 2.0.11 keeps it then.

        It expired the later, the longer the network stood still before the broker had it.
        """
        life = REQUEST_FOR.total_seconds()
        earliest, latest = asked_at + life - SECONDS_ROUNDED_UP, asked_at + life + SECONDS_ROUNDED_UP + SLACK_SECONDS
        return any(
            earliest <= started <= latest + self._stalls.seconds_between(asked_at, started)
            for started in self._started_at
        )
