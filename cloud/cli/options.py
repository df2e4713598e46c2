"""Common options, settings and error handling of all commands."""

import functools
import os
from collections.abc import Callable
from typing import Any

import click
import peewee

from cloud.db.database import one_line
from cloud.db.schema import open_current
from cloud.errors import UserError
from cloud.settings import CloudSettings, read_settings
from shared.protocol.device_id import read_device_id
from shared.settings import BadSettings

USAGE_STATUS = 2
"""Exit status for invalid usage, as in click; 1 is for errors of the command."""

Command = Callable[..., Any]

_BROKER_OPTIONS = (
    click.option(
        "--broker-url", metavar="URL", help="mqtt://user:password@host:port or mqtts://...  [LAMPI_BROKER_URL]"
    ),
    click.option("--broker-ca", metavar="FILE", help="CA certificate of the broker.  [LAMPI_BROKER_CA]"),
    click.option(
        "--broker-certificate", metavar="FILE", help="Client certificate for the broker.  [LAMPI_BROKER_CERTIFICATE]"
    ),
    click.option("--broker-key", metavar="FILE", help="Private key of that certificate.  [LAMPI_BROKER_KEY]"),
)
database_option = click.option(
    "--database-url", metavar="URL", help="sqlite:///file or postgresql://...  [LAMPI_DATABASE_URL]"
)
log_level_option = click.option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR  [LAMPI_LOG_LEVEL]")
log_format_option = click.option("--log-format", metavar="FORMAT", help="text or json  [LAMPI_LOG_FORMAT]")
metrics_port_option = click.option(
    "--metrics-port", metavar="PORT", help="Loopback port for Prometheus metrics; 0 to disable.  [LAMPI_METRICS_PORT]"
)
mqtt_version_option = click.option(
    "--mqtt-version",
    metavar="VERSION",
    help="5, 3.1.1, or auto: 5, else 3.1.1.  [LAMPI_MQTT_VERSION]",
)
code_ttl_option = click.option(
    "--code-ttl", metavar="SECONDS", help="Code lifetime; 0 for unlimited, default 900.  [LAMPI_CODE_TTL]"
)
guess_risk_option = click.option(
    "--guess-risk",
    metavar="CHANCE",
    help="Accepted probability that any guess within a window succeeds; default 0.001.  [LAMPI_GUESS_RISK]",
)
guess_window_option = click.option(
    "--guess-window", metavar="SECONDS", help="How long a wrong code counts; default one day.  [LAMPI_GUESS_WINDOW]"
)
guesses_per_user_option = click.option(
    "--guesses-per-user",
    metavar="N",
    help="Wrong codes allowed per user and window; default 10.  [LAMPI_GUESSES_PER_USER]",
)
guesses_per_source_option = click.option(
    "--guesses-per-source",
    metavar="N",
    help="Wrong codes allowed per address and window; default 100.  [LAMPI_GUESSES_PER_SOURCE]",
)
short_code_length_option = click.option(
    "--short-code-length",
    metavar="LENGTH",
    help="Length of codes on screens: minimum such as 6, or range such as 6-6.  [LAMPI_SHORT_CODE_LENGTH]",
)
claim_url_option = click.option(
    "--claim-url", metavar="URL", help="Web page for associating lamps, shown on their screens.  [LAMPI_CLAIM_URL]"
)
presence_filters_option = click.option(
    "--presence-filters", metavar="FILTERS", help="Topic filters for lamps' presence.  [LAMPI_PRESENCE_FILTERS]"
)
webhook_url_option = click.option(
    "--webhook-url", metavar="URL", help="Endpoint for events about associated and released lamps.  [LAMPI_WEBHOOK_URL]"
)
webhook_secret_option = click.option(
    "--webhook-secret",
    metavar="SECRET",
    help="Secret that signs webhook requests: whsec_ and base64.  [LAMPI_WEBHOOK_SECRET]",
)


def broker_options(command: Command) -> Command:
    """Add the options for the broker's URL and TLS files to a command."""
    for option in reversed(_BROKER_OPTIONS):
        command = option(command)
    return command


class Commands(click.Group):
    """A command group that reports errors in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error becomes one line on standard error and exit status 1."""
        try:
            return super().invoke(ctx)
        except UserError as refusal:
            raise click.ClickException(str(refusal)) from None
        except BadSettings as bad:
            for fault in bad.faults:
                click.echo(f"Error: {fault}", err=True)
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            ctx.exit(getattr(command, "misuse_status", USAGE_STATUS))
        except peewee.PeeweeException as fault:
            raise click.ClickException(f"Database error: {one_line(fault)}") from None


def settings_from(**options: str | None) -> CloudSettings:
    """Return the settings from options and environment variables; options take precedence.

    Options are named after their settings: ``broker_url`` is `LAMPI_BROKER_URL`.

    Raises:
        BadSettings: some settings are invalid.
    """
    given = {f"LAMPI_{name.upper()}": value for name, value in options.items() if value is not None}
    return read_settings(os.environ | given)


def with_database(command: Command) -> Command:
    """Open the database for a command and close it afterwards."""

    @database_option
    @functools.wraps(command)
    def opened(database_url: str | None, **arguments: Any) -> Any:
        database = open_current(settings_from(database_url=database_url).database_url)
        try:
            return command(**arguments)
        finally:
            database.close()

    return opened


class DeviceId(click.ParamType[str]):
    """A device id as a command-line argument; upper case and a MAC address's colons are accepted."""

    name = "device_id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the device id in canonical form."""
        try:
            return read_device_id(value)
        except ValueError as fault:
            self.fail(f"{fault}.", param, ctx)
