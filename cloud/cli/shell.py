"""`lampi-cloud shell`."""

import code

import click

from cloud.cli.options import with_database
from cloud.services import claiming
from cloud.store import codes
from cloud.store.lamps import Lampi, User

_BANNER = """\
Lampi and User are peewee models; association has associate_by_code, associate_by_device_id, release and forget.
Examples:
    Lampi.select().count()
    lampi = Lampi.get(Lampi.device_id == "b827ebba0387")
    for lampi in list(Lampi.select()): lampi.publish_unassociated_msg()    # list() finishes reading before writing
    lampi.delete_instance()       # also clears the retained message
The running daemon publishes changes. Ctrl-D exits."""


@click.command()
@with_database
def shell() -> None:
    """Open a Python shell with the models."""
    code.interact(
        banner=_BANNER,
        exitmsg="",
        local={
            "Lampi": Lampi,
            "User": User,
            "association": claiming,
            "generate_association_code": codes.generate_association_code,
        },
    )
