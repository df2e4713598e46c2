"""Mosquitto logs no warning about the installed files: no deprecated option, no file with too open a mode."""

import os
import pwd
import re
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.ops.provisioning.broker_files import write_program_files
from cloud.ops.provisioning.rules import PASSWORDS, RULES, write_rules
from tests.support.bridge import CloudBroker, lamp_broker
from tests.support.broker import Mosquitto, listens
from tests.support.callers import Caller, Pair, trusting
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
_COMPLAINT = re.compile(r"warning|deprecated|recommended|future version|error", re.IGNORECASE)
_NO_COMPLAINTS = (
    "Mosquitto should not be run as root",  # as the lamps' do in tests that root runs
    # From 2.1 on. It would disconnect who exceeds it, again and again where that is a bridge with a message to deliver;
    # `message_size_limit` drops the message.
    "It is recommended to replace `message_size_limit` with `max_packet_size`",
    # The connections by which these tests see that it listens.
    "unexpected eof while reading",
    "Protocol error",
)


def _complaints(broker: Mosquitto) -> list[str]:
    lines = broker.log.read_text().splitlines()
    return [line for line in lines if _COMPLAINT.search(line) and not any(known in line for known in _NO_COMPLAINTS)]


def _user() -> str:
    """Return as whom Mosquitto runs where it can choose, which under root is as Debian's does."""
    try:
        return pwd.getpwnam("mosquitto").pw_name if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "root"


@pytest.fixture
def broker() -> Iterator[CloudBroker]:
    """Give the cloud's broker, started by us and run by its own user, in a folder that this user may enter."""
    with tempfile.TemporaryDirectory(prefix="lampi-broker-") as folder:
        Path(folder).chmod(0o755)
        place = Path(folder) / "broker"
        made = CloudBroker(place, tests=False, user=_user())
        if os.geteuid() == 0:
            user = pwd.getpwnam(_user())
            os.chown(place, user.pw_uid, user.pw_gid)
        with made:
            yield made


def test_the_cloud_s_broker_starts_and_reloads_without_a_warning(broker: CloudBroker, tmp_path: Path) -> None:
    write_program_files(broker.authorities, "lampi-daemon", tmp_path, utc_now())
    daemon = trusting(tmp_path / "ca.crt", Pair(tmp_path / "daemon.crt", tmp_path / "daemon.key"))
    assert _complaints(broker) == []
    broker.send(signal.SIGHUP)
    wait_until(lambda: "Reloading config" in broker.log.read_text(), "the broker to reload")
    with Caller(broker.ports.programs, daemon) as caller:  # it answers when it is through with that
        assert caller.connected
    assert _complaints(broker) == []
    broker.stop()
    broker.start()
    assert _complaints(broker) == []


def test_a_lamp_s_broker_starts_without_a_warning(broker: CloudBroker, tmp_path: Path) -> None:
    with lamp_broker(tmp_path / "lamp", LAMP, broker) as at_lamp:
        wait_until(lambda: at_lamp.retained("$SYS/broker/connection/#"), "the bridge to say that it is up")
        assert _complaints(at_lamp) == []


def test_what_is_too_open_is_put_right_and_what_is_written_stays(broker: CloudBroker) -> None:
    rules, folder = broker.folder / "lampi" / RULES, broker.folder / "lampi"
    rules.write_text("# mine\n" + rules.read_text())
    for name in (RULES, PASSWORDS):
        (folder / name).chmod(0o644)
        if os.geteuid() == 0:
            os.chown(folder / name, 0, 0)
    write_rules(broker.authorities, folder, utc_now(), _user())
    assert rules.read_text().startswith("# mine\n")
    for name in (RULES, PASSWORDS):
        found = (folder / name).stat()
        assert (stat.S_IMODE(found.st_mode), pwd.getpwuid(found.st_uid).pw_name) == (0o640, _user())
    broker.stop()
    broker.start()
    assert listens(broker.ports.programs)
    assert _complaints(broker) == []
