"""The authorities: what they sign, record and revoke."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.errors import UserError
from cloud.ops.provisioning.authorities import Authorities
from cloud.ops.provisioning.authority import Authority, Credentials
from cloud.ops.provisioning.errors import AuthorityExists, BadName, CantWrite, NoAuthority, NotProvisioned
from cloud.ops.provisioning.files import Content
from shared.protocol.device_id import BadDeviceId
from tests.cloud.ops.provisioning.conftest import LAMP, NOW, OTHER

YEAR = timedelta(days=365)


def _read(credentials: Credentials) -> x509.Certificate:
    return x509.load_pem_x509_certificate(credentials.certificate.data)


def _usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def _name(certificate: x509.Certificate) -> str:
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


def _listed(listed: Content) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(listed.data)


def test_the_keys_are_secret_from_their_first_moment(authorities: Authorities) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in authorities.folder.iterdir()}
    assert stat.S_IMODE(authorities.folder.stat().st_mode) == 0o700
    assert modes["ca.key"] == modes["lamps.key"] == modes["issued.db"] == 0o600


def test_new_authorities_never_take_the_place_of_old_ones(authorities: Authorities) -> None:
    before = {path.name: path.read_bytes() for path in authorities.folder.iterdir()}
    with pytest.raises(AuthorityExists, match="would lock out all lamps"):
        Authorities.create(authorities.folder, NOW)
    assert {path.name: path.read_bytes() for path in authorities.folder.iterdir()} == before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    assert Authorities.create(tmp_path / "ca", NOW).issue_lamp(LAMP, NOW)


def test_the_current_folder_is_filled_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca").mkdir()
    monkeypatch.chdir(tmp_path / "ca")
    Authorities.create(Path(), NOW)
    assert Authorities(tmp_path / "ca").issue_lamp(LAMP, NOW)


def test_what_is_killed_while_it_makes_them_leaves_nothing_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def kill(_folder: Path) -> None:
        raise KilledError

    monkeypatch.setattr("shared.files.sync", kill)  # the last step of all
    with pytest.raises(KilledError):
        Authorities.create(tmp_path / "ca", NOW)
    monkeypatch.undo()
    assert Authorities(tmp_path / "ca").issue_lamp(LAMP, NOW)


def test_a_lamp_is_a_client_with_its_id_as_its_name(authorities: Authorities) -> None:
    made = _read(authorities.issue_lamp(LAMP, NOW))
    assert _name(made) == LAMP
    assert _usages(made) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert made.not_valid_before_utc == (NOW - timedelta(days=1)).replace(microsecond=0)
    assert made.not_valid_after_utc == (NOW + 10 * YEAR).replace(microsecond=0)
    assert isinstance(made.public_key(), ec.EllipticCurvePublicKey)
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("name", ["lampi-daemon", "", "+", "b827ebba03", f"{LAMP}/x", f"{LAMP}\0", "b827ebba038g"])
def test_nothing_but_a_device_id_is_a_lamp(authorities: Authorities, name: str) -> None:
    with pytest.raises(BadDeviceId):
        authorities.issue_lamp(name, NOW)


@pytest.mark.parametrize("name", ["", "Lampi", "a b", "+", "#", "a/b", "1st", "a" * 64])
def test_a_program_s_name_is_a_plain_word(authorities: Authorities, name: str) -> None:
    with pytest.raises(BadName, match="not a valid name"):
        authorities.issue_program(name, NOW)


def test_the_broker_s_certificate_names_it_and_this_machine(authorities: Authorities) -> None:
    made = _read(authorities.issue_server(["Cloud.Example.com", "192.0.2.1", "::2"], NOW))
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["cloud.example.com", "localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "::2", "127.0.0.1", "::1"]
    assert _usages(made) == [ExtendedKeyUsageOID.SERVER_AUTH]
    # A Pi without a battery-backed clock boots with its image's date.
    assert made.not_valid_before_utc < NOW - 4 * YEAR
    assert made.not_valid_after_utc < NOW + 3 * YEAR


@pytest.mark.parametrize("host", ["", "a_b", "-a.example", "a" * 64, "*.example.com", "cloud example", "a..b"])
def test_a_broker_s_host_is_a_host_name(authorities: Authorities, host: str) -> None:
    with pytest.raises(BadName, match="neither a host name nor an IP address"):
        authorities.issue_server([host], NOW)


def test_nothing_outlives_its_authority(authorities: Authorities) -> None:
    late = NOW + 15 * YEAR
    assert _read(authorities.issue_lamp(LAMP, late)).not_valid_after_utc == authorities.ends_at("lamps")


def test_the_list_is_valid_as_long_as_the_authority(authorities: Authorities) -> None:
    """With an expired list, OpenSSL rejects every client."""
    assert _listed(authorities.revocation_list("lamps")).next_update_utc == authorities.ends_at("lamps")


def test_every_list_is_later_than_the_one_before_and_none_is_of_the_future(authorities: Authorities) -> None:
    authorities.issue_lamp(LAMP, NOW)
    lists = [_listed(authorities.revocation_list("lamps"))]
    lists += [_listed(authorities.revoke("lamps", [LAMP], NOW)) for _ in range(50)]
    instants = [each.last_update_utc for each in lists]
    assert instants == sorted(set(instants))
    assert instants[-1] < NOW
    numbers = [each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for each in lists]
    assert numbers == list(range(1, 52))


def test_all_of_a_lamp_s_certificates_are_taken_back_and_no_other_s(authorities: Authorities) -> None:
    serials = {authorities.issue_lamp(LAMP, NOW).serial for _ in range(3)}
    authorities.issue_lamp(OTHER, NOW)
    assert {entry.serial_number for entry in _listed(authorities.revoke("lamps", [LAMP], NOW))} == serials


def test_what_has_expired_leaves_the_list(authorities: Authorities) -> None:
    authorities.issue_lamp(LAMP, NOW)
    authorities.revoke("lamps", [LAMP], NOW)
    later = NOW + 9 * YEAR
    authorities.issue_lamp(OTHER, later)
    assert len(list(_listed(authorities.revoke("lamps", [OTHER], later)))) == 2
    assert len(list(_listed(authorities.revoke("lamps", [OTHER], NOW + 11 * YEAR)))) == 1


def test_an_unknown_name_is_refused_and_nothing_is_revoked(authorities: Authorities) -> None:
    authorities.issue_lamp(LAMP, NOW)
    with pytest.raises(NotProvisioned, match=OTHER):
        authorities.revoke("lamps", [LAMP, OTHER], NOW)
    with pytest.raises(NotProvisioned, match=LAMP):  # of the other authority
        authorities.revoke("ca", [LAMP], NOW)
    assert list(_listed(authorities.revocation_list("lamps"))) == []
    assert authorities.shut_out("lamps", NOW) == []


def test_a_lamp_that_is_provisioned_again_is_no_longer_denied(authorities: Authorities) -> None:
    authorities.issue_lamp(LAMP, NOW)
    authorities.revoke("lamps", [LAMP], NOW)
    assert authorities.shut_out("lamps", NOW) == [LAMP]
    again = authorities.issue_lamp(LAMP, NOW)
    assert authorities.shut_out("lamps", NOW) == []
    assert authorities.is_good("lamps", again.serial, NOW)


def test_a_factory_needs_the_lamps_key_alone(authorities: Authorities) -> None:
    (authorities.folder / "ca.key").unlink()
    factory = Authorities(authorities.folder)
    with factory.locked():
        assert factory.issue_lamp(LAMP, NOW)
    with pytest.raises(NoAuthority, match=r"ca\.key"):
        factory.issue_server(["cloud.example.com"], NOW)


def test_what_is_not_there_or_not_whole_is_one_line(authorities: Authorities, tmp_path: Path) -> None:
    with (
        pytest.raises(NoAuthority, match="create the authorities with `lampi-cloud ca init`"),
        Authorities(tmp_path / "none").locked(),
    ):
        pass
    (authorities.folder / "lamps.key").write_bytes(Authority.made("other", NOW).key_file().data)
    with pytest.raises(NoAuthority, match="the key does not match the certificate"):
        authorities.issue_lamp(LAMP, NOW)
    (authorities.folder / "lamps.key").write_text("no key")
    with pytest.raises(NoAuthority, match="are not a valid authority"):
        Authorities(authorities.folder).issue_lamp(LAMP, NOW)
    (authorities.folder / "issued.db").write_text("no database at all, but long enough to be looked at" * 50)
    with pytest.raises(NoAuthority, match=r"issued\.db: file is not a database"):
        authorities.issue_program("lampi-daemon", NOW)
    (tmp_path / "file").write_text("")
    with pytest.raises(CantWrite):
        Authorities.create(tmp_path / "file", NOW)
    assert issubclass(CantWrite, UserError)
