"""The command `lampi-ui`: the touchscreen of a LAMPI."""

import logging
import os
import sys

import click

import shared
from lamp_ui import settings
from lamp_ui.install import install
from lamp_ui.platform.kivy_config import NO_CONFIG, apply, find_config, read_config_file
from lamp_ui.platform.signals import EndSignals
from lamp_ui.settings import Config, read_config
from shared.logs import start_logging
from shared.protocol.topics import COURSE_BRIDGES, lamp_prefix
from shared.settings import BadSettings, misspelt
from shared.terminal import escape_unshowable

log = logging.getLogger("lamp_ui")

MOST_FRAMES_A_SECOND = 20
"""How often Kivy polls for input. While a finger moves, each of its events causes the next poll at once."""

_KIVY_NOISE = (
    "Window: Unable to find any valuable Window provider",  # with a traceback; our own message says what to do
    "Input: MTDev is not supported",  # with a traceback, on every desktop; if it is needed, Kivy logs another error
)

_DISPLAYS = "x11,wayland,kmsdrm"
"""SDL's video drivers in its order, without its last resort, an invisible window."""

_NO_DISPLAY = (
    "No display can be opened. On a Pi, check that the panel's overlay is in config.txt and that this user is in the "
    "groups video and render. On a desktop, start it from the desktop's terminal, or set DISPLAY. "
    "LAMPI_LOG_LEVEL=DEBUG logs details"
)


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(shared.__version__)
@click.option(
    "--broker-url",
    settings.BROKER_URL,
    metavar="URL",
    help=f"The lamp's own broker, mqtt://user:password@host:port or mqtts://... "
    f"[env: {settings.BROKER_URL}; default: {settings.DEFAULT_BROKER_URL}]",
)
@click.option(
    "--broker-ca", settings.BROKER_CA, metavar="FILE", help=f"CA certificate of the broker. [env: {settings.BROKER_CA}]"
)
@click.option(
    "--broker-certificate",
    settings.BROKER_CERTIFICATE,
    metavar="FILE",
    help=f"Client certificate for the broker. [env: {settings.BROKER_CERTIFICATE}]",
)
@click.option(
    "--broker-key",
    settings.BROKER_KEY,
    metavar="FILE",
    help=f"Private key of that certificate. [env: {settings.BROKER_KEY}]",
)
@click.option(
    "--device-id",
    settings.DEVICE_ID,
    metavar="ID",
    help=f"Device id, 12 hexadecimal characters. [env: {settings.DEVICE_ID}; default: this machine's Ethernet MAC]",
)
@click.option(
    "--topic-prefix",
    settings.TOPIC_PREFIX,
    metavar="PREFIX",
    help=f"Prefix of the lamp's topics; empty ('') behind a bridge that strips it. "
    f"[env: {settings.TOPIC_PREFIX}, which may be set to an empty string; default: {lamp_prefix('<id>')}]",
)
@click.option(
    "--bridge-suffixes",
    settings.BRIDGE_SUFFIXES,
    metavar="SUFFIXES",
    help=f"What the bridge's name has after the device id, comma-separated. "
    f"[env: {settings.BRIDGE_SUFFIXES}; default: {','.join(COURSE_BRIDGES.suffixes)}]",
)
@click.option(
    "--log-level",
    settings.LOG_LEVEL,
    metavar="LEVEL",
    help=f"DEBUG, INFO, WARNING or ERROR. [env: {settings.LOG_LEVEL}; default: {settings.DEFAULT_LOG_LEVEL}]",
)
@click.option(
    "--log-format",
    settings.LOG_FORMAT,
    metavar="FORMAT",
    help=f"text or json. [env: {settings.LOG_FORMAT}; default: {settings.DEFAULT_LOG_FORMAT}]",
)
@click.option(
    "--size",
    settings.SIZE,
    metavar="WxH",
    help=f"Size of the window in pixels, for desktops; at least 240x320, the size of a LAMPI's panel. "
    f"[env: {settings.SIZE}; default: from Kivy's config.ini, which on a Pi also has the rotation and touch]",
)
@click.option(
    "--language",
    settings.LANGUAGE,
    metavar="LANGUAGE",
    help=f"Language of the screen, en or de. [env: {settings.LANGUAGE}; default: from LANG, else en]",
)
@click.option(
    "--motion",
    settings.MOTION,
    metavar="on|off",
    help=f"Whether the screen may fade and pulse. [env: {settings.MOTION}; default: on]",
)
@click.option(
    "--dim-after",
    settings.DIM_AFTER,
    metavar="SECONDS",
    help=f"Seconds without a touch until the screen dims; 0 for never. "
    f"[env: {settings.DIM_AFTER}; default: {settings.DEFAULT_DIM_AFTER_SECONDS:.0f}]",
)
@click.pass_context
def main(ctx: click.Context, /, **options: str | None) -> None:
    """Show a LAMPI's touchscreen.

    While the lamp is unclaimed, it shows the code for claiming it. Afterwards it switches the lamp, and sets its colour
    and brightness. If the broker is unreachable, the screen says so and retries. SIGTERM and Ctrl-C end it.
    """
    escape_unshowable()
    if ctx.invoked_subcommand is not None:
        return
    # Not click's own environment handling: click treats a variable that is set but empty as not set.
    given = {name: value for name, value in options.items() if value is not None}
    try:
        config = read_config(os.environ | given)
    except BadSettings as bad:
        for fault in bad.faults:
            click.echo(fault, err=True)
        sys.exit(2)
    for warning in misspelt(os.environ, settings.NAMES):
        click.echo(f"Warning: {warning}", err=True)
    end_signals = EndSignals()
    end_signals.hold()
    start_logging(config.log_level, config.log_format)
    _prepare_kivy(config)
    # Imported late: Kivy takes seconds to import, reads its configuration and starts to log.
    from lamp_ui.view.app import NoDisplay, Touchscreen  # noqa: PLC0415

    log.info("Touchscreen of lamp %s started, broker %s", config.device_id, config.broker)
    try:
        touchscreen = Touchscreen(config, end_signals)
    except NoDisplay:
        log.error(_NO_DISPLAY)
        sys.exit(1)
    touchscreen.run_until_ended()


