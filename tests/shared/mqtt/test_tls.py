"""TLS to a real broker: the error for each misconfiguration, and the connection once it is corrected."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from cloud.db.timestamps import utc_now
from cloud.ops.provisioning.authority import Authority, Credentials, Revoked
from shared.mqtt.broker_settings import read_broker
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient
from shared.mqtt.tls import TlsFiles, explained
from shared.settings import BadSettings, SettingsReader
from tests.shared.mqtt.links import running, warnings
from tests.support.broker import Mosquitto
from tests.support.ports import free_port
from tests.support.waiting import wait_until

DAY = timedelta(days=1)
PLAIN = BrokerUrl("localhost", 1883)
_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
cafile {folder}/ca.crt
certfile {folder}/server.crt
keyfile {folder}/server.key
crlfile {folder}/revoked.pem
require_certificate {wants}
tls_version tlsv1.2
"""


class TlsBroker:
    """A Mosquitto with whatever certificates a test gives it, and our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.made("test", utc_now())
        self.write("ca.crt", self.authority.certificate_file().data)
        self.client = self.issue(ExtendedKeyUsageOID.CLIENT_AUTH)
        self.keep("client", self.client)
        self.files = TlsFiles(folder / "ca.crt", folder / "client.crt", folder / "client.key")

    def write(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    def keep(self, name: str, credentials: Credentials) -> None:
        self.write(f"{name}.crt", credentials.certificate.data)
        self.write(f"{name}.key", credentials.key.data)

    def issue(
        self,
        usage: x509.ObjectIdentifier,
        begins: timedelta = -DAY,
        ends: timedelta = DAY,
        host: str = "localhost",
        authority: Authority | None = None,
    ) -> Credentials:
        now = utc_now()
        names = [x509.DNSName(host)] if usage == ExtendedKeyUsageOID.SERVER_AUTH else []
        signer = authority or self.authority
        return signer.sign("test", usage, not_before=now + begins, not_after=now + ends, also_named=names)

    def started(self, server: Credentials, revoked: int | None = None, wants: bool = False) -> Mosquitto:
        self.keep("server", server)
        taken_back = [] if revoked is None else [Revoked(revoked, utc_now())]
        self.write("revoked.pem", self.authority.revocation_list(taken_back, None, utc_now()).data)
        port = free_port()
        config = _CONFIG.format(port=port, folder=self.folder, wants=str(wants).lower())
        return Mosquitto(self.folder / "broker", port, config)

    def good_server(self) -> Credentials:
        return self.issue(ExtendedKeyUsageOID.SERVER_AUTH)


@pytest.fixture
def tls(tmp_path: Path) -> TlsBroker:
    return TlsBroker(tmp_path)


def _warning(caplog: pytest.LogCaptureFixture, broker: BrokerUrl) -> str:
    """Return the one line that a link says about a broker while it tries it at least twice."""
    lost: list[bool] = []
    attempts: list[int] = []
    link = MqttClient(broker, "test", on_connection=lost.append)
    link._client.on_pre_connect = lambda *_: attempts.append(1)
    with running(link):
        wait_until(lambda: len(attempts) >= 2 and warnings(caplog), "a second attempt")
    assert lost == []
    (line,) = warnings(caplog)
    return line


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("expired", "shows a certificate that has expired: renew it"),
        ("of the future", "not valid yet: is this machine's clock right?"),
        ("another host", "shows a certificate for another host name"),
        ("another authority", "shows a certificate that is not signed by LAMPI_BROKER_CA"),
        ("a client's", "shows a certificate that is not a server certificate"),
    ],
)
def test_a_server_that_can_not_be_trusted(
    tls: TlsBroker, caplog: pytest.LogCaptureFixture, what: str, expected: str
) -> None:
    server = {
        "expired": lambda: tls.issue(ExtendedKeyUsageOID.SERVER_AUTH, ends=timedelta(seconds=-1)),
        "of the future": lambda: tls.issue(ExtendedKeyUsageOID.SERVER_AUTH, begins=DAY / 2),
        "another host": lambda: tls.issue(ExtendedKeyUsageOID.SERVER_AUTH, host="other.example.com"),
        "another authority": lambda: tls.issue(
            ExtendedKeyUsageOID.SERVER_AUTH, authority=Authority.made("test", utc_now())
        ),
        "a client's": lambda: tls.issue(ExtendedKeyUsageOID.CLIENT_AUTH),
    }[what]()
    with tls.started(server) as mosquitto:
        line = _warning(caplog, BrokerUrl("localhost", mosquitto.port, tls=True, tls_files=tls.files))
    assert line.startswith(f"The broker at mqtts://localhost:{mosquitto.port} ")
    assert expected in line
    assert line.endswith("; retrying")


def test_an_address_that_the_certificate_does_not_name(tls: TlsBroker, caplog: pytest.LogCaptureFixture) -> None:
    with tls.started(tls.good_server()) as mosquitto:
        line = _warning(caplog, BrokerUrl("127.0.0.1", mosquitto.port, tls=True, tls_files=tls.files))
    assert "without this IP address" in line


def test_our_certificate_is_revoked(tls: TlsBroker, caplog: pytest.LogCaptureFixture) -> None:
    with tls.started(tls.good_server(), revoked=tls.client.serial, wants=True) as mosquitto:
        line = _warning(caplog, BrokerUrl("localhost", mosquitto.port, tls=True, tls_files=tls.files))
    assert "refuses our certificate, which is revoked" in line


def test_our_certificate_is_missing(tls: TlsBroker, caplog: pytest.LogCaptureFixture) -> None:
    files = TlsFiles(tls.files.ca)
    with tls.started(tls.good_server(), wants=True) as mosquitto:
        line = _warning(caplog, BrokerUrl("localhost", mosquitto.port, tls=True, tls_files=files))
    assert "requires a client certificate: set LAMPI_BROKER_CERTIFICATE" in line


def test_there_is_no_tls_at_all(tls: TlsBroker, broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    line = _warning(caplog, BrokerUrl("localhost", broker.port, tls=True, tls_files=tls.files))
    assert "does not speak TLS on this port: check the port, or use mqtt://" in line or "Connection reset" in line


def test_it_comes_about_by_itself_once_the_broker_is_mended(tls: TlsBroker) -> None:
    connections: list[bool] = []
    mosquitto = tls.started(tls.issue(ExtendedKeyUsageOID.SERVER_AUTH, ends=timedelta(seconds=-1)), wants=True)
    broker = BrokerUrl("localhost", mosquitto.port, tls=True, tls_files=tls.files)
    with mosquitto, running(MqttClient(broker, "test", on_connection=connections.append)):
        mosquitto.stop()
        tls.keep("server", tls.good_server())
        mosquitto.start()
        wait_until(lambda: connections == [True], "the link to be up")


def test_only_tls_1_2_and_later(tls: TlsBroker) -> None:
    context = tls.files.context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_other_faults_are_not_explained_as_ones_of_tls() -> None:
    assert explained(ConnectionRefusedError("refused")) is None
    assert explained(None) is None


def _read(**values: str) -> BrokerUrl:
    reader = SettingsReader({f"LAMPI_BROKER_{name.upper()}": value for name, value in values.items()})
    broker = read_broker(reader, PLAIN)
    reader.finish()
    return broker


def test_settings_name_the_files(tls: TlsBroker) -> None:
    files = tls.files
    read = _read(url="mqtts://a.example", ca=str(files.ca), certificate=str(files.certificate), key=str(files.key))
    assert read == BrokerUrl("a.example", 8883, tls=True, tls_files=files)
    assert _read() == PLAIN
    assert _read(ca="", certificate="", key="") == PLAIN
    assert _read(url="mqtts://a.example").tls_files == TlsFiles()


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"ca": "ca.crt"}, "LAMPI_BROKER_CA: is for TLS, but LAMPI_BROKER_URL does not begin with mqtts://"),
        ({"url": "mqtts://a", "certificate": "client.crt"}, "LAMPI_BROKER_CERTIFICATE: requires LAMPI_BROKER_KEY"),
        ({"url": "mqtts://a", "key": "client.key"}, "LAMPI_BROKER_KEY: requires LAMPI_BROKER_CERTIFICATE"),
        ({"url": "mqtts://a", "ca": "none.crt"}, "none.crt can't be read (No such file or directory)"),
        ({"url": "mqtts://a", "ca": "c\x00a"}, "is not the name of a file"),
        ({"url": "mqtts://a", "ca": "c\ud800a"}, "is not the name of a file"),
        ({"url": "mqtts://a", "ca": "client.key"}, "client.key has no certificate in PEM form"),
        ({"url": "mqtts://a", "certificate": "client.key", "key": "client.key"}, "LAMPI_BROKER_CERTIFICATE: "),
        ({"url": "mqtts://a", "certificate": "client.crt", "key": "none.key"}, "LAMPI_BROKER_KEY: "),
        ({"url": "mqtts://a", "certificate": "client.crt", "key": "ca.crt"}, "is not the certificate's key in PEM"),
        ({"url": "mqtts://a", "certificate": "ca.crt", "key": "client.key"}, "is not the certificate's key in PEM"),
    ],
)
def test_settings_that_can_not_be_used(tls: TlsBroker, values: dict[str, str], fault: str) -> None:
    files = {name: value if name == "url" else str(tls.folder / value) for name, value in values.items()}
    with pytest.raises(BadSettings) as bad:
        _read(**files)
    (line,) = bad.value.faults
    assert fault in line
