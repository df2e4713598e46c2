"""Device ids: 12 lower-case hexadecimal characters, the Ethernet MAC without colons."""

import re
import uuid
from pathlib import Path

from shared.protocol.errors import quoted

_TWELVE_HEX = re.compile(r"[0-9a-f]{12}")
_SEPARATORS = str.maketrans("", "", ":-. ")
_NETWORK_INTERFACES = Path("/sys/class/net")


class BadDeviceId(ValueError):
    """The text is not a device id."""


def read_device_id(text: str) -> str:
    """Return a device id from user input or a setting, in the wire format.

    Upper case and the usual separators of a MAC address are accepted.

    Raises:
        BadDeviceId: it is not 12 hexadecimal characters.
    """
    device_id = text.strip().translate(_SEPARATORS).lower()
    if not _TWELVE_HEX.fullmatch(device_id):
        raise BadDeviceId(f"{quoted(text)} is not a device id (12 hexadecimal characters, such as b827ebba0387)")
    return device_id


def is_device_id(text: str) -> bool:
    """Return whether a text is a device id in the wire format."""
    return _TWELVE_HEX.fullmatch(text) is not None


def own_device_id(interfaces: Path = _NETWORK_INTERFACES) -> str:
    """Return this machine's device id: the MAC of eth0, else of its first Ethernet interface.

    ``interfaces`` is the kernel's list of network interfaces (sysfs). Without it, as in a container or on a Mac, the
    fallback is Python's ``uuid.getnode``.
    """
    # Only hardware has a "device"; a Docker bridge sorts first and gets a new address at every start.
    candidates = sorted(
        interfaces.glob("*/address"),
        key=lambda path: (path.parent.name != "eth0", not (path.parent / "device").exists(), path),
    )
    for address in candidates:
        try:
            device_id = read_device_id(address.read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        if device_id != "0" * 12:
            return device_id
    return f"{uuid.getnode():012x}"
