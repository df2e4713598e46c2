"""The three kinds of certificates with their usage and validity."""

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from cloud.ops.provisioning.authority import DATED_BACK, DATED_BACK_FOR_LAMPS, Authority, Credentials
from cloud.ops.provisioning.errors import BadName
from shared.protocol.device_id import read_device_id
from shared.protocol.errors import quoted

SERVER_LIFE = timedelta(days=2 * 365)
PROGRAM_LIFE = SERVER_LIFE

LAMP_LIFE = timedelta(days=10 * 365)
"""About the life of a lamp: renewal needs access to the Pi. A stolen certificate is useless as soon as `lampi-cloud
deprovision` has run, whatever its expiry date."""

DAEMON = "lampi-daemon"
"""Common name in the certificate of the daemon and the commands, for revocation."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_PROGRAM_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def lamp_credentials(lamps: Authority, device_id: str, now: datetime) -> Credentials:
    """Issue a lamp's client certificate, named after its device id.

    Raises:
        BadDeviceId: not a device id; this keeps lamps from taking a program's name.
    """
    name = read_device_id(device_id)
    return lamps.sign(name, ExtendedKeyUsageOID.CLIENT_AUTH, not_before=now - DATED_BACK, not_after=now + LAMP_LIFE)


def program_credentials(cloud: Authority, name: str, now: datetime) -> Credentials:
    """Issue a program's client certificate.

    Raises:
        BadName: not lower-case letters, digits and hyphens.
    """
    if not _PROGRAM_NAME.fullmatch(name):
        raise BadName(f"{quoted(name)} is not a valid name; use lower-case letters, digits and hyphens.")
    return cloud.sign(name, ExtendedKeyUsageOID.CLIENT_AUTH, not_before=now - DATED_BACK, not_after=now + PROGRAM_LIFE)


def server_credentials(cloud: Authority, hosts: Sequence[str], now: datetime) -> Credentials:
    """Issue the broker's certificate for host names and IP addresses; this machine's loopback names are added.

    Raises:
        BadName: one is neither a host name nor an address.
    """
    names = list(dict.fromkeys(host.strip().lower() for host in (*hosts, *_LOOPBACK)))
    return cloud.sign(
        names[0],
        ExtendedKeyUsageOID.SERVER_AUTH,
        not_before=now - DATED_BACK_FOR_LAMPS,
        not_after=now + SERVER_LIFE,
        also_named=[_general_name(name) for name in names],
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not _HOST_NAME.fullmatch(host):
        raise BadName(f"{quoted(host)} is neither a host name nor an IP address.")
    return x509.DNSName(host)
