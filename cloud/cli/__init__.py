"""The `lampi-cloud` command line, one module per subject."""

import os
from importlib import import_module
from pathlib import Path

import click

import shared
from cloud.cli.options import Commands, setting_names
from cloud.cli.settings_file import load
from shared.settings import misspelt

_COMMANDS = {
    "adopt": "daemon:adopt",
    "associate": "lamps:associate",
    "backup": "backup:backup",
    "ca": "ca:ca",
    "copy-database": "copy_database:copy_database_command",
    "daemon": "daemon:daemon",
    "deprovision": "provision:deprovision_command",
    "forget": "lamps:forget",
    "hand-over": "handover:hand_over",
    "history": "history:history",
    "identify": "lamps:identify",
    "import-course": "import_course:import_course",
    "install": "install:install",
    "lamps": "lamps:lamps",
    "migrate": "daemon:migrate",
    "offer": "handover:offer",
    "provision": "provision:provision_command",
    "reconcile": "reconcile:reconcile",
    "refuse-reset": "resets:refuse_reset",
    "release": "lamps:release",
    "resets": "resets:resets",
    "restore": "backup:restore_command",
    "rotate": "lamps:rotate",
    "shell": "shell:shell",
    "simulate": "simulate:simulate",
    "status": "status:status",
    "user": "users:user",
    "web": "web:web",
}
"""Each command's name and its definition in this package."""


class LazyCommands(Commands):
    """Imports a command's module on demand: importing all of them takes longer than most commands run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, None if the name is unknown."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), attribute)
        return command


@click.group(
    cls=LazyCommands, epilog="Each setting can be given as an environment variable or as the option of the same name."
)
@click.version_option(shared.__version__)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    envvar="LAMPI_SETTINGS_FILE",
    help="Settings file with lines NAME=value; environment variables take precedence.  [LAMPI_SETTINGS_FILE]",
)
def commands(settings_file: Path | None) -> None:
    """Manage LAMPI lamps and their owners."""
    warnings = load(settings_file, os.environ, as_root=os.geteuid() == 0) if settings_file is not None else []
    for warning in [*warnings, *misspelt(os.environ, setting_names())]:
        click.echo(f"Warning: {warning}", err=True)
