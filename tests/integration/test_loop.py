"""The whole loop on real parts: Mosquitto, the daemon's process, the command line."""

import re
import subprocess

import pytest

from cloud.store.lamps import Lampi
from tests.support.cloud import DaemonProcess
from tests.support.loop import (
    ASSOCIATED,
    USER,
    WITHDRAWN,
    Loop,
    associated,
    code_in,
    opened_database,
    presence,
    retained_state,
    waiting,
)
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
STATE = presence(LAMP)


def test_a_new_lamp_makes_exactly_one_retained_message_of_qos_2(loop: Loop) -> None:
    port = str(loop.broker.port)
    subprocess.run(["mosquitto_pub", "-p", port, "-t", STATE, "-m", "1"], check=True)
    heard = loop.next()
    assert (heard.topic, heard.qos) == (f"devices/{LAMP}/lamp/associated", 2)
    code = code_in(heard.payload)
    kept = loop.broker.retained("devices/#")
    assert [(one.topic, one.payload, one.qos, one.retained) for one in kept.values()] == [
        (heard.topic, heard.payload, 2, True)
    ]
    assert loop.settled() == []
    assert retained_state(loop.broker, LAMP) == waiting(code)


def test_nothing_is_published_to_a_known_lamp(loop: Loop, daemon: DaemonProcess) -> None:
    code = loop.new_lamp(LAMP)
    loop.up(LAMP)
    loop.up(LAMP, b"0")
    loop.up(LAMP, b"1")
    assert loop.settled() == []
    loop.broker.publish(STATE, b"1", retain=True)  # what a new daemon hears at its start
    assert daemon.stop() == 0
    daemon.start()
    assert loop.settled() == []
    assert code_in(retained_state(loop.broker, LAMP) or b"") == code


def test_a_lamp_that_only_goes_down_is_no_lamp_yet(loop: Loop) -> None:
    loop.up(LAMP, b"0")
    assert loop.settled() == []
    assert LAMP not in loop.cloud.lamps()


@pytest.mark.parametrize("typed", ["0f1e10", " 0F1-E10 ", "of1-eIO", "OFLei0", "0f1e10" + "c" * 26])
def test_the_code_associates_the_lamp(loop: Loop, typed: str) -> None:
    loop.new_lamp(LAMP)
    with opened_database(loop.cloud):
        lampi = Lampi.named(LAMP)
        lampi.association_code = "0f1e10" + "c" * 26
        lampi.save()
        lampi.publish_unassociated_msg()
    assert loop.new_code(LAMP) == "0f1e10" + "c" * 26
    said = loop.cloud.command("associate", "--user", USER, "--", typed)
    assert said == f"The lamp {LAMP} (My LAMPI) now belongs to {USER}.\n"
    heard = loop.next()
    assert (heard.topic, heard.payload, heard.qos) == (associated(LAMP), ASSOCIATED, 2)
    assert loop.settled() == []
    assert retained_state(loop.broker, LAMP) == ASSOCIATED


def test_associating_is_seen_on_the_wire_within_a_second(loop: Loop) -> None:
    code = loop.new_lamp(LAMP)
    loop.cloud.command("associate", code[:6], "--user", USER)
    assert loop.next(seconds=1).payload == ASSOCIATED


def test_release_gives_a_new_code(loop: Loop) -> None:
    first = loop.new_lamp(LAMP)
    loop.cloud.command("associate", first, "--user", USER)
    assert loop.next().payload == ASSOCIATED
    loop.cloud.command("release", LAMP)
    second = loop.new_code(LAMP)
    assert second[:6] != first[:6]
    assert "No lamp found" in loop.cloud.command("associate", first, "--user", USER, status=1)
    loop.cloud.command("associate", second[:6], "--user", USER)
    assert loop.next().payload == ASSOCIATED


def test_forget_withdraws_the_message_and_the_next_one_is_a_new_lamp(loop: Loop) -> None:
    first = loop.new_lamp(LAMP)
    loop.cloud.command("forget", LAMP)
    heard = loop.next()
    assert (heard.topic, heard.payload, heard.qos) == (associated(LAMP), WITHDRAWN, 2)
    assert loop.broker.retained("devices/#").keys() == {associated(LAMP)}
    assert retained_state(loop.broker, LAMP) == WITHDRAWN
    assert LAMP not in loop.cloud.lamps()
    second = loop.new_lamp(LAMP)
    assert second[:6] != first[:6]


def test_a_lamp_deleted_in_the_shell_is_forgotten_too(loop: Loop) -> None:
    loop.new_lamp(LAMP)
    loop.cloud.command("shell", given=f'Lampi.get(Lampi.device_id == "{LAMP}").delete_instance()\n')
    assert loop.next().payload == WITHDRAWN
    assert retained_state(loop.broker, LAMP) == WITHDRAWN


def test_lamps_deleted_in_the_shell_by_a_query_are_forgotten_too(loop: Loop) -> None:
    loop.new_lamp(LAMP)
    loop.new_lamp("b827ebba0388")
    loop.cloud.command("shell", given=f'Lampi.delete().where(Lampi.device_id == "{LAMP}").execute()\n')
    heard = loop.next()
    assert (heard.topic, heard.payload) == (associated(LAMP), WITHDRAWN)
    assert loop.settled() == []


def test_lamps_shows_who_is_connected_and_whose(loop: Loop) -> None:
    code = loop.new_lamp(LAMP)
    shown = loop.cloud.lamps()[LAMP]
    assert (shown["name"], shown["user"], shown["connected"], shown["associated_at"]) == ("My LAMPI", None, True, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["created_at"])
    loop.cloud.command("associate", code, "--user", USER)
    loop.up(LAMP, b"0")
    wait_until(lambda: not loop.cloud.lamps()[LAMP]["connected"], "the lamp to be shown as away")
    shown = loop.cloud.lamps()[LAMP]
    assert shown["user"] == USER
    assert shown["associated_at"] > shown["created_at"]
    loop.up(LAMP)
    wait_until(lambda: loop.cloud.lamps()[LAMP]["connected"], "the lamp to be shown as connected again")
