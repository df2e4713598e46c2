"""What the cloud's programs may do on their own listener, as shipped, and what the lamps' rules still hold them to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.devtools.local_stack.files import cloud_broker
from cloud.ops.provisioning.broker_files import write_program_files
from tests.support.attempts import Attempts
from tests.support.broker import Mosquitto
from tests.support.callers import Caller, Pair, trusting
from tests.support.secure import Installed

LAMP, OTHER = "b827ebba0387", "b827ebba0388"
PRESENCE = f"$SYS/broker/connection/{LAMP}/state"
MAY_WRITE = [f"devices/{LAMP}/lamp/associated", "devices/anything", "lampi/cloud/probe", PRESENCE]
MAY_NOT_WRITE = ["anything", "$SYS/broker/version", "$CONTROL/dynamic-security/v1"]


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """Give the cloud's broker as it ships and what comes with it."""
    made = Installed(tmp_path)
    with made.broker:
        yield made


def _program(installed: Installed, folder: Path, name: str, **how: object) -> Caller:
    write_program_files(installed.broker.authorities, name, folder, utc_now())
    pair = Pair(folder / "daemon.crt", folder / "daemon.key")
    return Caller(installed.broker.ports.programs, trusting(installed.ca, pair), **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["lampi-daemon", "lampi-daemon-2"])
def test_each_program_may_do_what_the_daemon_may_and_no_more(
    installed: Installed, tmp_path: Path, attempt: Attempts, name: str
) -> None:
    with _program(installed, tmp_path / "program", name) as program, installed.observer() as observer:
        for topic in (*MAY_WRITE, *MAY_NOT_WRITE):
            observer.subscribe(topic, 2)
        for topic in (*MAY_NOT_WRITE, *MAY_WRITE):
            program.publish(topic, b"from a program", 2)
        heard = {message.topic for message in observer.heard_until(lambda message: message.topic == PRESENCE)}
        assert heard & {*MAY_WRITE, "anything", "$CONTROL/dynamic-security/v1"} == set(MAY_WRITE[:-1])
    attempt.refused(f"the program {name} publishes", ", ".join(MAY_NOT_WRITE))


@pytest.mark.parametrize("user", ["lampi-daemon", LAMP, "nobody"])
def test_a_program_that_sends_a_username_is_refused_instead_of_deaf(
    installed: Installed, tmp_path: Path, attempt: Attempts, user: str
) -> None:
    for password in (None, "", "password"):
        with _program(installed, tmp_path / "program", "lampi-daemon", user=(user, password)) as program:
            assert not program.connected
            assert "uthori" in str(program.refusal)
    attempt.refused("a program with a username of its own", user)


def test_a_program_whose_certificate_is_revoked_is_refused(
    installed: Installed, tmp_path: Path, attempt: Attempts
) -> None:
    with _program(installed, tmp_path / "program", "lampi-daemon-2") as program:
        assert program.connected
    installed.cloud.command("ca", "revoke", "lampi-daemon-2")
    installed.broker.stop()
    installed.broker.start()
    pair = Pair(tmp_path / "program" / "daemon.crt", tmp_path / "program" / "daemon.key")
    with Caller(installed.broker.ports.programs, trusting(installed.ca, pair)) as revoked:
        assert not revoked.connected
    with installed.observer() as daemon:
        assert daemon.connected
    attempt.refused("a program", "with a certificate that is revoked")


def test_with_settings_for_each_listener_by_mistake_a_lamp_is_still_held_to_its_rules(
    installed: Installed, tmp_path: Path, attempt: Attempts
) -> None:
    """Another file of Mosquitto's may say so, before ours is read."""
    broker = installed.broker
    config = f"per_listener_settings true\n{cloud_broker(broker.folder, 'root', broker.ports, tests=False)}"
    broker.stop()
    with Mosquitto(tmp_path / "mistaken", broker.ports.programs, whole_config=config), installed.observer() as observer:
        observer.subscribe("devices/#")
        with installed.lamp(installed.lamp_pair(LAMP)) as lamp:
            lamp.subscribe("devices/#")
            lamp.publish(f"devices/{OTHER}/lamp/changed", b"stolen", 2)
            lamp.publish(f"devices/{LAMP}/lamp/associated", b"stolen", 2)
            lamp.publish(f"devices/{LAMP}/lamp/changed", b"own", 2)
            assert observer.heard_until(lambda message: message.payload == b"own") == []
            lamp.subscribe(f"devices/{LAMP}/lamp/associated")
            assert not lamp.has_heard_anything()
    attempt.refused("a lamp, with per_listener_settings", f"devices/{OTHER}/lamp/changed")
