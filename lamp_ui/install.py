"""`lampi-ui install`: what a lamp's Pi gets beside this program."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from shared.installing import CantInstall, File, Folder, Installation, Owner, Row

RECORD = Path("/etc/lampi/installed.sha256")
SERVICES = ("systemd", "supervisord")

_DEPLOY = Path(__file__).parent / "deploy"
_ENVIRONMENT = "/opt/lampi"
"""Where the shipped files expect this project's virtual environment; they get the one that runs."""

_OF_BROKER = Path("/etc/mosquitto/lampi")
_BROKER = Owner("mosquitto", "mosquitto")
_START = {
    "systemd": "systemctl daemon-reload && systemctl restart mosquitto && systemctl enable --now lampi-ui",
    "supervisord": "systemctl restart mosquitto && supervisorctl update",
}


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option("--service", type=click.Choice(SERVICES), default=SERVICES[0], show_default=True, help="Who runs it.")
@click.option("--prefix", type=click.Path(path_type=Path, file_okay=False), help="Build the tree here, without root.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def install(folder: Path | None, service: str, prefix: Path | None, dry_run: bool) -> None:
    """Lay out a lamp's Pi. Again, it adds what is missing; what was changed by hand stays.

    FOLDER is what `lampi-cloud provision` made for this lamp: its bridge to the cloud, and its certificate.
    """
    installation = Installation(RECORD, prefix, dry_run=dry_run, say=click.echo)
    try:
        installation.lay_out([*rows(service), *([] if folder is None else provisioned(folder))])
    except CantInstall as fault:
        raise click.ClickException(str(fault)) from None
    if dry_run:
        click.echo("Nothing was changed.")
    elif prefix is not None:
        click.echo(f"Laid out under {prefix}; owners are for root to set.")
    else:
        click.echo(f"Now start it: {_START[service]}")


def rows(service: str) -> Iterator[Row]:
    """Yield what every lamp gets; ``service`` is who runs the touchscreen, one of `SERVICES`."""
    yield Folder(Path("/etc/lampi"))
    yield _shipped("90-lampi-backlight.rules", "/etc/udev/rules.d")
    if service == "systemd":
        yield _shipped("lampi-ui.service", "/etc/systemd/system")
    else:
        yield _shipped("lampi-ui.conf", "/etc/supervisor/conf.d")


def provisioned(folder: Path) -> Iterator[Row]:
    """Yield what one lamp gets: the files of its folder, laid out there as on the Pi, with the modes that they have.

    Raises:
        CantInstall: it is not such a folder, or can't be read.
    """
    files = sorted(path for path in (folder / "etc").rglob("*") if path.is_file())
    if not files:
        raise CantInstall(f"{folder} is not what `lampi-cloud provision` makes: there is no {folder / 'etc'}.")
    yield Folder(_OF_BROKER)
    for file in files:
        path = "/" / file.relative_to(folder)
        owner = _BROKER if path.is_relative_to(_OF_BROKER) else Owner()
        try:
            yield File(path, file.read_bytes(), file.stat().st_mode & 0o777, owner)
        except OSError as fault:
            raise CantInstall(f"{file} can't be read: {fault.strerror}.") from None


def _shipped(name: str, folder: str) -> File:
    text = (_DEPLOY / name).read_text(encoding="utf-8").replace(_ENVIRONMENT, sys.prefix)
    return File(Path(folder) / name, text.encode())
