"""The command line `lampi-cloud`, a module a subject."""

import click

import shared
from cloud.cli.ca import ca
from cloud.cli.copy_database import copy_database_command
from cloud.cli.daemon import daemon, migrate
from cloud.cli.edge import Commands
from cloud.cli.history import history
from cloud.cli.lamps import associate, forget, lamps, release, rotate
from cloud.cli.provision import deprovision_command, provision_command
from cloud.cli.reconcile import reconcile
from cloud.cli.shell import shell
from cloud.cli.simulate import simulate
from cloud.cli.users import user
from cloud.cli.web import web


@click.group(
    cls=Commands, epilog="Each setting can be given by its environment variable, or by the option of its name."
)
@click.version_option(shared.__version__)
def commands() -> None:
    """Keep LAMPI lamps and their owners."""


for command in (
    migrate,
    daemon,
    web,
    user,
    lamps,
    associate,
    release,
    rotate,
    forget,
    history,
    reconcile,
    ca,
    provision_command,
    deprovision_command,
    copy_database_command,
    simulate,
    shell,
):
    commands.add_command(command)
