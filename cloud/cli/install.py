"""`lampi-cloud install`."""

from importlib.util import find_spec
from pathlib import Path

import click

from cloud.db.timestamps import utc_now
from cloud.errors import UserError
from cloud.ops.deploy.install import RECORD, SERVICES, certify, install_rules, kept_page, read_page, rows
from cloud.ops.deploy.nginx import installed_version
from cloud.ops.provisioning.provision import read_address
from shared.install.installation import CantInstall, Installation

_START = {
    "supervisord": "systemctl daemon-reload && systemctl restart mosquitto && supervisorctl update",
    "systemd": "systemctl daemon-reload && systemctl restart mosquitto && systemctl enable --now lampi-daemon",
}
_START_PAGE = {
    "supervisord": " && supervisorctl restart lampi-daemon && systemctl reload nginx",
    "systemd": " lampi-web && systemctl restart lampi-daemon && systemctl reload nginx",
}


@click.command()
@click.argument("host", required=False)
@click.option("--service", type=click.Choice(SERVICES), default=SERVICES[0], show_default=True, help="Process manager.")
@click.option("--web", "page", metavar="NAME", help="Also install the web page as https://NAME behind nginx.")
@click.option(
    "--prefix",
    type=click.Path(path_type=Path, file_okay=False),
    help="Install below this folder; does not require root.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done and change nothing.")
def install(host: str | None, service: str, page: str | None, prefix: Path | None, dry_run: bool) -> None:
    """Install the cloud on this server. Run again to add what is missing; manual changes are kept.

    HOST is the name or address by which lamps reach this server's broker. With HOST, missing certificate authorities
    and the certificates of the broker and the daemon are created, too. The web page's name is remembered; nginx expects
    its certificate in /etc/nginx/lampi/.
    """
    address = None if host is None else read_address(host)
    installation = Installation(RECORD, prefix, dry_run=dry_run, say=click.echo)
    page = kept_page(installation.place) if page is None else read_page(page)
    if page is not None and find_spec("waitress") is None:
        raise UserError("The web page needs the extra 'web': pip install -c constraints.txt '.[cloud,web]'")
    try:
        installation.install(rows(service, page, installed_version()))
    except CantInstall as fault:
        raise UserError(str(fault)) from None
    if address is not None:
        certify(address, utc_now(), installation.place, dry_run=dry_run, say=click.echo)
    install_rules(utc_now(), installation.place, dry_run=dry_run, say=click.echo)
    if dry_run:
        click.echo("Nothing was changed.")
    elif not installation.is_here:
        click.echo(f"Installed under {prefix}; as root, create the user and set the owners.")
    elif host is None:
        click.echo("Next, create the certificates: lampi-cloud install HOST")
    else:
        click.echo(f"To start: {_START[service]}{'' if page is None else _START_PAGE[service]}")
