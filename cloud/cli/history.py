"""`lampi-cloud history`."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import click

from cloud.cli.options import DeviceId, with_database
from cloud.db.timestamps import shown_instant
from cloud.store.audit_log import AuditEvent, History, Selection, read

_OF_OWNER = (
    AuditEvent.RELEASED,
    AuditEvent.OFFERED,
    AuditEvent.OFFER_WITHDRAWN,
    AuditEvent.RESET_REQUESTED,
    AuditEvent.RESET,
)
_LINKS = {AuditEvent.USER_ADDED: "", **dict.fromkeys(_OF_OWNER, " of")}


class Instant(click.ParamType[datetime]):
    """A timestamp as a command-line argument: ISO 8601, UTC if it has no time zone."""

    name = "instant"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return an aware UTC timestamp."""
        try:
            instant = datetime.fromisoformat(value.strip())
            return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a timestamp such as 2026-11-23 or 2026-11-23T12:00Z.", param, ctx)


@click.command()
@click.argument("device_id", type=DeviceId(), required=False)
@click.option(
    "--since",
    type=Instant(),
    metavar="INSTANT",
    help="Show entries from this time on, such as 2026-11-23 or 2026-11-23T12:00Z.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Show only the newest N entries.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
@with_database
def history(device_id: str | None, since: datetime | None, limit: int | None, as_json: bool) -> None:
    """Show the audit log of all lamps or of one lamp, newest entry last."""
    rows = read(Selection(device_id, since, limit))
    if as_json:
        _print_json(rows)
    else:
        for row in rows:
            click.echo(f"{row.at:%Y-%m-%d %H:%M:%S} UTC  {_in_words(row)}, from {row.source}")


def _in_words(row: History) -> str:
    what = row.event if row.reason is None else f"{row.event} ({row.reason})"
    lamp = f" {row.device_id}" if row.device_id else ""
    if row.user_name is None:
        return what + lamp
    by = _LINKS.get(AuditEvent(row.event), " by")
    to = f" to {row.new_owner}" if row.new_owner else ""
    return f"{what}{lamp}{by} {row.user_name}{to}"


def _print_json(rows: Iterable[History]) -> None:
    """Print a JSON list row by row, without holding it in memory."""
    lead = "[\n"
    for row in rows:
        click.echo(f"{lead}  {json.dumps(_as_json(row))}", nl=False)
        lead = ",\n"
    click.echo("[]" if lead == "[\n" else "\n]")


def _as_json(row: History) -> dict[str, object]:
    return {
        "at": shown_instant(row.at),
        "event": row.event,
        "device_id": row.device_id,
        "user": row.user_name,
        "new_owner": row.new_owner,
        "reason": row.reason,
        "source": row.source,
    }
