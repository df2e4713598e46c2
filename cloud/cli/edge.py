"""The edge of every command: settings come in, refusals go out as one clear line."""

import functools
import os
from collections.abc import Callable
from typing import Any

import click
import peewee

from cloud.config import CloudSettings, read_settings
from cloud.database import one_line
from cloud.errors import Refusal
from cloud.schema import open_current
from shared.device_id import read_device_id
from shared.settings import BadSettings

USAGE_STATUS = 2
"""The exit status that click, too, gives to a call that can't be understood; 1 is for what is refused."""

Command = Callable[..., Any]

_BROKER_OPTIONS = (
    click.option(
        "--broker-url", metavar="URL", help="mqtt://user:password@host:port or mqtts://...  [LAMPI_BROKER_URL]"
    ),
    click.option("--broker-ca", metavar="FILE", help="Who signs its certificate.  [LAMPI_BROKER_CA]"),
    click.option("--broker-certificate", metavar="FILE", help="By which it knows us.  [LAMPI_BROKER_CERTIFICATE]"),
    click.option("--broker-key", metavar="FILE", help="The key of that certificate.  [LAMPI_BROKER_KEY]"),
)
database_option = click.option(
    "--database-url", metavar="URL", help="sqlite:///file or postgresql://...  [LAMPI_DATABASE_URL]"
)
log_level_option = click.option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR  [LAMPI_LOG_LEVEL]")
log_format_option = click.option("--log-format", metavar="FORMAT", help="text or json  [LAMPI_LOG_FORMAT]")
metrics_port_option = click.option(
    "--metrics-port", metavar="PORT", help="Prometheus metrics on this loopback port; 0 for none.  [LAMPI_METRICS_PORT]"
)
mqtt_version_option = click.option(
    "--mqtt-version",
    metavar="VERSION",
    help="5, 3.1.1, or auto: 5 unless the broker refuses it.  [LAMPI_MQTT_VERSION]",
)
code_ttl_option = click.option(
    "--code-ttl", metavar="SECONDS", help="How long a code is good for; 0 for ever, default 900.  [LAMPI_CODE_TTL]"
)
guess_risk_option = click.option(
    "--guess-risk",
    metavar="CHANCE",
    help="That the guesses of a window hit any lamp; default 0.001.  [LAMPI_GUESS_RISK]",
)
guess_window_option = click.option(
    "--guess-window", metavar="SECONDS", help="How long a wrong code counts; default a day.  [LAMPI_GUESS_WINDOW]"
)
guesses_per_user_option = click.option(
    "--guesses-per-user", metavar="N", help="Wrong codes of one user in a window; default 10.  [LAMPI_GUESSES_PER_USER]"
)
guesses_per_source_option = click.option(
    "--guesses-per-source",
    metavar="N",
    help="Wrong codes of one address in a window; default 100.  [LAMPI_GUESSES_PER_SOURCE]",
)
short_code_length_option = click.option(
    "--short-code-length",
    metavar="LENGTH",
    help="Characters that a screen shows: at least 6, or as in 6-6.  [LAMPI_SHORT_CODE_LENGTH]",
)
claim_url_option = click.option(
    "--claim-url", metavar="URL", help="The page where lamps are associated, for their screens.  [LAMPI_CLAIM_URL]"
)
presence_filters_option = click.option(
    "--presence-filters", metavar="FILTERS", help="Where lamps' presence is taken from.  [LAMPI_PRESENCE_FILTERS]"
)
webhook_url_option = click.option(
    "--webhook-url", metavar="URL", help="Who is told over HTTP of owners that come and go.  [LAMPI_WEBHOOK_URL]"
)
webhook_secret_option = click.option(
    "--webhook-secret", metavar="SECRET", help="What signs for it: whsec_ and base64.  [LAMPI_WEBHOOK_SECRET]"
)


def broker_options(command: Command) -> Command:
    """Give a command the options that say where the broker is and how it knows us."""
    for option in reversed(_BROKER_OPTIONS):
        command = option(command)
    return command


class Commands(click.Group):
    """A group whose commands may raise our errors."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it refuses becomes one line on standard error and exit status 1."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise click.ClickException(str(refusal)) from None
        except BadSettings as bad:
            for fault in bad.faults:
                click.echo(f"Error: {fault}", err=True)
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            ctx.exit(getattr(command, "misuse_status", USAGE_STATUS))
        except peewee.PeeweeException as fault:
            raise click.ClickException(f"The database fails: {one_line(fault)}") from None


def settings_from(**options: str | None) -> CloudSettings:
    """Return the settings of the environment, with the options that were given instead.

    Each option is named as its setting: ``broker_url`` is `LAMPI_BROKER_URL`.

    Raises:
        BadSettings: some can't be used.
    """
    given = {f"LAMPI_{name.upper()}": value for name, value in options.items() if value is not None}
    return read_settings(os.environ | given)


def with_database(command: Command) -> Command:
    """Open the database for a command, by its option or the environment, and close it afterwards."""

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
    """A device id on the command line, also in upper case or with a MAC's colons."""

    name = "device_id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as the wire spells it."""
        try:
            return read_device_id(value)
        except ValueError as fault:
            self.fail(f"{fault}.", param, ctx)
