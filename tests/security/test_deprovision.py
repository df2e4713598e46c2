"""A revoked lamp loses access at once, even with an open connection, a TLS session or a completed handshake."""

import getpass
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.ops.provisioning.rules import FORMER_RULES, PASSWORDS, RULES, write_rules
from shared.protocol.topics import provisioned_presence as presence
from shared.protocol.topics import stripped_presence
from tests.support.attempts import Attempts
from tests.support.callers import Caller, Pair, trusting
from tests.support.loop import associated
from tests.support.secure import Installed, raw_call

LAMP, OTHER = "b827ebba0387", "b827ebba0388"
CHANGED = f"devices/{LAMP}/lamp/changed"
WHO = "a lamp that is deprovisioned"


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """Give the cloud's broker and what comes with it."""
    made = Installed(tmp_path)
    with made.broker:
        yield made


@pytest.fixture
def pair(installed: Installed) -> Pair:
    return installed.lamp_pair(LAMP)


@pytest.fixture
def observer(installed: Installed) -> Iterator[Caller]:
    """Give one who hears what a lamp may say."""
    with installed.observer() as caller:
        caller.subscribe("devices/#")
        caller.subscribe("$SYS/broker/connection/+/state")
        yield caller


def _refused(installed: Installed, pair: Pair) -> bool:
    with installed.lamp(pair) as caller:
        return not caller.connected


def test_a_lamp_that_is_connected_is_cut_off_and_does_not_come_back(
    installed: Installed, pair: Pair, observer: Caller, attempt: Attempts
) -> None:
    with installed.lamp(pair) as lamp, installed.lamp(installed.lamp_pair(OTHER)) as other:
        lamp.publish(presence(LAMP), b"1", retain=True)
        observer.heard_until(lambda message: (message.topic, message.payload) == (presence(LAMP), b"1"))
        lamp.publish(stripped_presence(LAMP), b"1", retain=True)
        observer.heard_until(lambda message: (message.topic, message.payload) == (stripped_presence(LAMP), b"1"))
        said = installed.deprovision(LAMP)
        assert said == f"Revoked {LAMP}. It is still in the database; to delete it: lampi-cloud forget {LAMP}\n"
        lamp.wait_until_cut_off()
        attempt.refused(WHO, "stays on the connection that it has")
        assert other.connected
    observer.heard_until(lambda message: (message.topic, message.payload) == (presence(LAMP), b"0"))
    # This topic is saved to the broker's disk, so nothing stays there.
    observer.heard_until(lambda message: (message.topic, message.payload) == (stripped_presence(LAMP), b"0"))
    observer.heard_until(lambda message: (message.topic, message.payload) == (stripped_presence(LAMP), b""))
    for _ in range(3):
        assert _refused(installed, pair)
    attempt.refused(WHO, "connects again")
    assert not _refused(installed, installed.lamp_pair(OTHER))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_session_of_tls_from_before_is_of_no_use(
    installed: Installed, pair: Pair, attempt: Attempts, version: ssl.TLSVersion
) -> None:
    context = trusting(installed.ca, pair, version)
    with raw_call(installed, context) as first:
        assert first.sign_in()
        session = first.tls.session
    with raw_call(installed, context, session) as second:
        assert second.sign_in()
        assert second.tls.session_reused  # so it would have been
        session = second.tls.session
    installed.deprovision(LAMP)
    # In TLS 1.3 its refusal may find us still speaking: then we see no more than that it has hung up.
    with (
        pytest.raises(OSError, match=r"CERTIFICATE_REVOKED|EOF|reset|pipe"),
        raw_call(installed, context, session) as third,
    ):
        third.sign_in()
    attempt.refused(WHO, f"resumes a session of TLS {version.name}")


def test_an_earlier_handshake_gives_no_access_after_revocation(
    installed: Installed, pair: Pair, observer: Caller, attempt: Attempts
) -> None:
    """The list is looked at in the handshake alone, and a connection may wait long before it signs in."""
    context = trusting(installed.ca, pair)
    with raw_call(installed, context) as waiting, installed.lamp(installed.lamp_pair(OTHER)) as other:
        installed.deprovision(LAMP)
        waiting.sign_in()
        waiting.publish(CHANGED, b"late")
        waiting.publish(presence(LAMP), b"1")
        waiting.publish(associated(LAMP), b"late")
        other.publish(f"devices/{OTHER}/lamp/changed", b"marker")
        heard = observer.heard_until(lambda message: message.payload == b"marker")
        assert [message for message in heard if message.payload in (b"late", b"1")] == []
        installed.deprovision(LAMP)  # and again, as often as one likes
        assert waiting.hung_up()
    attempt.refused(WHO, "signs in late on a handshake done before")


def test_two_in_the_same_second_are_both_out(installed: Installed, pair: Pair, attempt: Attempts) -> None:
    """OpenSSL uses the list with the latest timestamp, in whole seconds."""
    other = installed.lamp_pair(OTHER)
    installed.deprovision(LAMP)
    installed.deprovision(OTHER)
    assert _refused(installed, pair)
    assert _refused(installed, other)
    attempt.refused(WHO, "hides behind another that is deprovisioned at once")


