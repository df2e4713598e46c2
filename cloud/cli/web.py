"""`lampi-cloud web`."""

import click

from cloud.cli.options import given, setting_options
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
@setting_options("database_url", "log_level", "log_format", "sign_up", "trusted_proxy", "proxy_count")
def web(host: str, port: int, **options: str | None) -> None:
    """Run the web page on which people associate lamps, for supervisord or systemd."""
    try:
        from cloud.web.server import serve  # noqa: PLC0415
        from cloud.web.settings import read_web_settings  # noqa: PLC0415 - Flask comes only with the extra 'web'
    except ModuleNotFoundError as missing:
        raise UserError(f"The web page needs {missing.name}: install the project with the extra 'web'.") from None
    settings = read_web_settings(given(options))
    start_logging(settings.log_level, settings.log_format)
    serve(settings, host, port)
