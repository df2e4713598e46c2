"""Requests of lamps to be released: at most one a lamp, and only for the ownership in which the lamp asked."""

from collections.abc import Iterable
from datetime import datetime

from peewee import BigIntegerField, CharField, TextField, chunked

from cloud.db import bulk
from cloud.db.database import Table, run_sql
from cloud.db.timestamps import TimestampField
from cloud.store.lamps import Lampi
from shared.protocol.reset import Reset, ResetStage


class ResetRequest(Table):
    """A lamp's request and how far it has come.

    ``user_id`` and ``associated_at`` name the ownership. When that ends, however it does, the request is void.
    ``wait_seconds`` is what the lamp was offered. At ``due_at`` the stage ends.
    """

    device_id = CharField(max_length=12, primary_key=True)
    user_id = BigIntegerField()
    associated_at: datetime | None = TimestampField(null=True)
    stage = TextField()
    ticket = CharField(max_length=32)
    wait_seconds = BigIntegerField()
    since: datetime = TimestampField()
    due_at: datetime = TimestampField()

    def concerns(self, lampi: Lampi) -> bool:
        """Return whether the lamp still belongs to the owner under whom it asked."""
        return bool(lampi.user_id == self.user_id and lampi.associated_at == self.associated_at)

    @property
    def answer(self) -> Reset:
        """The answer to publish to the lamp."""
        stage = ResetStage(self.stage)
        if stage is ResetStage.OFFERED:
            return Reset(stage, self.ticket, self.wait_seconds)
        until = None if stage is ResetStage.DENIED else self.due_at.replace(microsecond=0)
        return Reset(stage, until=until)


def of_lamps(lamps: Iterable[Lampi]) -> dict[str, ResetRequest]:
    """Return the requests of those of these lamps that have one for their present ownership, by device id."""
    ((first,),) = run_sql("SELECT MIN(device_id) FROM reset_request")
    if first is None:  # usually there is none, and a replay reads a million lamps
        return {}
    owned = {lampi.device_id: lampi for lampi in lamps if lampi.user_id is not None}
    found: dict[str, ResetRequest] = {}
    for chunk in chunked(owned, bulk.ROWS_A_STATEMENT):
        for request in ResetRequest.select().where(ResetRequest.device_id.in_(chunk)):
            if request.concerns(owned[request.device_id]):
                found[request.device_id] = request
    return found
