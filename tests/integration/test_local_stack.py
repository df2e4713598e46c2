"""`make run`: the whole loop on the local stack, as its user sees it."""

import os
import re
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest

from lamp_ui.geometry import theme
from tests.support.local_stack import ENDED, LocalStackProcess, processes_of
from tests.support.reading import read_code, read_hex, read_qr
from tests.support.screen import VirtualScreen
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
POPUP_TITLE = "│     Associate your Lamp      │"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "a desk"  # with a space in it, as people's folders have; test_odd_places.py has worse
    made.mkdir()
    return made


def test_the_whole_loop_with_exactly_the_commands_that_it_prints(folder: Path) -> None:
    with LocalStackProcess(folder) as stack:
        stack.wait_to_say("To associate it")
        assert f"The lamp {LAMP} is shown below (no display found)" in stack.said()
        assert POPUP_TITLE in stack.said()
        (associate,) = stack.commands()
        (code,) = stack.shown_codes()
        page = re.search(r"Web page: (http://127.0.0.1:\d+)/\n", stack.said())
        assert page is not None
        assert f"    {page[1]}/associate?code={code}\n" in stack.said()
        with urlopen(f"{page[1]}/sign-up", timeout=10) as answer:  # noqa: S310 - http, by the pattern
            assert answer.status == 200
        assert f" associate {code} --user you" in associate
        assert stack.type_command(associate) == f"The lamp {LAMP} (My LAMPI) now belongs to you.\n"
        stack.wait_to_say(f"The lamp {LAMP} is associated.")
        stack.wait_to_say("This lamp is associated.")
        stack.type_command(stack.commands()[-1])  # release, as it says
        stack.wait_to_say("To associate it", times=2)
        assert stack.shown_codes()[-1] != code
        assert stack.interrupt() == 0
    assert stack.said().endswith(ENDED)
    assert "Traceback" not in stack.said()
    assert processes_of(folder) == {}


def test_nothing_but_what_a_person_needs_is_printed(folder: Path) -> None:
    with LocalStackProcess(folder) as stack:
        stack.wait_to_say("To associate it")
        assert stack.interrupt() == 0
    assert stack.said().startswith("Broker mqtt://127.0.0.1:")
    assert [line for line in stack.said().splitlines() if "INFO" in line or "WARNING" in line] == []


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGHUP])
def test_other_ways_to_end_it_leave_nothing_either(folder: Path, stop: signal.Signals) -> None:
    with LocalStackProcess(folder) as stack:
        stack.wait_to_say("To associate it")
        stack.send(stop)
        assert stack.wait_to_end() == 0
    assert processes_of(folder) == {}


def test_ctrl_c_while_it_starts_leaves_nothing(folder: Path) -> None:
    with LocalStackProcess(folder) as stack:
        wait_until((folder / ".desk" / "lock").exists, "the stack to have begun")
        assert stack.interrupt() == 0
    assert "Traceback" not in stack.said()
    assert processes_of(folder) == {}


def test_the_second_run_goes_on_from_the_first(folder: Path) -> None:
    with LocalStackProcess(folder) as first:
        first.wait_to_say("To associate it")
        first.type_command(first.commands()[0])
        assert first.interrupt() == 0
    with LocalStackProcess(folder) as second:
        second.wait_to_say("is associated. To release it")
        assert second.shown_codes() == []


def test_a_killed_stack_leaves_nothing_running_and_can_be_run_again(folder: Path) -> None:
    stack = LocalStackProcess(folder).start()
    stack.wait_to_say("To associate it")
    assert any("mosquitto" in process for process in processes_of(folder).values())
    assert any("cloud daemon" in process for process in processes_of(folder).values())
    stack.send(signal.SIGKILL)
    stack.wait_to_end()
    wait_until(lambda: not processes_of(folder), "everything that the stack started to end")
    with LocalStackProcess(folder) as again:
        again.wait_to_say("To associate it")
        assert again.interrupt() == 0


def test_a_second_stack_in_the_same_folder_says_one_line(folder: Path) -> None:
    with LocalStackProcess(folder) as first:
        first.wait_to_say("To associate it")
        running = set(processes_of(folder))
        second = LocalStackProcess(folder, terminal="second.txt").start()
        assert second.wait_to_end() == 1
        assert second.said() == f"Error: Another 'make run' is using {folder}/.desk; stop it first.\n"
        assert set(processes_of(folder)) == running
        first.type_command(first.commands()[0])
        first.wait_to_say("This lamp is associated.")
        assert first.interrupt() == 0


def test_two_stacks_in_two_folders_do_not_interfere(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with LocalStackProcess(folder) as first, LocalStackProcess(other) as second:
        for stack in (first, second):
            stack.wait_to_say("To associate it")
        first.type_command(first.commands()[0])
        first.wait_to_say("This lamp is associated.")
        assert "This lamp is associated." not in second.said()


def test_a_program_that_does_not_start_is_named_with_its_log(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "programs" / "mosquitto"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho out of order; exit 3\n")
    broken.chmod(0o755)
    with LocalStackProcess(folder, settings={"PATH": f"{broken.parent}:{os.environ['PATH']}"}) as stack:
        assert stack.wait_to_end() == 1
    log = folder / ".desk" / "broker.log"
    assert stack.said() == f"Error: The program 'broker' failed to start; see {log}.\n"
    assert "out of order" in log.read_text()
    assert processes_of(folder) == {}


def test_a_daemon_that_dies_in_the_stack_is_back(folder: Path) -> None:
    with LocalStackProcess(folder) as stack:
        stack.wait_to_say("To associate it")
        (daemon,) = [pid for pid, command in processes_of(folder).items() if "cloud daemon" in command]
        os.kill(daemon, signal.SIGKILL)
        stack.type_command(stack.commands()[0])
        stack.wait_to_say("This lamp is associated.")


def test_with_a_display_the_lamp_is_a_window(folder: Path) -> None:
    with VirtualScreen("240x320") as screen, LocalStackProcess(folder, screen.display) as stack:
        stack.wait_to_say("To associate it")
        assert f"The lamp {LAMP} is shown in the window" in stack.said()
        assert POPUP_TITLE not in stack.said()
        (associate,) = stack.commands()
        code = associate.split(" associate ")[1][:6]
        wait_until(lambda: read_code(screen.grab()) == code, f"the window to show {code}", 40)
        (address,) = re.findall(r"^    (http://\S+)$", stack.said(), re.MULTILINE)
        assert read_qr(screen.grab()).startswith(address)
        stack.type_command(associate)
        stack.wait_to_say("is associated. To release it")
        wait_until(
            lambda: read_hex(screen.grab().crop((0, 0, 240, 30)), theme.DEVICE_ID, tolerance=40, last=4) == LAMP[-4:],
            "the popup to be gone",
        )
        assert stack.interrupt() == 0
    assert processes_of(folder) == {}
