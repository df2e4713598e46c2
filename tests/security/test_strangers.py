"""Without a valid certificate no client can connect, and no client can impersonate another."""

import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.db.timestamps import utc_now
from cloud.ops.deploy.package_files import CLOUD_BROKER
from cloud.ops.provisioning.authority import Authority, Credentials
from cloud.ops.provisioning.files import Content
from tests.security.conftest import ATTACKER, VICTIM, Fortress
from tests.support.attempts import Attempts
from tests.support.callers import Caller, Pair, trusting

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
DAEMON = "lampi-daemon"
YEAR = timedelta(days=365)


WILD = ["+", "#", f"{VICTIM}/lamp", "+/lamp"]


class Forge:
    """Makes certificates that the commands never would."""

    def __init__(self, fortress: Fortress, folder: Path) -> None:
        self._fortress = fortress
        self._folder = folder
        ca = fortress.broker.authorities.folder
        self.lamps, self.cloud = (
            Authority.loaded((ca / f"{kind}.crt").read_bytes(), (ca / f"{kind}.key").read_bytes())
            for kind in ("lamps", "ca")
        )

    def pair(
        self,
        authority: Authority,
        name: str,
        usage: x509.ObjectIdentifier = CLIENT,
        begins: timedelta = -YEAR,
        ends: timedelta = YEAR,
    ) -> Pair:
        now = utc_now()
        return self.kept(authority.sign(name, usage, not_before=now + begins, not_after=now + ends))

    def pair_of(self, authority: Authority, subject: dict[x509.ObjectIdentifier, str]) -> Pair:
        """Return a pair with a subject that the library would refuse."""
        names = [x509.NameAttribute(kind, value, _validate=False) for kind, value in subject.items()]
        key, now = ec.generate_private_key(ec.SECP256R1()), utc_now()
        builder = x509.CertificateBuilder(authority.certificate.subject, x509.Name(names), key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - YEAR)
        builder = builder.not_valid_after(now + YEAR).add_extension(x509.ExtendedKeyUsage([CLIENT]), critical=True)
        forms = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        certificate = builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        credentials = Credentials(Content(certificate), Content(key.private_bytes(*forms)), 0, now + YEAR)
        return self.kept(credentials)

    def kept(self, credentials: Credentials) -> Pair:
        pair = Pair(self._folder / "forged.crt", self._folder / "forged.key")
        pair.certificate.write_bytes(credentials.certificate.data)
        pair.key.write_bytes(credentials.key.data)
        return pair

    def revoked(self) -> Pair:
        """Return a lamp's that is taken back, once the broker knows."""
        broker, now = self._fortress.broker, utc_now()
        pair = self.kept(broker.authorities.issue_lamp("b827ebba0fff", now))
        listed = broker.authorities.revoke("lamps", ["b827ebba0fff"], now)
        (broker.folder / "lampi" / "lamps-revoked.pem").write_bytes(listed.data)
        broker.stop()
        broker.start()
        return pair


@pytest.fixture
def forge(fortress: Fortress, tmp_path: Path) -> Forge:
    return Forge(fortress, tmp_path)


@pytest.fixture
def foreign() -> Authority:
    """Give an authority that calls itself as ours does."""
    return Authority.made("LAMPI lamps", utc_now())


def _assert_kept_out(caller: Caller) -> None:
    try:
        assert not caller.connected
        assert caller.refusal is not None
    finally:
        caller.close()


@pytest.mark.parametrize("where", ["lamps", "programs"])
def test_no_client_connects_without_a_certificate(fortress: Fortress, attempt: Attempts, where: str) -> None:
    port = getattr(fortress.broker.ports, where)
    for what, user in (("no certificate", None), ("no certificate, but a user and a password", (DAEMON, "password"))):
        _assert_kept_out(Caller(port, trusting(fortress.ca), user=user))
        attempt.refused(f"a stranger at the {where}' listener", what)
    _assert_kept_out(Caller(port))
    attempt.refused(f"a stranger at the {where}' listener", "no TLS at all")


