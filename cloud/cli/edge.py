"""The edge of every command: settings come in, refusals go out as one clear line."""

import functools
import os
from collections.abc import Callable
from typing import Any

import click
import peewee

from cloud.config import WEBHOOK_SECRET, WEBHOOK_URL, CloudSettings, read_settings
from cloud.database import one_line
from cloud.errors import Refusal
from cloud.schema import open_current
from shared.device_id import read_device_id
from shared.settings import BadSettings

USAGE_STATUS = 2
"""The exit status that click, too, gives to a call that can't be understood; 1 is for what is refused."""

Command = Callable[..., Any]

broker_option = click.option(
    "--broker-url", metavar="URL", help="mqtt://user:password@host:port or mqtts://...  [LAMPI_BROKER_URL]"
)
database_option = click.option(
    "--database-url", metavar="URL", help="sqlite:///file or postgresql://...  [LAMPI_DATABASE_URL]"
)
log_level_option = click.option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR  [LAMPI_LOG_LEVEL]")
code_ttl_option = click.option(
    "--code-ttl", metavar="SECONDS", help="How long a code is good for; 0 for ever, default 900.  [LAMPI_CODE_TTL]"
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
            ctx.exit(USAGE_STATUS)
        except peewee.PeeweeException as fault:
            raise click.ClickException(f"The database fails: {one_line(fault)}") from None


def settings_from(
    *,
    broker_url: str | None = None,
    database_url: str | None = None,
    log_level: str | None = None,
    code_ttl: str | None = None,
    presence_filters: str | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
) -> CloudSettings:
    """Return the settings of the environment, with the options that were given instead.

    Raises:
        BadSettings: some can't be used.
    """
    given = {
        "LAMPI_BROKER_URL": broker_url,
        "LAMPI_DATABASE_URL": database_url,
        "LAMPI_LOG_LEVEL": log_level,
        "LAMPI_CODE_TTL": code_ttl,
        "LAMPI_PRESENCE_FILTERS": presence_filters,
        WEBHOOK_URL: webhook_url,
        WEBHOOK_SECRET: webhook_secret,
    }
    return read_settings(os.environ | {name: value for name, value in given.items() if value is not None})


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
