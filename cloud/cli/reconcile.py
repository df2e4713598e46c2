"""`lampi-cloud reconcile`."""

import json
import sys

import click

from cloud.cli.options import BROKER, setting_options, settings_from, with_database
from cloud.db.timestamps import utc_now
from cloud.reconciliation.reconcile import Drift, count_lamps, find_drift, repair

_WORDS = {
    "missing": "the broker has no retained message for this lamp",
    "stale": "the broker's retained message differs",
    "ghost": "the broker retains a message for a lamp that is not in the database",
    "leftover": "the broker retains messages that a lamp wrote that is not in the database",
}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only report differences; exit status 1 if there are any.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object with a list of device ids for each kind.")
@setting_options(*BROKER)
@with_database
def reconcile(dry_run: bool, as_json: bool, **broker: str | None) -> None:
    """Compare the broker's retained messages with the database and have the daemon repair differences."""
    settings = settings_from(**broker)
    with click.progressbar(
        length=count_lamps(), label="Comparing", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        drift = find_drift(settings.broker, settings.bridge_names, bar.update)
    if not dry_run:
        repair(drift, utc_now())
    _print(drift, dry_run=dry_run, as_json=as_json)
    if dry_run and drift:
        sys.exit(1)


def _print(drift: Drift, *, dry_run: bool, as_json: bool) -> None:
    found = {kind: sorted(getattr(drift, kind)) for kind in _WORDS}
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for kind, device_ids in found.items():
        for device_id in device_ids:
            click.echo(f"{kind:<9}{device_id}  {_WORDS[kind]}")
    if not drift:
        click.echo("No differences: the broker agrees with the database for every lamp.")
    else:
        count = sum(map(len, found.values()))
        click.echo(f"Differences: {count}." if dry_run else f"Differences: {count}, queued for the daemon to repair.")
