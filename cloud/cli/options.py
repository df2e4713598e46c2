"""Common options, settings and error handling of all commands."""

import functools
import os
from collections.abc import Callable, Mapping
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

BROKER = ("broker_url", "broker_ca", "broker_certificate", "broker_key")

_HELP = {
    "bridge_suffixes": ("SUFFIXES", "What bridges' names have after the device id; default _broker."),
    "broker_url": ("URL", "mqtt://user:password@host:port or mqtts://..."),
    "broker_ca": ("FILE", "CA certificate of the broker."),
    "broker_certificate": ("FILE", "Client certificate for the broker."),
    "broker_key": ("FILE", "Private key of that certificate."),
    "claim_url": ("URL", "Web page for associating lamps, shown on their screens."),
    "code_ttl": ("SECONDS", "Code lifetime; 0 for unlimited, default 900."),
    "database_url": ("URL", "sqlite:///file or postgresql://..."),
    "guess_risk": ("PROBABILITY", "Accepted probability that any guess within a window succeeds; default 0.001."),
    "guess_window": ("SECONDS", "How long a wrong code counts; default one day."),
    "guesses_per_source": ("N", "Wrong codes allowed per address and window; default 100."),
    "guesses_per_user": ("N", "Wrong codes allowed per user and window; default 10."),
    "lamp_reset": ("WORD", "Whether lamps can be released on their screens: at-once, after-a-day or never."),
    "log_format": ("FORMAT", "text or json"),
    "log_level": ("LEVEL", "DEBUG, INFO, WARNING or ERROR"),
    "metrics_port": ("PORT", "Loopback port for Prometheus metrics; 0 to disable."),
    "mqtt_version": ("VERSION", "5, 3.1.1, or auto: 5, else 3.1.1."),
    "presence_filters": ("FILTERS", "Topic filters for lamps' presence."),
    "proxy_count": ("N", "Number of proxies that a request passes; default 1."),
    "short_code_length": ("LENGTH", "Length of codes on screens: minimum such as 6, or range such as 6-6."),
    "sign_up": ("WORD", "Whether people can create accounts: open or closed."),
    "stock_screens": ("WORD", "Which lamps may have the course's screen: auto, yes (all) or no (none)."),
    "trusted_proxy": ("ADDRESS", "Address of the reverse proxy whose X-Forwarded-For is trusted."),
    "webhook_secret": ("SECRET", "Secret that signs webhook requests: whsec_ and base64."),
    "webhook_url": ("URL", "Endpoint for events about associated and released lamps."),
}
"""The settings that can be given as an option: the placeholder and the help of each."""


OTHER_SETTINGS = ("settings_file", "ca_folder", "mosquitto_folder", "cloud_address", "broker_reload")
"""Settings of a few commands, which declare their options themselves."""


def setting_names() -> list[str]:
    """Return the environment variables of all settings."""
    return [f"LAMPI_{name.upper()}" for name in (*_HELP, *OTHER_SETTINGS)]


def setting_options(*names: str) -> Callable[[Command], Command]:
    """Return a decorator that adds these settings to a command as options, in this order."""

    def add(command: Command) -> Command:
        for name in reversed(names):
            placeholder, text = _HELP[name]
            option = f"--{name.replace('_', '-')}"
            command = click.option(option, metavar=placeholder, help=f"{text}  [LAMPI_{name.upper()}]")(command)
        return command

    return add


def given(options: Mapping[str, str | None]) -> dict[str, str]:
    """Return the environment variables, with the given options over them: ``broker_url`` is `LAMPI_BROKER_URL`."""
    return os.environ | {f"LAMPI_{name.upper()}": value for name, value in options.items() if value is not None}


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

    Raises:
        BadSettings: some settings are invalid.
    """
    return read_settings(given(options))


def with_database(command: Command) -> Command:
    """Open the database for a command and close it afterwards."""

    @setting_options("database_url")
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
