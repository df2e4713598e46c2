"""What a server gets: its user, folders, settings and services, and the certificates by which all know each other."""

import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from cloud import nginx, shipped
from cloud.claim_address import parse_claim_url
from cloud.errors import Refusal
from cloud.provisioning.authorities import Authorities
from cloud.provisioning.broker_files import (
    MOSQUITTO_FOLDER,
    PROGRAM_FOLDER,
    hosts_in,
    lacks_certificates,
    lacks_its_pair,
    write_broker_files,
    write_program_files,
)
from cloud.provisioning.certificates import DAEMON
from cloud.provisioning.listeners import other_listeners
from cloud.provisioning.rules import FORMER_RULES, RULES, has_good_rules, write_rules
from shared.rows import File, Folder, Owner, Program, Row, SystemUser

USER = "lampi"
STATE = Path("/var/lib/lampi")
RECORD = Path("/etc/lampi/installed.sha256")
AUTHORITIES = Path("/etc/lampi/ca")
PAGE = Path("/etc/lampi/page")
"""What remembers the page's name, so that it stays when `install` is run again without it."""

SERVICES = ("supervisord", "systemd")

_ENVIRONMENT = "/opt/lampi"
"""Where the shipped files expect this project's virtual environment; they get the one that runs."""

_BROKER_CONFIGURATION = Path("/etc/mosquitto/conf.d/lampi.conf")
_OWN = Owner(USER, USER)

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)
_NO_CLAIM_URL = "# LAMPI_CLAIM_URL=https://lamps.example.com/associate"
_PROXY = "LAMPI_TRUSTED_PROXY=127.0.0.1"


def read_page(name: str) -> str:
    """Return the name under which browsers find the page.

    Raises:
        Refusal: it is none, or too long for a lamp's screen.
    """
    try:
        parse_claim_url(_claim_url(name))
    except ValueError as bad:
        raise Refusal(f"{bad}.") from None
    if not _HOST_NAME.fullmatch(name):
        raise Refusal(f"{name} is not the name of a page, such as lamps.example.com.")
    return name.lower()


def kept_page(place: Callable[[Path], Path]) -> str | None:
    """Return the page's name as it was laid out the last time, None where there is no page."""
    try:
        return read_page(place(PAGE).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        raise Refusal(f"{PAGE} can't be read ({fault}): say the page's name with --web.") from None


def rows(service: str, page: str | None = None, nginx_version: nginx.Version | None = None) -> list[Row]:
    """Return what is laid out, in order.

    ``service`` is who runs the programs, one of `SERVICES`; ``page`` is the page's name, None for no page.
    ``nginx_version`` decides the spelling of nginx's configuration; None where it is not known.
    """
    settings = {} if page is None else {_NO_CLAIM_URL: f"LAMPI_CLAIM_URL={_claim_url(page)}", f"# {_PROXY}": _PROXY}
    laid_out: list[Row] = [
        SystemUser(USER, STATE),
        Program(Path(sys.prefix, "bin", "lampi-cloud"), USER),
        Folder(Path("/etc/lampi"), 0o750, Owner("root", USER)),
        Folder(STATE, 0o700, _OWN),
        Folder(STATE / "backups", 0o700, _OWN),
        _file(shipped.SETTINGS, "/etc/lampi/lampi.env", 0o600, _OWN, settings),
        _file(shipped.CLOUD_BROKER, str(_BROKER_CONFIGURATION)),
        _file(shipped.COMMAND, "/usr/local/sbin/lampi-cloud", 0o755),
    ]
    if page is not None:
        laid_out += [
            File(PAGE, f"{page}\n".encode()),
            File(Path("/etc/nginx/conf.d/lampi.conf"), nginx.configuration(page, nginx_version).encode()),
        ]
    if service == "systemd":
        units = [shipped.DAEMON_UNIT] if page is None else [shipped.DAEMON_UNIT, shipped.WEB_UNIT]
        return [*laid_out, *(_file(unit, f"/etc/systemd/system/{unit.name}") for unit in units)]
    programs = [shipped.DAEMON_PROGRAM] if page is None else [shipped.DAEMON_PROGRAM, shipped.WEB_PROGRAM]
    return [
        *laid_out,
        Folder(Path("/var/log/lampi"), 0o750, Owner("root", "adm")),
        *(_file(program, f"/etc/supervisor/conf.d/{program.name}") for program in programs),
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
        authorities.cloud_address = address  # first: who is killed in between begins again with these files
        write_broker_files(authorities, [host, "localhost"], broker, now)

    steps: list[tuple[str, bool, Callable[[], object]]] = [
        (
            f"{AUTHORITIES}/: the authorities",
            (authorities.folder / "ca.crt").exists(),
            lambda: Authorities.create(authorities.folder, now),
        ),
        (
            f"{MOSQUITTO_FOLDER}/: the broker's certificate for {host}",
            not lacks_certificates(broker),
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


def lay_out_rules(now: datetime, place: Callable[[Path], Path], *, dry_run: bool, say: Callable[[str], object]) -> None:
    """Write what is missing of the broker's rules, with the lamps that are shut out, where there are authorities.

    Also without an address: the broker's configuration of this release does not start without these files.

    Raises:
        Refusal: something can't be written.
    """
    authorities, broker = Authorities(place(AUTHORITIES)), place(MOSQUITTO_FOLDER)
    if not (authorities.folder / "ca.crt").exists() or not broker.is_dir():
        return
    is_there = has_good_rules(broker)
    say(f"{'same' if is_there else 'make':<7}{MOSQUITTO_FOLDER}/: who may do what, for the broker's user alone")
    if not is_there and not dry_run:
        with authorities.locked():
            write_rules(authorities, broker, now)
    for name in FORMER_RULES:
        if (broker / name).exists():
            say(f"note   {MOSQUITTO_FOLDER / name}: replaced by {RULES}; copy rules of your own there, then delete it")
    for path in other_listeners(place(MOSQUITTO_FOLDER.parent), shipped_as=_BROKER_CONFIGURATION.name):
        say(f"note   {MOSQUITTO_FOLDER.parent / path}: adds a listener; unless that requires a certificate,")
        say(f"       its clients may do what the daemon may (see {_BROKER_CONFIGURATION})")


def _claim_url(page: str) -> str:
    return f"https://{page}/associate"


def _file(
    template: Path,
    path: str,
    mode: int = 0o644,
    owner: Owner | None = None,
    values: Mapping[str, str] = MappingProxyType({}),
) -> File:
    # systemd and supervisord expand what follows one %.
    environment = sys.prefix if template == shipped.COMMAND else sys.prefix.replace("%", "%%")
    text = shipped.filled_in(template, values).replace(_ENVIRONMENT, environment)
    return File(Path(path), text.encode(), mode, owner or Owner())
