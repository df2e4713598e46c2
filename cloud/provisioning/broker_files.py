"""What the broker's folder and a program's folder hold."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from cloud.provisioning.authorities import CLOUD, KINDS, Authorities
from cloud.provisioning.authority import Credentials
from cloud.provisioning.errors import CantWrite
from cloud.provisioning.files import Content, make_folder, write_file
from cloud.provisioning.rules import MOSQUITTO_USER, missing_rules, write_rules

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
    """Fill the folder that `mosquitto.conf` names, with a new certificate for the hosts; a second time renews it.

    ``hosts`` are the names and addresses by which the broker is reached, first the one that lamps use. ``user`` is the
    one as whom the broker runs. What `write_rules` leaves alone stays as it is.

    Raises:
        BadName, CantWrite, NoAuthority: as they say.
    """
    with authorities.locked():
        credentials = authorities.issue_server(hosts, now)
        contents = {f"{kind}.crt": authorities.certificate(kind) for kind in KINDS}
        contents |= {f"{kind}-revoked.pem": authorities.revocation_list(kind) for kind in KINDS}
        _fill(folder, contents | _pair("server", credentials), MOSQUITTO_GROUP)
        write_rules(authorities, folder, now, user)
    return credentials


def write_program_files(authorities: Authorities, name: str, folder: Path, now: datetime) -> Credentials:
    """Write ``ca.crt``, ``daemon.crt`` and ``daemon.key`` for the daemon or another program; a second time renews them.

    Raises:
        BadName, CantWrite, NoAuthority: as they say.
    """
    with authorities.locked():
        credentials = authorities.issue_program(name, now)
        contents = {"ca.crt": authorities.certificate(CLOUD)} | _pair("daemon", credentials)
        _fill(folder, contents, PROGRAM_GROUP)
    return credentials


def missing_from(folder: Path) -> list[str]:
    """Return what the broker's folder lacks, for a check before the broker is started."""
    return [*(name for name in _CERTIFICATES if not (folder / name).exists()), *missing_rules(folder)]


def lacks_certificates(folder: Path) -> bool:
    """Tell whether the broker's folder lacks a certificate, a key or a revocation list."""
    return not all((folder / name).exists() for name in _CERTIFICATES)


def hosts_in(folder: Path) -> list[str]:
    """Return the names and addresses for which the certificate in the broker's folder is.

    Raises:
        CantWrite: it can't be read, or is none.
    """
    path = folder / "server.crt"
    try:
        names = x509.load_pem_x509_certificate(path.read_bytes()).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except OSError as fault:
        raise CantWrite(f"{path} can't be read: {fault.strerror}.") from None
    except (ValueError, x509.ExtensionNotFound):
        raise CantWrite(f"{path} is no certificate of a broker's; `lampi-cloud ca server` makes one.") from None
    return [*names.value.get_values_for_type(x509.DNSName), *map(str, names.value.get_values_for_type(x509.IPAddress))]


def lacks_its_pair(folder: Path) -> bool:
    """Tell whether a program's folder lacks what `write_program_files` writes."""
    return not all((folder / name).exists() for name in ("ca.crt", "daemon.crt", "daemon.key"))


def _pair(name: str, credentials: Credentials) -> dict[str, Content]:
    return {f"{name}.crt": credentials.certificate, f"{name}.key": credentials.key}


def _fill(folder: Path, contents: dict[str, Content], group: str) -> None:
    make_folder(folder)
    for name, content in contents.items():
        write_file(folder / name, content, group)


def not_after(certificate: Path) -> datetime:
    """Return until when a certificate file is good.

    Raises:
        OSError: it can't be read.
        ValueError: it is no certificate.
    """
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
