"""`lampi-cloud migrate` and `lampi-cloud daemon`."""

import logging

import click

from cloud.cli.options import BROKER, setting_options, settings_from, with_database
from cloud.db.database import open_database
from cloud.db.schema import upgrade
from cloud.services import adoption
from shared.logs import start_logging

log = logging.getLogger(__name__)

_NO_CLAIM_URL = (
    "LAMPI_CLAIM_URL is not set: lamps show a code but no QR code and no web address. "
    "Set it to the URL of the web page's /associate"
)


@click.command()
@setting_options("database_url")
def migrate(database_url: str | None) -> None:
    """Create the database or apply pending migrations."""
    settings = settings_from(database_url=database_url)
    database = open_database(settings.database_url, create=True)
    applied = upgrade(database)
    database.close()
    for name in applied:
        click.echo(f"Applied {name}.")
    click.echo(f"The database {settings.shown_database_url} is up to date.")


@click.command()
@with_database
def adopt() -> None:
    """Let a new, empty database take over the lamps of a broker; they are registered as new, without owners."""
    adoption.adopt()
    click.echo("The daemon now registers the broker's lamps as new ones, without owners.")


@click.command()
@click.option("--migrate", is_flag=True, help="Create the database or apply pending migrations first.")
@setting_options(
    *BROKER,
    *("database_url", "log_level", "log_format", "mqtt_version", "metrics_port"),
    *("code_ttl", "short_code_length", "guess_risk", "guess_window", "guesses_per_user", "guesses_per_source"),
    *(
        "lamp_reset",
        "stock_screens",
        "claim_url",
        "presence_filters",
        "bridge_suffixes",
        "webhook_url",
        "webhook_secret",
    ),
)
def daemon(migrate: bool, **options: str | None) -> None:
    """Run the daemon in the foreground, for supervisord or systemd."""
    settings = settings_from(**options)
    start_logging(settings.log_level, settings.log_format)
    if settings.claim_url is None:
        log.warning(_NO_CLAIM_URL)
    # Imported late: prometheus_client takes a fifth of a second, and other commands don't need it.
    from cloud.daemon.daemon import Daemon  # noqa: PLC0415

    Daemon(settings, migrate=migrate).run()
