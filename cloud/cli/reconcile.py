"""`lampi-cloud reconcile`."""

import json
import sys

import click

from cloud.agreement.reconcile import Drift, find_drift, repair
from cloud.cli.edge import broker_options, settings_from, with_database
from cloud.instants import utc_now
from cloud.models import Lampi

_WORDS = {
    "missing": "the broker retains nothing for it",
    "stale": "the broker retains something else",
    "ghost": "the broker retains something for a lamp that is not in the database",
}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what is wrong; exit status 1 when anything is.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object with a list of device ids for each kind.")
@broker_options
@with_database
def reconcile(dry_run: bool, as_json: bool, **broker: str | None) -> None:
    """Compare what the broker retains with the database, for every lamp, and have the daemon mend it."""
    settings = settings_from(**broker)
    with click.progressbar(
        length=Lampi.select().count(), label="Comparing", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        drift = find_drift(settings.broker, bar.update)
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
            click.echo(f"{kind:<8}{device_id}  {_WORDS[kind]}")
    if not drift:
        click.echo("The broker says what the database says, for every lamp.")
    else:
        count = sum(map(len, found.values()))
        click.echo(f"{count} to mend." if dry_run else f"{count} handed to the daemon to mend.")
