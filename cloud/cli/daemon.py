"""`lampi-cloud migrate` and `lampi-cloud daemon`."""

import logging

import click

from cloud.cli.options import (
    broker_options,
    claim_url_option,
    code_ttl_option,
    database_option,
    guess_risk_option,
    guess_window_option,
    guesses_per_source_option,
    guesses_per_user_option,
    log_format_option,
    log_level_option,
    metrics_port_option,
    mqtt_version_option,
    presence_filters_option,
    settings_from,
    short_code_length_option,
    webhook_secret_option,
    webhook_url_option,
)
from cloud.db.database import open_database
from cloud.db.schema import upgrade
from shared.logs import start_logging

log = logging.getLogger(__name__)

_NO_CLAIM_URL = (
    "LAMPI_CLAIM_URL is not set: lamps show a code but no QR code and no web address. "
    "Set it to the URL of the web page's /associate"
)


@click.command()
@database_option
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
@click.option("--migrate", is_flag=True, help="Create the database or apply pending migrations first.")
@broker_options
@database_option
@log_level_option
@log_format_option
@mqtt_version_option
@metrics_port_option
@code_ttl_option
@short_code_length_option
@guess_risk_option
@guess_window_option
@guesses_per_user_option
@guesses_per_source_option
@claim_url_option
@presence_filters_option
@webhook_url_option
@webhook_secret_option
def daemon(migrate: bool, **options: str | None) -> None:
    """Run the daemon in the foreground, for supervisord or systemd."""
    settings = settings_from(**options)
    start_logging(settings.log_level, settings.log_format)
    if settings.claim_url is None:
        log.warning(_NO_CLAIM_URL)
    # Imported late: prometheus_client takes a fifth of a second, and other commands don't need it.
    from cloud.daemon.daemon import Daemon  # noqa: PLC0415

    Daemon(settings, migrate=migrate).run()