def test_a_factory_s_worth_at_once(installed: Installed) -> None:
    ids = [f"b827ebbb{number:04x}" for number in range(30)]
    pairs = [installed.lamp_pair(device_id) for device_id in ids]
    with installed.lamp(pairs[-1]) as lamp:
        said = installed.deprovision(*ids)
        assert said == "Revoked 30 lamps. They are still in the database; to delete one: lampi-cloud forget DEVICE_ID\n"
        lamp.wait_until_cut_off()
    assert all(_refused(installed, pair) for pair in pairs)


def test_provisioned_again_it_comes_in_with_the_new_key_only(installed: Installed, pair: Pair, tmp_path: Path) -> None:
    installed.deprovision(LAMP)
    stolen = Pair(tmp_path / "old.crt", tmp_path / "old.key")
    stolen.certificate.write_bytes(pair.certificate.read_bytes())
    stolen.key.write_bytes(pair.key.read_bytes())
    out = str(installed.broker.folder / "lamps")
    address = f"127.0.0.1:{installed.broker.ports.lamps}"
    said = installed.cloud.command("provision", LAMP, "--out", out, "--cloud", address)
    assert "0 made, 1 renewed, 0 kept" in said
    assert "restart Mosquitto to let them connect again" in said
    installed.broker.stop()
    installed.broker.start()
    assert _refused(installed, stolen)
    with installed.observer() as observer, installed.lamp(pair) as lamp:
        observer.subscribe(CHANGED)
        lamp.publish(CHANGED, b"new")
        observer.heard_until(lambda message: message.payload == b"new")


def test_a_lamp_that_was_never_provisioned_is_refused_with_one_line(installed: Installed) -> None:
    said = installed.deprovision("b827ebba0fff", status=1)
    assert said == "Error: b827ebba0fff has no valid certificate. Nothing was revoked.\n"


def test_a_broker_that_does_not_reload_is_noticed(installed: Installed, pair: Pair) -> None:
    said = installed.deprovision(LAMP, status=1, reload="true")
    assert "the broker has not applied it yet: it still accepts a revoked certificate" in said
    assert "run this again" in said
    installed.broker.send(signal.SIGHUP)
    installed.deprovision(LAMP)
    assert _refused(installed, pair)


@pytest.mark.parametrize(
    ("reload", "why"),
    [
        ("no-such-program", "No such file"),
        ("sh -c 'echo no rights >&2; exit 1'", "no rights"),
        ("sh -c 'exit 3'", "exit status 3"),
        ("'", "quotation"),
    ],
)
def test_a_failed_reload_is_reported(installed: Installed, pair: Pair, reload: str, why: str) -> None:
    said = installed.deprovision(LAMP, status=1, reload=reload)
    assert why in said
    assert "run this again" in said
    assert "Traceback" not in said


def test_an_unreachable_broker_is_reported_and_rejects_the_lamp_later(installed: Installed, pair: Pair) -> None:
    installed.broker.stop()
    said = installed.deprovision(LAMP, status=1, reload="true")
    assert "can't be reached" in said
    assert "run this again" in said
    installed.broker.start()
    assert _refused(installed, pair)


def test_without_the_daemon_s_account_the_open_connection_is_reported(installed: Installed, pair: Pair) -> None:
    del installed.cloud.environment["LAMPI_BROKER_CERTIFICATE"]
    del installed.cloud.environment["LAMPI_BROKER_KEY"]
    said = installed.deprovision(LAMP, status=1)
    assert f"Revoked {LAMP}, but can't close its connection" in said
    assert _refused(installed, pair)


def test_denying_lamps_keeps_the_rules_readable_by_the_broker_alone(installed: Installed, pair: Pair) -> None:
    rules = installed.broker.folder / "lampi" / RULES
    before = rules.stat()
    installed.deprovision(LAMP)
    assert f"user {LAMP}\n" in rules.read_text()
    after = rules.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert not after.st_mode & 0o007


def test_an_upgraded_server_keeps_lamps_denied_and_lets_the_daemon_in(installed: Installed, pair: Pair) -> None:
    """The rules have another file name than the two files of earlier releases, which stay in place."""
    folder = installed.broker.folder / "lampi"
    installed.deprovision(LAMP)
    for name in (RULES, PASSWORDS):
        (folder / name).unlink()
    for name in FORMER_RULES:
        (folder / name).write_text("# of an earlier release\n")
    authorities, context = installed.broker.authorities, trusting(installed.ca, installed.lamp_pair(OTHER))
    write_rules(authorities, folder, utc_now(), getpass.getuser())
    installed.broker.stop()
    installed.broker.start()
    assert f"user {LAMP}\n" in (folder / RULES).read_text()
    assert _refused(installed, pair)
    with installed.observer() as daemon, raw_call(installed, context) as waiting:
        daemon.subscribe("devices/#")
        installed.deprovision(OTHER)
        assert f"user {OTHER}\n" in (folder / FORMER_RULES[0]).read_text()  # which a configuration of before reads
        waiting.sign_in()
        waiting.publish(f"devices/{OTHER}/lamp/changed", b"late")
        daemon.publish("devices/anything", b"marker")
        heard = daemon.heard_until(lambda message: message.payload == b"marker")
        assert [message for message in heard if message.payload == b"late"] == []
