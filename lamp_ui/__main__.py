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
from shared.protocol.topics import lamp_prefix
from shared.settings import BadSettings, misspelt
from shared.terminal import escape_unshowable

log = logging.getLogger("lamp_ui")

MOST_FRAMES_A_SECOND = 20
"""How often Kivy looks whether a finger came; while one moves, each of its events brings the next look forward."""

_KIVY_NOISE = (
    "Window: Unable to find any valuable Window provider",  # with a traceback; our own line says what to do
    "Input: MTDev is not supported",  # with a traceback, on every desk; where it is needed, Kivy complains again
)

_DISPLAYS = "x11,wayland,kmsdrm"
"""SDL's video drivers, in its order, without its last resort: a window that is never visible."""

_NO_DISPLAY = (
    "No display can be opened. On a Pi: is the panel's overlay in config.txt, and is this user in the groups video "
    "and render? On a desk: start it from the desktop's terminal, or set DISPLAY. LAMPI_LOG_LEVEL=DEBUG says more"
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
    "--broker-ca", settings.BROKER_CA, metavar="FILE", help=f"Who signs its certificate. [env: {settings.BROKER_CA}]"
)
@click.option(
    "--broker-certificate",
    settings.BROKER_CERTIFICATE,
    metavar="FILE",
    help=f"Our certificate, where the broker wants one. [env: {settings.BROKER_CERTIFICATE}]",
)
@click.option("--broker-key", settings.BROKER_KEY, metavar="FILE", help=f"Its key. [env: {settings.BROKER_KEY}]")
@click.option(
    "--device-id",
    settings.DEVICE_ID,
    metavar="ID",
    help=f"The lamp's id, 12 hexadecimal characters. [env: {settings.DEVICE_ID}; default: this machine's Ethernet MAC]",
)
@click.option(
    "--topic-prefix",
    settings.TOPIC_PREFIX,
    metavar="PREFIX",
    help=f"What stands before the lamp's topics; empty ('') behind a bridge that strips it. "
    f"[env: {settings.TOPIC_PREFIX}, set but empty counts; default: {lamp_prefix('<id>')}]",
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
    help=f"The window's size in pixels, for the desk: 240x320 is a LAMPI's own, and the least. "
    f"[env: {settings.SIZE}; default: as Kivy's own config.ini says, which on a Pi also knows rotation and touch]",
)
@click.option(
    "--language",
    settings.LANGUAGE,
    metavar="LANGUAGE",
    help=f"The screen's language, en or de. [env: {settings.LANGUAGE}; default: as LANG says, else en]",
)
@click.option(
    "--motion",
    settings.MOTION,
    metavar="on|off",
    help=f"Whether anything on the screen may fade. [env: {settings.MOTION}; default: on]",
)
@click.option(
    "--dim-after",
    settings.DIM_AFTER,
    metavar="SECONDS",
    help=f"Dim the screen after so long without a touch; 0 is never. "
    f"[env: {settings.DIM_AFTER}; default: {settings.DEFAULT_DIM_AFTER_SECONDS:.0f}]",
)
@click.pass_context
def main(ctx: click.Context, /, **options: str | None) -> None:
    """Show a LAMPI's touchscreen.

    While the lamp is unclaimed, it shows the code to claim it with, until it is claimed. Then it
    switches the lamp, and sets its colour and brightness. If the broker is unreachable, the screen
    says so and retries. SIGTERM and Ctrl-C end it.
    """
    escape_unshowable()
    if ctx.invoked_subcommand is not None:
        return
    # Not click's own reading of the environment: for click, a variable that is set but empty is not set.
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
    # Only now: importing Kivy takes seconds, reads its configuration and starts to log.
    from lamp_ui.view.app import NoDisplay, Touchscreen  # noqa: PLC0415

    log.info("This is lamp %s, on the broker at %s", config.device_id, config.broker)
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
    # The clock that a message wakes at once; Kivy's default one sleeps until the next frame is due.
    os.environ["KIVY_CLOCK"] = "interrupt"
    # Kivy's other window provider ends the program where it finds no display.
    os.environ.setdefault("KIVY_WINDOW", "sdl2")
    os.environ.setdefault("SDL_VIDEODRIVER", _DISPLAYS)
    # Each frame that is not looked for is power not used. Not in config.ini, which is the Pi's own.
    os.environ.setdefault("KCFG_GRAPHICS_MAXFPS", str(MOST_FRAMES_A_SECOND))
    if config.log_level != "DEBUG":
        # A filter, not a level: Kivy sets its logger's level itself when it is imported.
        logging.getLogger("kivy").addFilter(_worth_saying)
    from kivy.config import Config as KivyConfig  # noqa: PLC0415
    from kivy.logger import LOG_LEVELS as KIVY_LEVELS  # noqa: PLC0415

    apply(read_config_file(find_config(os.environ)), KivyConfig, os.environ)
    # Kivy set it when it was imported, and in this log mode it doesn't follow its configuration.
    logging.getLogger("kivy").setLevel(KIVY_LEVELS.get(KivyConfig.get("kivy", "log_level"), logging.INFO))


def _worth_saying(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING and not record.getMessage().startswith(_KIVY_NOISE)


if __name__ == "__main__":
    main(prog_name="lampi-ui")
