"""What `lampi-cloud install` sets up on a server: user, folders, settings, services and certificates."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from cloud.errors import UserError
from cloud.ops.deploy import broker_plugin, nginx, package_files
from cloud.ops.provisioning.authorities import Authorities
from cloud.ops.provisioning.broker_files import (
    MOSQUITTO_FOLDER,
    PROGRAM_FOLDER,
    hosts_in,
    lacks_certificates,
    lacks_its_pair,
    write_broker_files,
    write_program_files,
)
from cloud.ops.provisioning.certificates import DAEMON
from cloud.ops.provisioning.listeners import other_listeners
from cloud.ops.provisioning.rules import FORMER_RULES, RULES, has_good_rules, write_rules
from cloud.store.claim_url import parse_claim_url
from shared.install.rows import File, Folder, Owner, Program, Row, SystemUser

USER = "lampi"
STATE = Path("/var/lib/lampi")
RECORD = Path("/etc/lampi/installed.sha256")
AUTHORITIES = Path("/etc/lampi/ca")
PAGE = Path("/etc/lampi/page")
"""File that stores the web page's host name, so that `install` keeps it when run again without --web."""

SERVICES = ("supervisord", "systemd")

_ENVIRONMENT = "/opt/lampi"
"""Path of the virtual environment in the shipped files; replaced by the running one."""

_BROKER_CONFIGURATION = Path("/etc/mosquitto/conf.d/lampi.conf")
_BROKER_LIMITS = Path("/etc/systemd/system/mosquitto.service.d/lampi.conf")
_OWN = Owner(USER, USER)

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)
_NO_CLAIM_URL = "# LAMPI_CLAIM_URL=https://lamps.example.com/associate"
_PROXY = "LAMPI_TRUSTED_PROXY=127.0.0.1"


def read_page(name: str) -> str:
    """Validate and return the web page's host name.

    Raises:
        UserError: not a host name, or too long for a lamp's screen.
    """
    try:
        parse_claim_url(_claim_url(name))
    except ValueError as bad:
        raise UserError(f"{bad}.") from None
    if not _HOST_NAME.fullmatch(name):
        raise UserError(f"{name} is not a host name such as lamps.example.com.")
    return name.lower()


