"""A lamp's bundle: the files that its Pi needs, with their paths on the Pi."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloud.ops.deploy import package_files
from cloud.ops.provisioning.authority import Credentials
from cloud.ops.provisioning.files import Content
from shared.protocol.topics import lamp_prefix

_PLACE = "etc/mosquitto/lampi"
_BRIDGE = "etc/mosquitto/conf.d/lampi-bridge.conf"
_CERTIFICATE = f"{_PLACE}/lamp.crt"
_KEY = f"{_PLACE}/lamp.key"
_CA = f"{_PLACE}/ca.crt"
_SETTINGS = "etc/lampi/lampi-ui.env"
_README_FILE = "README.txt"
_ADDRESS = "address "
_NOTIFICATION = "notification_topic "
"""Begins a line of the bridge's configuration, which is a comment unless the bridge strips the prefix."""

_README = """\
The files that make a Pi the lamp {device_id} of the cloud at {address}. They include a private key: copy
this folder to that one Pi, and then delete it here.

    {bridge}       Mosquitto's bridge to the cloud
    {place}/ca.crt                   certificate by which the lamp recognizes the cloud
    {place}/lamp.crt and lamp.key    certificate by which the cloud recognizes the lamp, valid until {until}
    etc/lampi/lampi-ui.env                       settings of the touchscreen
{screen}
On the Pi, with Mosquitto 2 installed, in this folder:

    sudo cp -r etc /
    sudo chown -R mosquitto: /{place}
    sudo systemctl restart mosquitto
"""
_STOCK_SCREEN = """
This lamp may run the screen or the service of the LAMPI course (provision --stock): the bridge strips the prefix
{prefix} from the topics, so remove the course's own bridge from /etc/mosquitto/conf.d. The other
screen, lampi-ui, works here as well: lampi-ui.env tells it that there is no prefix.
"""


def lamp_files(
    device_id: str, address: str, credentials: Credentials, ca: Content, *, stock: bool
) -> dict[str, Content]:
    """Return the files of a lamp's bundle by path; ``address`` is the broker's ``host:port``.

    With ``stock``, they are for the topics of the LAMPI course, which have no prefix on the lamp.
    """
    values = {"@LOCAL_PREFIX@": '""' if stock else lamp_prefix(device_id)}
    if stock:
        values[f"#{_NOTIFICATION}"] = _NOTIFICATION
    values |= {"@DEVICE_ID@": device_id, "@CLOUD_ADDRESS@": address}
    bridge = package_files.filled_in(package_files.LAMP_BRIDGE, values)
    settings = f"LAMPI_DEVICE_ID={device_id}\n" + ("LAMPI_TOPIC_PREFIX=\n" if stock else "")
    readme = _README.format(
        device_id=device_id,
        address=address,
        bridge=_BRIDGE,
        place=_PLACE,
        until=f"{credentials.not_after:%Y-%m-%d}",
        screen=_STOCK_SCREEN.format(prefix=lamp_prefix(device_id)) if stock else "",
    )
    return {
        _README_FILE: Content(readme.encode()),
        _BRIDGE: Content(bridge.encode()),
        _CA: ca,
        _CERTIFICATE: credentials.certificate,
        _KEY: credentials.key,
        _SETTINGS: Content(settings.encode()),
    }


def files_of_others(folder: Path) -> list[str]:
    """Return the paths of up to three files in a lamp's folder that no bundle has."""
    own = {_README_FILE, _BRIDGE, _CA, _CERTIFICATE, _KEY, _SETTINGS}
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(set(found) - own)[:3]


@dataclass(frozen=True)
class Found:
    """What a complete bundle is: its certificate's serial number, its broker's address, whether it is a stock one."""

    serial: int
    address: str
    stock: bool


def found_in(folder: Path) -> Found | None:
    """Return what a folder has, None if the bundle is missing or incomplete."""
    if not all((folder / name).is_file() for name in (_BRIDGE, _CERTIFICATE, _KEY, _CA, _SETTINGS)):
        return None  # checked first: reading a named pipe would wait for ever
    try:
        lines = (folder / _BRIDGE).read_text(encoding="utf-8").splitlines()
        certificate = x509.load_pem_x509_certificate((folder / _CERTIFICATE).read_bytes())
        key = serialization.load_pem_private_key((folder / _KEY).read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    if key.public_key() != certificate.public_key():
        return None
    address = next((line.removeprefix(_ADDRESS) for line in lines if line.startswith(_ADDRESS)), "")
    return Found(certificate.serial_number, address, any(line.startswith(_NOTIFICATION) for line in lines))
