"""`lampi-cloud status`."""

import json
import sys
from typing import Any, NoReturn

import click
import peewee

from cloud.cli.options import BROKER, setting_options, settings_from
from cloud.db.database import one_line
from cloud.db.schema import open_current
from cloud.db.timestamps import utc_now
from cloud.errors import BrokerAway, UnusableDatabase
from cloud.ops.certificate_expiry import check_renewal, read_ends
from cloud.ops.health import (
    BrokerStatistics,
    Check,
    Level,
    Limits,
    check_broker,
    check_database,
    level_of,
    performance,
    read_broker,
    summary,
)
from cloud.services.statistics import Statistics, read_statistics
from cloud.settings import CloudSettings
from shared.settings import BadSettings

BUSY_SECONDS = 2.0


class Misuse(click.UsageError):
    """Invalid options: exit status UNKNOWN instead of click's 2, which would mean CRITICAL."""

    exit_code = Level.UNKNOWN


class UnknownWhereMisused(click.Command):
    """A command that exits with UNKNOWN on invalid usage."""

    misuse_status = Level.UNKNOWN

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **named)
        except click.UsageError as misuse:
            raise Misuse(misuse.message, misuse.ctx) from None


@click.command(cls=UnknownWhereMisused)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option("--warning", default=30.0, show_default=True, help="WARNING if the broker is this many seconds behind.")
@click.option(
    "--critical", default=300.0, show_default=True, help="CRITICAL if the broker is this many seconds behind."
)
@click.option("--dropped", default=0, show_default=True, help="WARNING if the broker dropped more messages than this.")
@setting_options(*BROKER)
@setting_options("database_url")
def status(as_json: bool, warning: float, critical: float, dropped: int, **options: str | None) -> None:
    """Check the cloud's health, for monitoring systems: exit status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."""
    try:
        settings = settings_from(**options)
    except BadSettings as bad:
        _end([Check("settings", Level.UNKNOWN, "; ".join(bad.faults))], {}, as_json=as_json)
    limits = Limits(warning, critical, dropped)
    of_database, checks = _check_database(settings, limits)
    of_broker, more = _check_broker(settings, limits)
    checks += [*more, *check_renewal(read_ends(settings.broker), utc_now())]
    _end(checks, performance(of_database, of_broker, limits), as_json=as_json)


def _check_database(settings: CloudSettings, limits: Limits) -> tuple[Statistics | None, list[Check]]:
    try:
        database = open_current(settings.database_url, busy_seconds=BUSY_SECONDS)
        try:
            statistics = read_statistics(utc_now())
        finally:
            database.close()
    except UnusableDatabase as fault:
        return None, [Check("database", Level.CRITICAL, str(fault))]
    except peewee.PeeweeException as fault:
        return None, [Check("database", Level.CRITICAL, f"database error: {one_line(fault)}")]
    return statistics, [Check("database", Level.OK, "the database is available"), *check_database(statistics, limits)]


def _check_broker(settings: CloudSettings, limits: Limits) -> tuple[BrokerStatistics | None, list[Check]]:
    try:
        statistics = read_broker(settings.broker)
    except BrokerAway:
        return None, [
            Check(
                "broker", Level.CRITICAL, f"the broker at {settings.broker} does not respond or refuses the connection"
            )
        ]
    return statistics, [Check("broker", Level.OK, "the broker is available"), *check_broker(statistics, limits)]


def _end(checks: list[Check], statistics: dict[str, str], *, as_json: bool) -> NoReturn:
    (_print_json if as_json else _print)(checks, statistics)
    sys.exit(level_of(checks))


def _print(checks: list[Check], statistics: dict[str, str]) -> None:
    shown = " ".join(f"{name}={value}" for name, value in statistics.items())
    click.echo(f"{summary(checks)} | {shown}" if shown else summary(checks))
    for check in checks:
        click.echo(f"{check.level.name:<9}{check.subject:<11}{check.text}")


def _print_json(checks: list[Check], statistics: dict[str, str]) -> None:
    level = level_of(checks)
    report = {
        "status": level.name,
        "exit_status": int(level),
        "summary": summary(checks),
        "checks": [{"subject": each.subject, "status": each.level.name, "text": each.text} for each in checks],
        "figures": {name: float(value.partition(";")[0].rstrip("sc")) for name, value in statistics.items()},
    }
    click.echo(json.dumps(report, indent=2))