def kept_page(place: Callable[[Path], Path]) -> str | None:
    """Return the host name stored by the last installation, None if there is no web page."""
    try:
        return read_page(place(PAGE).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        raise UserError(f"Can't read {PAGE} ({fault}): give the page's host name with --web.") from None


def rows(service: str, page: str | None = None, nginx_version: nginx.Version | None = None) -> list[Row]:
    """Return what to install, in order.

    ``service`` is the process manager, one of `SERVICES`; ``page`` is the web page's host name, None for no page.
    ``nginx_version`` selects the syntax of nginx's configuration; None if unknown.

    Raises:
        UserError: the broker's plugin can't be compiled.
    """
    settings = {} if page is None else {_NO_CLAIM_URL: f"LAMPI_CLAIM_URL={_claim_url(page)}", f"# {_PROXY}": _PROXY}
    laid_out: list[Row] = [
        SystemUser(USER, STATE),
        Program(Path(sys.prefix, "bin", "lampi-cloud"), USER),
        Folder(Path("/etc/lampi"), 0o750, Owner("root", USER)),
        Folder(STATE, 0o700, _OWN),
        Folder(STATE / "backups", 0o700, _OWN),
        replace(
            _file(package_files.SETTINGS, "/etc/lampi/lampi.env", 0o640, Owner("root", USER), settings), secured=True
        ),
        Folder(broker_plugin.PLUGIN.parent),
        File(broker_plugin.PLUGIN, broker_plugin.compiled()),
        _file(package_files.CLOUD_BROKER, str(_BROKER_CONFIGURATION)),
        Folder(_BROKER_LIMITS.parent),
        _file(package_files.BROKER_UNIT_LIMITS, str(_BROKER_LIMITS)),
        _file(package_files.COMMAND, "/usr/local/sbin/lampi-cloud", 0o755),
    ]
    if page is not None:
        laid_out += [
            File(PAGE, f"{page}\n".encode()),
            Folder(Path("/usr/local/share/lampi")),
            _file(package_files.UNAVAILABLE_PAGE, "/usr/local/share/lampi/unavailable.html"),
            File(Path("/etc/nginx/conf.d/lampi.conf"), nginx.configuration(page, nginx_version).encode()),
        ]
    if service == "systemd":
        units = [package_files.DAEMON_UNIT] if page is None else [package_files.DAEMON_UNIT, package_files.WEB_UNIT]
        return [*laid_out, *(_file(unit, f"/etc/systemd/system/{unit.name}") for unit in units)]
    programs = (
        [package_files.DAEMON_PROGRAM] if page is None else [package_files.DAEMON_PROGRAM, package_files.WEB_PROGRAM]
    )
    return [
        *laid_out,
        Folder(Path("/var/log/lampi"), 0o750, Owner("root", "adm")),
        *(_file(program, f"/etc/supervisor/conf.d/{program.name}") for program in programs),
        _file(package_files.LOG_ROTATION, "/etc/logrotate.d/lampi"),
    ]


def certify(
    address: str, now: datetime, place: Callable[[Path], Path], *, dry_run: bool, say: Callable[[str], object]
) -> None:
    """Create missing authorities and the missing certificates of the broker and the daemon.

    ``address`` is the broker's address for lamps, ``host:port``. A broker certificate for other hosts is kept, and so
    is the address. ``place`` maps an absolute path, as `Installation.place` does.

    Raises:
        UserError: a file can't be written.
    """
    host = address.rpartition(":")[0]
    authorities = Authorities(place(AUTHORITIES))
    broker, program = place(MOSQUITTO_FOLDER), place(PROGRAM_FOLDER)

    def certify_broker() -> None:
        authorities.cloud_address = address  # before the certificate files: an interrupted run starts again with those
        write_broker_files(authorities, [host, "localhost"], broker, now)

    steps: list[tuple[str, bool, Callable[[], object]]] = [
        (
            f"{AUTHORITIES}/: certificate authorities",
            (authorities.folder / "ca.crt").exists(),
            lambda: Authorities.create(authorities.folder, now),
        ),
        (
            f"{MOSQUITTO_FOLDER}/: broker certificate for {host}",
            not lacks_certificates(broker),
            certify_broker,
        ),
        (
            f"{PROGRAM_FOLDER}/: daemon certificate",
            not lacks_its_pair(program),
            lambda: write_program_files(authorities, DAEMON, program, now),
        ),
    ]
    for what, is_there, make in steps:
        if is_there and make is certify_broker and host not in (hosts := hosts_in(broker)):
            say(f"keep   {MOSQUITTO_FOLDER}/: the broker's certificate is for {', '.join(hosts)}, not for {host};")
            say(f"       for lamps to use the broker at {address}, run: lampi-cloud ca server {address}")
            continue
        say(f"{'same' if is_there else 'make':<7}{what}")
        if not is_there and not dry_run:
            make()


def install_rules(now: datetime, place: Callable[[Path], Path], *, dry_run: bool, say: Callable[[str], object]) -> None:
    """Write the broker's missing access rules and revocation lists, if the authorities exist.

    This runs without an address, too: this release's broker configuration does not start without these files.

    Raises:
        UserError: a file can't be written.
    """
    authorities, broker = Authorities(place(AUTHORITIES)), place(MOSQUITTO_FOLDER)
    if not (authorities.folder / "ca.crt").exists() or not broker.is_dir():
        return
    is_there = has_good_rules(broker)
    say(f"{'same' if is_there else 'make':<7}{MOSQUITTO_FOLDER}/: access rules, readable by the broker's user only")
    if not is_there and not dry_run:
        with authorities.locked():
            write_rules(authorities, broker, now)
    for name in FORMER_RULES:
        if (broker / name).exists():
            say(f"note   {MOSQUITTO_FOLDER / name}: replaced by {RULES}; copy your own rules there, then delete it")
    for path in other_listeners(place(MOSQUITTO_FOLDER.parent), shipped_as=_BROKER_CONFIGURATION.name):
        say(f"note   {MOSQUITTO_FOLDER.parent / path}: adds a listener; unless it requires a certificate,")
        say(f"       its clients have the daemon's rights (see {_BROKER_CONFIGURATION})")


def _claim_url(page: str) -> str:
    return f"https://{page}/associate"


def _file(
    template: Path,
    path: str,
    mode: int = 0o644,
    owner: Owner | None = None,
    values: Mapping[str, str] = MappingProxyType({}),
) -> File:
    # Doubled, since systemd and supervisord expand a single %.
    environment = sys.prefix if template == package_files.COMMAND else sys.prefix.replace("%", "%%")
    text = package_files.filled_in(template, values).replace(_ENVIRONMENT, environment)
    return File(Path(path), text.encode(), mode, owner or Owner())