main.add_command(install)


def _prepare_kivy(config: Config) -> None:
    """Set Kivy's environment, and apply `config.ini` before the modules that read it are imported."""
    os.environ[NO_CONFIG] = "1"
    os.environ["KIVY_NO_ARGS"] = "1"
    os.environ["KIVY_LOG_MODE"] = "PYTHON"
    # A clock that a message wakes at once; Kivy's default clock sleeps until the next frame is due.
    os.environ["KIVY_CLOCK"] = "interrupt"
    # Kivy's other window provider exits if it finds no display.
    os.environ.setdefault("KIVY_WINDOW", "sdl2")
    os.environ.setdefault("SDL_VIDEODRIVER", _DISPLAYS)
    # Fewer polls save power. Not set in config.ini, which belongs to the Pi.
    os.environ.setdefault("KCFG_GRAPHICS_MAXFPS", str(MOST_FRAMES_A_SECOND))
    if config.log_level != "DEBUG":
        # A filter, not a level: Kivy sets its logger's level itself when it is imported.
        logging.getLogger("kivy").addFilter(_worth_saying)
    from kivy.config import Config as KivyConfig  # noqa: PLC0415
    from kivy.logger import LOG_LEVELS as KIVY_LEVELS  # noqa: PLC0415

    apply(read_config_file(find_config(os.environ)), KivyConfig, os.environ)
    # Kivy set the level at import, and in this log mode it ignores its configuration.
    logging.getLogger("kivy").setLevel(KIVY_LEVELS.get(KivyConfig.get("kivy", "log_level"), logging.INFO))


def _worth_saying(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING and not record.getMessage().startswith(_KIVY_NOISE)


if __name__ == "__main__":
    main(prog_name="lampi-ui")
