"""What must be true of resets at lamps, going by the database's notes."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from shared.protocol.reset import ResetStage
from tests.soak.event_log import Event, What


@dataclass
class _Standing:
    """The stage of a lamp's reset: against whom since when, and whether its time is over."""

    user: int | None
    since: str | None
    stage: str
    ticket: str
    is_over: bool = False

    def is_of(self, event: Event) -> bool:
        return (self.user, self.since) == (event.user, event.since)


class ResetLedger:
    """Follows each lamp's reset; ``confirmed`` has the tickets with which lamps confirmed so far."""

    def __init__(self, confirmed: Mapping[str, Collection[str]]) -> None:
        self.counts: Counter[str] = Counter()
        self._confirmed = confirmed
        self._standing: dict[str, _Standing] = {}
        self._being_reset: set[str] = set()

    def take(self, event: Event) -> Iterator[str]:
        """Take the next note; yield the promises that it breaks."""
        if event.what is What.STAGE:
            yield from self._enter(event)
        elif event.what is What.DAY_PASSED:
            self._pass_day(event.device_id)
        elif event.what is What.RESET:
            self._being_reset.add(event.device_id)
        elif event.what is What.OWNER:
            yield from self._change_owner(event)

    def unfinished(self) -> Iterator[str]:
        """Yield the lamps that were to be reset and kept their owners."""
        for device_id in self._being_reset:
            yield f"{device_id}: it was reset and kept its owner"
        self._being_reset.clear()

    def _enter(self, event: Event) -> Iterator[str]:
        stage, _, ticket = str(event.word).partition(" ")
        before = self._standing.get(event.device_id)
        self._standing[event.device_id] = _Standing(event.user, event.since, stage, ticket)
        self.counts[stage] += 1
        needed = {ResetStage.REQUESTED: ResetStage.OFFERED, ResetStage.REFUSED: ResetStage.REQUESTED}.get(
            ResetStage(stage)
        )
        if needed is None:
            return
        if before is None or before.stage != needed or not before.is_of(event):
            yield f"{event.device_id}: a reset was {stage} that was not {needed} before, of the same owner"
        elif stage == ResetStage.REQUESTED and before.ticket not in self._confirmed.get(event.device_id, ()):
            yield f"{event.device_id}: a reset was requested that the lamp did not confirm"

    def _pass_day(self, device_id: str) -> None:
        standing = self._standing.get(device_id)
        if standing is not None:
            standing.is_over = True
            self.counts[f"{standing.stage}, then a day passed"] += 1

    def _change_owner(self, event: Event) -> Iterator[str]:
        standing = self._standing.get(event.device_id)
        if event.device_id not in self._being_reset:
            if standing is not None and standing.stage == ResetStage.REQUESTED and standing.is_of(event):
                self.counts["requested, then the owner changed"] += 1
            return
        self._being_reset.discard(event.device_id)
        self.counts["released by a reset"] += 1
        if standing is None or standing.stage != ResetStage.REQUESTED:
            yield f"{event.device_id}: it was reset although that was {standing.stage if standing else 'never asked'}"
        elif not standing.is_of(event) or event.other is not None:
            yield f"{event.device_id}: it was reset, and taken from another owner than it was asked against"
        elif not standing.is_over:
            yield f"{event.device_id}: it was reset before its owner's day was over"
