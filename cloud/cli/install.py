"""`lampi-cloud install`."""

from importlib.util import find_spec
from pathlib import Path

import click

from cloud.errors import Refusal
from cloud.installation import RECORD, SERVICES, certify, kept_page, lay_out_rules, read_page, rows
from cloud.instants import utc_now
from cloud.nginx import installed_version
from cloud.provisioning.provision import read_address
from shared.installing import CantInstall, Installation

_START = {
    "supervisord": "systemctl restart mosquitto && supervisorctl update",
    "systemd": "systemctl daemon-reload && systemctl restart mosquitto && systemctl enable --now lampi-daemon",
}
_START_PAGE = {
    "supervisord": " && supervisorctl restart lampi-daemon && systemctl reload nginx",
    "systemd": " lampi-web && systemctl restart lampi-daemon && systemctl reload nginx",
}


@click.command()
@click.argument("host", required=False)
@click.option(
    "--service", type=click.Choice(SERVICES), default=SERVICES[0], show_default=True, help="Who runs the programs."
)
@click.option("--web", "page", metavar="NAME", help="Lay out the web page, too, as https://NAME behind nginx.")
@click.option(
    "--prefix", type=click.Path(path_type=Path, file_okay=False), help="Build the tree here, also without root."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def install(host: str | None, service: str, page: str | None, prefix: Path | None, dry_run: bool) -> None:
    """Lay out a server. Again, it adds what is missing; what was changed by hand stays.

    HOST is the name or address by which lamps reach this server's broker: with it the authorities and the certificates
    of broker and daemon are made, too, where they are missing. The web page's name is remembered; nginx wants its
    certificate in /etc/nginx/lampi/.
    """
    address = None if host is None else read_address(host)
    installation = Installation(RECORD, prefix, dry_run=dry_run, say=click.echo)
    page = kept_page(installation.place) if page is None else read_page(page)
    if page is not None and find_spec("waitress") is None:
        raise Refusal("The page needs the extra 'web': pip install -c constraints.txt '.[cloud,web]'")
    try:
        installation.lay_out(rows(service, page, installed_version()))
    except CantInstall as fault:
        raise Refusal(str(fault)) from None
    if address is not None:
        certify(address, utc_now(), installation.place, dry_run=dry_run, say=click.echo)
    lay_out_rules(utc_now(), installation.place, dry_run=dry_run, say=click.echo)
    if dry_run:
        click.echo("Nothing was changed.")
    elif not installation.is_here:
        click.echo(f"Laid out under {prefix}; owners and the user are for root to make.")
    elif host is None:
        click.echo("Now make the certificates: lampi-cloud install HOST")
    else:
        click.echo(f"Now start it: {_START[service]}{'' if page is None else _START_PAGE[service]}")
