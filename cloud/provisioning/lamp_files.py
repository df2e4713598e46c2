"""A lamp's folder: all that its Pi needs beside the programs, laid out as the Pi's own files are."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloud import shipped
from cloud.provisioning.authority import Credentials
from cloud.provisioning.files import Content

_PLACE = "etc/mosquitto/lampi"
_BRIDGE = "etc/mosquitto/conf.d/lampi-bridge.conf"
_CERTIFICATE = f"{_PLACE}/lamp.crt"
_KEY = f"{_PLACE}/lamp.key"
_CA = f"{_PLACE}/ca.crt"
_SETTINGS = "etc/lampi/lampi-ui.env"
_OTHERS = (_CA, _SETTINGS)

_README = """\
All that makes this Pi the lamp {device_id} of the cloud at {address}. The key in it is a secret: copy
this folder to that one Pi, and delete it here afterwards.

    {bridge}       Mosquitto's bridge to the cloud
    {place}/ca.crt                   by which the lamp knows the cloud
    {place}/lamp.crt and lamp.key    by which the cloud knows the lamp, until {until}
    etc/lampi/lampi-ui.env                       settings of the touchscreen

On the Pi, with Mosquitto 2 installed, in this folder:

    sudo cp -r etc /
    sudo chown -R mosquitto: /{place}
    sudo systemctl restart mosquitto
"""


def lamp_files(device_id: str, address: str, credentials: Credentials, ca: Content) -> dict[str, Content]:
    """Return the contents of a lamp's folder, by path; ``address`` is the cloud's broker as ``host:port``."""
    bridge = shipped.filled_in(shipped.LAMP_BRIDGE, {"@DEVICE_ID@": device_id, "@CLOUD_ADDRESS@": address})
    readme = _README.format(
        device_id=device_id,
        address=address,
        bridge=_BRIDGE,
        place=_PLACE,
        until=f"{credentials.not_after:%Y-%m-%d}",
    )
    return {
        "README.txt": Content(readme.encode()),
        _BRIDGE: Content(bridge.encode()),
        _CA: ca,
        _CERTIFICATE: credentials.certificate,
        _KEY: credentials.key,
        _SETTINGS: Content(f"LAMPI_DEVICE_ID={device_id}\n".encode()),
    }


def serial_in(folder: Path, address: str) -> int | None:
    """Return the serial number of a lamp's folder; None where there is none, or one for another address, or a part."""
    try:
        bridge = (folder / _BRIDGE).read_text(encoding="utf-8")
        certificate = x509.load_pem_x509_certificate((folder / _CERTIFICATE).read_bytes())
        key = serialization.load_pem_private_key((folder / _KEY).read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    is_whole = key.public_key() == certificate.public_key() and all((folder / name).is_file() for name in _OTHERS)
    return certificate.serial_number if is_whole and f"\naddress {address}\n" in bridge else None