def test_lamps_listener_wants_a_good_certificate_of_the_lamps_authority(
    fortress: Fortress, attempt: Attempts, forge: Forge, foreign: Authority
) -> None:
    def refused(what: str, pair: Pair) -> None:
        _assert_kept_out(fortress.at_lamps(pair))
        attempt.refused("a stranger at the lamps' listener", what)

    with fortress.at_lamps(forge.pair(forge.lamps, VICTIM)) as good:  # so it is not the forge that is refused
        assert good.connected
    refused("another authority's certificate", forge.pair(foreign, VICTIM))
    refused("one that has expired", forge.pair(forge.lamps, VICTIM, ends=timedelta(seconds=-2)))
    refused("one that is not valid yet", forge.pair(forge.lamps, VICTIM, begins=timedelta(days=1)))
    refused("one that is revoked", forge.revoked())
    refused("a server's certificate of the lamps' authority", forge.pair(forge.lamps, VICTIM, SERVER))
    refused("a lamp's name from the cloud's authority", forge.pair(forge.cloud, VICTIM))
    refused("the broker's own certificate", fortress.server)
    refused("the daemon's certificate", fortress.daemon)


def test_programs_listener_wants_a_good_certificate_of_the_cloud_s_authority(
    fortress: Fortress, attempt: Attempts, forge: Forge, foreign: Authority
) -> None:
    def refused(what: str, pair: Pair) -> None:
        _assert_kept_out(fortress.at_programs(pair, client_id="lampi-cloud-daemon"))
        attempt.refused("a stranger at the programs' listener", what)

    with fortress.at_programs(fortress.daemon) as good:
        assert good.connected
    refused("a lamp's certificate", fortress.lamp_pair(ATTACKER))
    refused("the daemon's name from the lamps' authority", forge.pair(forge.lamps, DAEMON))
    refused("the daemon's name from another authority", forge.pair(foreign, DAEMON))
    refused("the daemon's, expired", forge.pair(forge.cloud, DAEMON, ends=timedelta(seconds=-2)))
    refused("the broker's own certificate", fortress.server)


