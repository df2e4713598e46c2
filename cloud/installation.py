"""What a server gets: its user, folders, settings and service, and the certificates by which all know each other."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cloud import shipped
from cloud.provisioning.authorities import Authorities
from cloud.provisioning.broker_files import (
    MOSQUITTO_FOLDER,
    PROGRAM_FOLDER,
    hosts_in,
    lacks_its_pair,
    missing_from,
    write_broker_files,
    write_program_files,
)
from cloud.provisioning.certificates import DAEMON
from shared.installing import File, Folder, Owner, Row, SystemUser

USER = "lampi"
STATE = Path("/var/lib/lampi")
RECORD = Path("/etc/lampi/installed.sha256")
AUTHORITIES = Path("/etc/lampi/ca")
SERVICES = ("supervisord", "systemd")

_ENVIRONMENT = "/opt/lampi"
"""Where the shipped files expect this project's virtual environment; they get the one that runs."""

_OWN = Owner(USER, USER)


def rows(service: str) -> list[Row]:
    """Return what is laid out, in order; ``service`` is who runs the daemon, one of `SERVICES`."""
    laid_out: list[Row] = [
        SystemUser(USER, STATE),
        Folder(Path("/etc/lampi"), 0o750, Owner("root", USER)),
        Folder(STATE, 0o700, _OWN),
        Folder(STATE / "backups", 0o700, _OWN),
        _file(shipped.SETTINGS, "/etc/lampi/lampi.env", 0o600, _OWN),
        _file(shipped.CLOUD_BROKER, "/etc/mosquitto/conf.d/lampi.conf"),
        _file(shipped.COMMAND, "/usr/local/sbin/lampi-cloud", 0o755),
    ]
    if service == "systemd":
        return [*laid_out, _file(shipped.DAEMON_UNIT, "/etc/systemd/system/lampi-daemon.service")]
    return [
        *laid_out,
        Folder(Path("/var/log/lampi"), 0o750, Owner("root", "adm")),
        _file(shipped.DAEMON_PROGRAM, "/etc/supervisor/conf.d/lampi-daemon.conf"),
        _file(shipped.LOG_ROTATION, "/etc/logrotate.d/lampi"),
    ]


def certify(
    address: str, now: datetime, place: Callable[[Path], Path], *, dry_run: bool, say: Callable[[str], object]
) -> None:
    """Make what is missing of the authorities and of the broker's and the daemon's certificates.

    ``address`` is where lamps find the broker, ``host:port``; where its certificate is for other hosts, both stay as
    they are. ``place`` says where an absolute path is, as `Installation.place` does.

    Raises:
        Refusal: something can't be made.
    """
    host = address.rpartition(":")[0]
    authorities = Authorities(place(AUTHORITIES))
    broker, program = place(MOSQUITTO_FOLDER), place(PROGRAM_FOLDER)

    def certify_broker() -> None:
        write_broker_files(authorities, [host, "localhost"], broker, now)
        authorities.cloud_address = address

    steps: list[tuple[str, bool, Callable[[], object]]] = [
        (
            f"{AUTHORITIES}/: the authorities",
            (authorities.folder / "ca.crt").exists(),
            lambda: Authorities.create(authorities.folder, now),
        ),
        (
            f"{MOSQUITTO_FOLDER}/: the broker's certificate for {host}, and its rules",
            not missing_from(broker),
            certify_broker,
        ),
        (
            f"{PROGRAM_FOLDER}/: the daemon's certificate",
            not lacks_its_pair(program),
            lambda: write_program_files(authorities, DAEMON, program, now),
        ),
    ]
    for what, is_there, make in steps:
        if is_there and make is certify_broker and host not in (hosts := hosts_in(broker)):
            say(f"keep   {MOSQUITTO_FOLDER}/: the broker's certificate is for {', '.join(hosts)}, not for {host}; to")
            say(f"       have lamps look for the broker at {address}: lampi-cloud ca server {address}")
            continue
        say(f"{'same' if is_there else 'make':<7}{what}")
        if not is_there and not dry_run:
            make()


def _file(template: Path, path: str, mode: int = 0o644, owner: Owner | None = None) -> File:
    text = template.read_text(encoding="utf-8").replace(_ENVIRONMENT, sys.prefix)
    return File(Path(path), text.encode(), mode, owner or Owner())
