"""The broker's access rules: permissions, revoked lamps, and file modes."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cloud.ops.deploy import package_files
from cloud.ops.provisioning import files
from cloud.ops.provisioning.authorities import LAMPS, Authorities
from cloud.ops.provisioning.errors import CantWrite
from cloud.ops.provisioning.files import SECRET, Content
from shared.protocol.topics import EVERY_TOPIC, connection, lamp_prefix

MOSQUITTO_USER = "mosquitto"
RULES = package_files.BROKER_RULES.name
PASSWORDS = package_files.BROKER_PASSWORDS.name
_FORMER_LAMPS_RULES = "lamps.acl"
FORMER_RULES = (_FORMER_LAMPS_RULES, "cloud.acl")
"""Names of the rules in earlier releases, one file per listener."""

_PATTERN = "pattern write "
_ANY_CLIENT = f"{_PATTERN}{connection(lamp_prefix('%u'), '+')}\n"
"""A rule of earlier releases, which let a lamp have the broker retain any number of messages."""

_MARK = "\n# Shut out by `lampi-cloud deprovision`, which writes what is below this line.\n"


def narrowed(rules: str) -> str:
    """Return rules in which lamps may report only the clients that the shipped rules name."""
    shipped = package_files.BROKER_RULES.read_text(encoding="utf-8").splitlines(keepends=True)
    before, after = _ANY_CLIENT.split("+")
    named = "".join(line for line in shipped if line.startswith(before) and line.endswith(after))
    lines = rules.splitlines(keepends=True)
    return "".join(named if _is_any_client(line) else line for line in lines)


def with_shut_out(rules: str, device_ids: Iterable[str]) -> str:
    """Return the rules with exactly these lamps denied.

    The revocation list is checked in the TLS handshake only. A client that finished its handshake before the revocation
    and sends CONNECT afterwards is stopped only by these rules.
    """
    kept, _, _ = rules.partition(_MARK)
    denied = "".join(f"topic deny {topic_filter}\n" for topic_filter in EVERY_TOPIC)
    shut_out = "".join(f"user {device_id}\n{denied}" for device_id in device_ids)
    return f"{kept}{_MARK}{shut_out}" if shut_out else kept


def write_rules(authorities: Authorities, folder: Path, now: datetime, user: str = MOSQUITTO_USER) -> None:
    """Write missing rules for a broker that runs as ``user``; the caller must hold the lock.

    Existing files are kept, since they may have been edited by hand, but for `narrowed` rules. Mosquitto requires that
    they belong to its user and are unreadable for others; owner and mode are corrected.

    Raises:
        CantWrite: the text names the file and the reason.
    """
    shipped_rules = package_files.BROKER_RULES.read_text(encoding="utf-8")
    contents = {
        RULES: with_shut_out(shipped_rules, authorities.shut_out(LAMPS, now)).encode(),
        PASSWORDS: package_files.BROKER_PASSWORDS.read_bytes(),
    }
    for name in missing_rules(folder):
        files.write_file(folder / name, Content(contents[name], SECRET), owner=user)
    if _is_wide(folder):
        text = narrowed((folder / RULES).read_text(encoding="utf-8"))
        files.write_file(folder / RULES, Content(text.encode(), SECRET), owner=user)
    for name in contents:
        files.restrict(folder / name, user)


def has_good_rules(folder: Path, user: str = MOSQUITTO_USER) -> bool:
    """Return whether `write_rules` would change nothing."""
    if missing_rules(folder) or _is_wide(folder):
        return False
    return not any(files.is_exposed(folder / name, user) for name in (RULES, PASSWORDS))


def _is_wide(folder: Path) -> bool:
    return any(map(_is_any_client, (folder / RULES).read_text(encoding="utf-8").splitlines()))


def _is_any_client(line: str) -> bool:
    return line.split() == _ANY_CLIENT.split()


def missing_rules(folder: Path) -> list[str]:
    """Return the rule files missing from the broker's folder."""
    return [name for name in (RULES, PASSWORDS) if not (folder / name).exists()]


def write_shut_out(authorities: Authorities, broker_folder: Path, now: datetime) -> bool:
    """Update the denied lamps in the rules beside the authorities and of a broker on this machine, holding the lock.

    Returns whether any file changed.

    Raises:
        CantWrite: the text names the file and the reason.
    """
    shut_out = authorities.shut_out(LAMPS, now)
    beside = authorities.folder / RULES
    if not beside.exists() and shut_out:
        files.write_file(beside, Content(package_files.BROKER_RULES.read_bytes()))
    # A broker whose configuration was edited by hand, and therefore not updated, still reads the former rules.
    paths = [beside, broker_folder / RULES, broker_folder / _FORMER_LAMPS_RULES]
    changed = [_bring_up_to_date(path, shut_out) for path in paths if path.exists()]
    return any(changed)


def _bring_up_to_date(path: Path, shut_out: Iterable[str]) -> bool:
    try:
        before, mode = path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777
    except OSError as fault:
        raise CantWrite(f"Can't read {path}: {fault.strerror}.") from None
    after = with_shut_out(before, shut_out)
    if after != before:
        files.write_file(path, Content(after.encode(), mode))
    return after != before
