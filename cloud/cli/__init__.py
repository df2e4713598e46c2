"""The command line `lampi-cloud`, a module a subject."""

import os
from pathlib import Path

import click

import shared
from cloud.cli.backup import backup, restore_command
from cloud.cli.ca import ca
from cloud.cli.copy_database import copy_database_command
from cloud.cli.daemon import daemon, migrate
from cloud.cli.edge import Commands
from cloud.cli.history import history
from cloud.cli.install import install
from cloud.cli.lamps import associate, forget, identify, lamps, release, rotate
from cloud.cli.provision import deprovision_command, provision_command
from cloud.cli.reconcile import reconcile
from cloud.cli.shell import shell
from cloud.cli.simulate import simulate
from cloud.cli.status import status
from cloud.cli.users import user
from cloud.cli.web import web
from shared.settings import read_settings_file


@click.group(
    cls=Commands, epilog="Each setting can be given by its environment variable, or by the option of its name."
)
@click.version_option(shared.__version__)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    envvar="LAMPI_SETTINGS_FILE",
    help="A file of lines NAME=value; the environment counts more.  [LAMPI_SETTINGS_FILE]",
)
def commands(settings_file: Path | None) -> None:
    """Keep LAMPI lamps and their owners."""
    if settings_file is not None:
        for name, value in read_settings_file(settings_file).items():
            os.environ.setdefault(name, value)


for command in (
    migrate,
    daemon,
    web,
    user,
    lamps,
    associate,
    release,
    identify,
    rotate,
    forget,
    history,
    reconcile,
    install,
    ca,
    provision_command,
    deprovision_command,
    status,
    backup,
    restore_command,
    copy_database_command,
    simulate,
    shell,
):
    commands.add_command(command)
