"""`lampi-cloud shell`."""

import code

import click

from cloud.cli.options import with_database
from cloud.services import claiming
from cloud.store import codes
from cloud.store.lamps import Lampi, User

_BANNER = """\
Lampi and User are peewee models, which have no `objects`. Look, get, delete:
    list(Lampi.select())
    lampi = Lampi.get(Lampi.device_id == "b827ebba0387")
    lampi.delete_instance()       # also withdraws the lamp's message, as Lampi.delete().where(...).execute() does
association has associate_by_code, associate_by_device_id, release and forget.
The running daemon publishes changes made by these methods. After save(), insert() or update(): lampi-cloud reconcile.
Ctrl-D exits."""


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
