"""`lampi-ui install`: installs the files of a lamp's Pi."""

import grp
import os
import pwd
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from shared.install.installation import CantInstall, Installation
from shared.install.rows import Accounts, File, Folder, Owner, Program, Row

RECORD = Path("/etc/lampi/installed.sha256")
SERVICES = ("systemd", "supervisord")

GROUPS = ("video", "render", "input", "gpio")
"""Groups needed to draw, to read touches, and to use the button and the backlight."""

_DEPLOY = Path(__file__).parent / "deploy"
_ENVIRONMENT = "/opt/lampi"
"""Path of the virtual environment in the shipped files; replaced by the running one."""

_UNIT = Path("/etc/systemd/system/lampi-ui.service")
_PROGRAM = Path("/etc/supervisor/conf.d/lampi-ui.conf")
_USER_LINE = re.compile(r"^user=(\S+)$", re.IGNORECASE | re.MULTILINE)
_USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)

_OF_BROKER = Path("/etc/mosquitto/lampi")
_BROKER = Owner("mosquitto", "mosquitto")
_START = {
    "systemd": "systemctl daemon-reload && systemctl restart mosquitto && systemctl enable --now lampi-ui",
    "supervisord": "systemctl restart mosquitto && supervisorctl update",
}


@dataclass(frozen=True)
class ScreenUser:
    """The user who runs the touchscreen; their ``~/.kivy/config.ini`` has the panel's rotation and touch."""

    name: str
    home: str


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option("--service", type=click.Choice(SERVICES), default=SERVICES[0], show_default=True, help="Process manager.")
@click.option(
    "--user", metavar="NAME", help="User who runs it.  [default: the installed one, else the user who called sudo]"
)
@click.option(
    "--prefix",
    type=click.Path(path_type=Path, file_okay=False),
    help="Install below this folder; does not require root.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done and change nothing.")
def install(folder: Path | None, service: str, user: str | None, prefix: Path | None, dry_run: bool) -> None:
    """Install the touchscreen on a lamp's Pi. Run again to add what is missing; manual changes are kept.

    FOLDER is the folder that `lampi-cloud provision` created for this lamp, with its bridge configuration and
    certificate.
    """
    installation = Installation(RECORD, prefix, dry_run=dry_run, say=click.echo)
    try:
        screen_user = find_user(user, installation.place, is_here=installation.is_here)
        installation.install([*rows(service, screen_user), *([] if folder is None else provisioned(folder))])
    except CantInstall as fault:
        raise click.ClickException(str(fault)) from None
    if dry_run:
        click.echo("Nothing was changed.")
    elif not installation.is_here:
        click.echo(f"Installed under {prefix}; as root, set the owners.")
    else:
        lacking = [] if service == "systemd" else groups_without(screen_user.name)  # the systemd unit sets them
        if lacking:
            click.echo(
                f"First add {screen_user.name} to its groups: usermod -aG {','.join(lacking)} {screen_user.name}"
            )
        click.echo(f"To start: {_START[service]}")


def find_user(name: str | None, place: Callable[[Path], Path], *, is_here: bool) -> ScreenUser:
    """Return the touchscreen's user: as given, else as last installed, else the user who called sudo.

    ``is_here`` is False for an installation under a prefix, whose users are not known here.

    Raises:
        CantInstall: no name is given, or the user does not exist.
    """
    sudo_user = os.environ.get("SUDO_USER")
    name = name or _installed_user(place) or (None if sudo_user == "root" else sudo_user)
    if not name:
        raise CantInstall("The touchscreen's user is unknown; name it: lampi-ui install --user NAME")
    if not _USER_NAME.fullmatch(name):
        raise CantInstall(f"{name!r} is not a username.")
    try:
        return ScreenUser(name, pwd.getpwnam(name).pw_dir)
    except KeyError:
        if is_here:
            raise CantInstall(f"This machine has no user {name}; name an existing user with --user NAME.") from None
        return ScreenUser(name, f"/home/{name}")


def groups_without(user: str) -> list[str]:
    """Return the `GROUPS` that a user is not in: supervisord gives a program only the groups of its user."""
    own = set(os.getgrouplist(user, pwd.getpwnam(user).pw_gid))
    return [group for group in GROUPS if grp.getgrnam(group).gr_gid not in own]


def _installed_user(place: Callable[[Path], Path]) -> str | None:
    """Return the user in the service files of the last installation, if this machine has that user."""
    for file in (_UNIT, _PROGRAM):
        try:
            named = _USER_LINE.search(place(file).read_text(encoding="utf-8"))
            if named is not None:
                return pwd.getpwnam(named[1]).pw_name
        except (OSError, UnicodeDecodeError, KeyError):
            continue
    return None


def rows(service: str, user: ScreenUser) -> Iterator[Row]:
    """Yield what is installed on every lamp; ``service`` is the process manager, one of `SERVICES`."""
    yield Accounts(user.name, GROUPS)
    yield Program(Path(sys.prefix, "bin", "lampi-ui"), user.name)
    yield Folder(Path("/etc/lampi"))
    yield _shipped("90-lampi-backlight.rules", Path("/etc/udev/rules.d/90-lampi-backlight.rules"), user)
    if service == "systemd":
        yield _shipped("lampi-ui.service", _UNIT, user)
    else:
        yield _shipped("lampi-ui.conf", _PROGRAM, user)


def provisioned(folder: Path) -> Iterator[Row]:
    """Yield the files of one lamp's folder, whose layout is that of the Pi.

    Modes are set by file name: a umask or a USB stick may have changed them in the copy.

    Raises:
        CantInstall: it is not such a folder, or can't be read.
    """
    files = sorted(path for path in (folder / "etc").rglob("*") if path.is_file())
    if not files:
        raise CantInstall(f"{folder} is not a folder from `lampi-cloud provision`: there is no {folder / 'etc'}.")
    yield Folder(_OF_BROKER)
    for file in files:
        path = "/" / file.relative_to(folder)
        owner = _BROKER if path.is_relative_to(_OF_BROKER) else Owner()
        try:
            yield File(path, file.read_bytes(), 0o600 if file.suffix == ".key" else 0o644, owner)
        except OSError as fault:
            raise CantInstall(f"Can't read {file}: {fault.strerror}.") from None


def _shipped(name: str, path: Path, user: ScreenUser) -> File:
    text = (_DEPLOY / name).read_text(encoding="utf-8")
    for shipped, ours in {"@USER@": user.name, "@HOME@": user.home, _ENVIRONMENT: sys.prefix}.items():
        text = text.replace(shipped, ours.replace("%", "%%"))  # systemd and supervisord expand a single %
    return File(path, text.encode())
