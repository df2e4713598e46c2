"""The three kinds of certificate, what each is good for, and for how long."""

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from cloud.provisioning.authority import DATED_BACK, DATED_BACK_FOR_LAMPS, Authority, Credentials
from cloud.provisioning.errors import BadName
from shared.device_id import read_device_id
from shared.errors import quoted

SERVER_LIFE = timedelta(days=2 * 365)
PROGRAM_LIFE = SERVER_LIFE

LAMP_LIFE = timedelta(days=10 * 365)
"""About as long as a lamp: nobody comes to it with new files every year, and a stolen one is let in for no longer
than it takes to run `lampi-cloud deprovision`, whatever is left of its certificate's life."""

DAEMON = "lampi-daemon"
"""The name in the certificate of the daemon and the commands, by which it can be revoked."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_PROGRAM_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def lamp_credentials(lamps: Authority, device_id: str, now: datetime) -> Credentials:
    """Return what lets a lamp in: its device id as the name, and nothing but a client.

    Raises:
        BadDeviceId: it is not a device id; so a lamp can never bear the name of a program.
    """
    name = read_device_id(device_id)
    return lamps.sign(name, ExtendedKeyUsageOID.CLIENT_AUTH, not_before=now - DATED_BACK, not_after=now + LAMP_LIFE)


def program_credentials(cloud: Authority, name: str, now: datetime) -> Credentials:
    """Return what lets one of the cloud's programs in.

    Raises:
        BadName: it is not a lower-case word of letters, digits and hyphens.
    """
    if not _PROGRAM_NAME.fullmatch(name):
        raise BadName(f"{quoted(name)} is no name for an account: lower-case letters, digits and hyphens.")
    return cloud.sign(name, ExtendedKeyUsageOID.CLIENT_AUTH, not_before=now - DATED_BACK, not_after=now + PROGRAM_LIFE)


def server_credentials(cloud: Authority, hosts: Sequence[str], now: datetime) -> Credentials:
    """Return what the broker shows: the host names and IP addresses by which it is reached, and this machine's own.

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
