"""Contents of the broker's folder and of a program's folder."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from cloud.ops.provisioning.authorities import CLOUD, KINDS, Authorities
from cloud.ops.provisioning.authority import Credentials
from cloud.ops.provisioning.errors import CantWrite
from cloud.ops.provisioning.files import Content, make_folder, write_file
from cloud.ops.provisioning.rules import MOSQUITTO_USER, missing_rules, write_rules

MOSQUITTO_FOLDER = Path("/etc/mosquitto/lampi")
MOSQUITTO_GROUP = "mosquitto"
PROGRAM_FOLDER = Path("/etc/lampi")
PROGRAM_GROUP = "lampi"

_CERTIFICATES = (
    *(f"{kind}{end}" for kind in KINDS for end in (".crt", "-revoked.pem")),
    *("server.crt", "server.key"),
)


def write_broker_files(
    authorities: Authorities, hosts: Sequence[str], folder: Path, now: datetime, user: str = MOSQUITTO_USER
) -> Credentials:
    """Write the files that `mosquitto.conf` refers to, with a new certificate for the hosts; run again to renew.

    ``hosts`` are the broker's names and addresses, the lamps' first. ``user`` is the user that the broker runs as.
    Files that `write_rules` keeps are unchanged.

    Raises:
        BadName, CantWrite, NoAuthority: see there.
    """
    with authorities.locked():
        credentials = authorities.issue_server(hosts, now)
        contents = {f"{kind}.crt": authorities.certificate(kind) for kind in KINDS}
        contents |= {f"{kind}-revoked.pem": authorities.revocation_list(kind) for kind in KINDS}
        _fill(folder, contents | _pair("server", credentials), MOSQUITTO_GROUP)
        write_rules(authorities, folder, now, user)
    return credentials


def write_program_files(authorities: Authorities, name: str, folder: Path, now: datetime) -> Credentials:
    """Write ``ca.crt``, ``daemon.crt`` and ``daemon.key`` for the daemon or another program; run again to renew.

    Raises:
        BadName, CantWrite, NoAuthority: see there.
    """
    with authorities.locked():
        credentials = authorities.issue_program(name, now)
        contents = {"ca.crt": authorities.certificate(CLOUD)} | _pair("daemon", credentials)
        _fill(folder, contents, PROGRAM_GROUP)
    return credentials


def missing_from(folder: Path) -> list[str]:
    """Return the files missing from the broker's folder, to check before the broker is started."""
    return [*(name for name in _CERTIFICATES if not (folder / name).exists()), *missing_rules(folder)]


def lacks_certificates(folder: Path) -> bool:
    """Return whether a certificate, key or revocation list is missing from the broker's folder."""
    return not all((folder / name).exists() for name in _CERTIFICATES)


def hosts_in(folder: Path) -> list[str]:
    """Return the names and addresses in the broker's certificate.

    Raises:
        CantWrite: it can't be read or is not a certificate.
    """
    path = folder / "server.crt"
    try:
        names = x509.load_pem_x509_certificate(path.read_bytes()).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except OSError as fault:
        raise CantWrite(f"Can't read {path}: {fault.strerror}.") from None
    except (ValueError, x509.ExtensionNotFound):
        raise CantWrite(f"{path} is not a broker certificate; issue one with `lampi-cloud ca server`.") from None
    return [*names.value.get_values_for_type(x509.DNSName), *map(str, names.value.get_values_for_type(x509.IPAddress))]


def lacks_its_pair(folder: Path) -> bool:
    """Return whether a file of `write_program_files` is missing."""
    return not all((folder / name).exists() for name in ("ca.crt", "daemon.crt", "daemon.key"))


def _pair(name: str, credentials: Credentials) -> dict[str, Content]:
    return {f"{name}.crt": credentials.certificate, f"{name}.key": credentials.key}


def _fill(folder: Path, contents: dict[str, Content], group: str) -> None:
    make_folder(folder)
    for name, content in contents.items():
        write_file(folder / name, content, group)


def not_after(certificate: Path) -> datetime:
    """Return when a certificate file expires.

    Raises:
        OSError: it can't be read.
        ValueError: it is not a certificate.
    """
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
