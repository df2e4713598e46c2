"""`lampi-cloud web`."""

import os

import click

from cloud.cli.options import database_option, log_format_option, log_level_option
from cloud.errors import UserError
from shared.logs import start_logging


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 for any free port.",
)
@database_option
@log_level_option
@log_format_option
@click.option("--sign-up", metavar="WORD", help="Whether people can create accounts: open or closed.  [LAMPI_SIGN_UP]")
@click.option(
    "--trusted-proxy",
    metavar="ADDRESS",
    help="Address of the reverse proxy whose X-Forwarded-For is trusted.  [LAMPI_TRUSTED_PROXY]",
)
def web(host: str, port: int, **options: str | None) -> None:
    """Run the web page on which people associate lamps, for supervisord or systemd."""
    try:
        from cloud.web.server import serve  # noqa: PLC0415
        from cloud.web.settings import read_web_settings  # noqa: PLC0415 - Flask comes only with the extra 'web'
    except ModuleNotFoundError as missing:
        raise UserError(f"The web page needs {missing.name}: install the project with the extra 'web'.") from None
    given = {f"LAMPI_{name.upper()}": value for name, value in options.items() if value is not None}
    settings = read_web_settings(os.environ | given)
    start_logging(settings.log_level, settings.log_format)
    serve(settings, host, port)