@pytest.mark.parametrize("where", ["lamps", "programs"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
def test_old_tls_is_refused(fortress: Fortress, attempt: Attempts, where: str, version: ssl.TLSVersion) -> None:
    port = getattr(fortress.broker.ports, where)
    pair = fortress.daemon if where == "programs" else fortress.lamp_pair(ATTACKER)
    with Caller(port, trusting(fortress.ca, pair, ssl.TLSVersion.TLSv1_2)) as good:
        assert good.connected
    context = trusting(fortress.ca, pair, version)
    with socket.create_connection(("127.0.0.1", port)) as connection, pytest.raises(ssl.SSLError) as refusal:
        context.wrap_socket(connection, server_hostname="127.0.0.1")
    assert "ALERT_PROTOCOL_VERSION" in str(refusal.value.reason)  # the broker said so, not our own OpenSSL
    attempt.refused(f"a lamp or the daemon at the {where}' listener", version.name)


@pytest.mark.parametrize("user", [None, DAEMON, VICTIM], ids=["no-user", "as-daemon", "as-victim"])
@pytest.mark.parametrize("name", [DAEMON, f"CN={DAEMON}", *WILD, f"{VICTIM}\0", VICTIM.upper(), f"{VICTIM} "])
def test_a_misused_lamps_authority_makes_no_more_than_lamps(
    fortress: Fortress, attempt: Attempts, forge: Forge, name: str, user: str | None
) -> None:
    """Even a certificate that no command of ours makes, of the real authority, has no rights beyond its own name's."""
    stolen = f"devices/{VICTIM}/lamp/associated"
    with fortress.watcher() as watcher:
        watcher.subscribe("devices/#")
        signed_in = None if user is None else (user, None)
        caller = fortress.at_lamps(forge.pair(forge.lamps, name), client_id=DAEMON, user=signed_in)
        if caller.connected:
            caller.subscribe("#")
            caller.subscribe(stolen)
            caller.publish(stolen, b"stolen")
            caller.publish(f"devices/{VICTIM}/lamp/changed", b"stolen")
            caller.wait_until_all_is_said()
        watcher.publish(stolen, b"secret", 1)
        heard = watcher.heard_until(lambda message: message.payload == b"secret")
        assert heard == []
        if caller.connected:
            caller.subscribe(stolen)  # the answer comes after what would have been sent before
        assert not caller.has_heard_anything()
        caller.close()
    attempt.refused("who holds the lamps' key, with the name", f"{name!r}, user {user}")


@pytest.mark.filterwarnings("ignore:Attribute's length must be")
@pytest.mark.parametrize(
    ("what", "subject"),
    [
        ("no subject", {}),
        ("no common name", {NameOID.ORGANIZATION_NAME: DAEMON}),
        ("an empty common name", {NameOID.COMMON_NAME: ""}),
    ],
    ids=["no-subject", "no-name", "empty-name"],
)
def test_a_certificate_without_a_name_makes_no_client_without_a_username(
    fortress: Fortress, attempt: Attempts, forge: Forge, what: str, subject: dict[x509.ObjectIdentifier, str]
) -> None:
    """Such a client is what the daemon is on its own listener."""
    topic = f"devices/{VICTIM}/lamp/associated"
    with fortress.watcher() as watcher:
        watcher.subscribe("devices/#")
        caller = fortress.at_lamps(forge.pair_of(forge.lamps, subject))
        if caller.connected:
            caller.subscribe("#")
            caller.publish(topic, b"stolen")
            caller.wait_until_all_is_said()
        watcher.publish(topic, b"secret", 1)
        assert watcher.heard_until(lambda message: message.payload == b"secret") == []
        if caller.connected:
            caller.subscribe(topic)
        assert not caller.has_heard_anything()
        caller.close()
    attempt.refused("who holds the lamps' key", f"a certificate with {what}")


@pytest.fixture
def others(fortress: Fortress) -> Iterator[tuple[Caller, Caller]]:
    """Give a lamp and the daemon, connected."""
    with fortress.lamp(VICTIM) as lamp, fortress.at_programs(fortress.daemon, client_id="lampi-cloud-daemon") as daemon:
        yield lamp, daemon


@pytest.mark.parametrize("client_id", [VICTIM, f"{VICTIM}_broker", "lampi-cloud-daemon", "#", ""])
def test_no_client_is_disconnected_by_a_lamp_with_its_client_id(
    fortress: Fortress, attempt: Attempts, others: tuple[Caller, Caller], client_id: str
) -> None:
    with fortress.lamp(ATTACKER, client_id=client_id) as attacker:
        assert attacker.connected
        for other, topic in zip(
            others, (f"devices/{VICTIM}/lamp/changed", f"devices/{VICTIM}/lamp/set_config"), strict=True
        ):
            with fortress.watcher() as watcher:
                watcher.subscribe(topic)
                other.publish(topic, b"still here")
                watcher.heard_until(lambda message: message.payload == b"still here")
    attempt.refused("a lamp takes a client id", repr(client_id))


def test_what_can_take_a_client_id_takes_it(fortress: Fortress, others: tuple[Caller, Caller]) -> None:
    """The daemon's account may, and that is how deprovisioning cuts a connection."""
    lamp, daemon = others
    with fortress.at_programs(fortress.daemon, client_id=VICTIM):
        lamp.wait_until_cut_off()
    with fortress.at_programs(fortress.daemon, client_id="lampi-cloud-daemon"):
        daemon.wait_until_cut_off()


def test_as_shipped_there_is_no_test_listener() -> None:
    shipped = CLOUD_BROKER.read_text(encoding="utf-8")
    settings = [line.split() for line in shipped.splitlines() if line and not line.startswith("#")]
    assert [words[1:] for words in settings if words[0] == "listener"] == [["8883"], ["8884", "127.0.0.1"]]
    assert [words[1] for words in settings if words[0] == "require_certificate"] == ["true", "true"]
