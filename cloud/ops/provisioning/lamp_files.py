"""A lamp's bundle: the files that its Pi needs, with their paths on the Pi."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloud.ops.deploy import package_files
from cloud.ops.provisioning.authority import Credentials
from cloud.ops.provisioning.files import Content

_PLACE = "etc/mosquitto/lampi"
_BRIDGE = "etc/mosquitto/conf.d/lampi-bridge.conf"
_CERTIFICATE = f"{_PLACE}/lamp.crt"
_KEY = f"{_PLACE}/lamp.key"
_CA = f"{_PLACE}/ca.crt"
_SETTINGS = "etc/lampi/lampi-ui.env"
_README_FILE = "README.txt"
_OTHERS = (_CA, _SETTINGS)

_README = """\
The files that make a Pi the lamp {device_id} of the cloud at {address}. They include a private key: copy
this folder to that one Pi, and then delete it here.

    {bridge}       Mosquitto's bridge to the cloud
    {place}/ca.crt                   certificate by which the lamp recognizes the cloud
    {place}/lamp.crt and lamp.key    certificate by which the cloud recognizes the lamp, valid until {until}
    etc/lampi/lampi-ui.env                       settings of the touchscreen

On the Pi, with Mosquitto 2 installed, in this folder:

    sudo cp -r etc /
    sudo chown -R mosquitto: /{place}
    sudo systemctl restart mosquitto
"""


def lamp_files(device_id: str, address: str, credentials: Credentials, ca: Content) -> dict[str, Content]:
    """Return the files of a lamp's bundle by path; ``address`` is the broker's ``host:port``."""
    bridge = package_files.filled_in(package_files.LAMP_BRIDGE, {"@DEVICE_ID@": device_id, "@CLOUD_ADDRESS@": address})
    readme = _README.format(
        device_id=device_id,
        address=address,
        bridge=_BRIDGE,
        place=_PLACE,
        until=f"{credentials.not_after:%Y-%m-%d}",
    )
    return {
        _README_FILE: Content(readme.encode()),
        _BRIDGE: Content(bridge.encode()),
        _CA: ca,
        _CERTIFICATE: credentials.certificate,
        _KEY: credentials.key,
        _SETTINGS: Content(f"LAMPI_DEVICE_ID={device_id}\n".encode()),
    }


def files_of_others(folder: Path) -> list[str]:
    """Return the paths of up to three files in a lamp's folder that no bundle has."""
    own = {_README_FILE, _BRIDGE, _CA, _CERTIFICATE, _KEY, _SETTINGS}
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(set(found) - own)[:3]


def serial_in(folder: Path, address: str) -> int | None:
    """Return the certificate's serial number, None if the bundle is missing, incomplete or for another address."""
    try:
        bridge = (folder / _BRIDGE).read_text(encoding="utf-8")
        certificate = x509.load_pem_x509_certificate((folder / _CERTIFICATE).read_bytes())
        key = serialization.load_pem_private_key((folder / _KEY).read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    is_whole = key.public_key() == certificate.public_key() and all((folder / name).is_file() for name in _OTHERS)
    return certificate.serial_number if is_whole and f"\naddress {address}\n" in bridge else None
