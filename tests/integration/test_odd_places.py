"""Unusual locales, users and folders: no output and no start depends on them."""

import os
from pathlib import Path

import pytest

from cloud.ops.deploy.package_files import PROJECT
from cloud.store.lamps import Lampi
from tests.support.cloud import Cloud
from tests.support.local_stack import LocalStackProcess
from tests.support.loop import opened_database

LAMP = "b827ebba0387"
UNSHOWABLE = "Łampe ☀"


EIGHT_BITS = {"PYTHONIOENCODING": "iso8859-1"}
"""A terminal as LC_ALL=de_DE.iso88591 sets it, without that locale installed."""


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("user", "list"), "\\u0141ukasz"),
        (("lamps",), "\\u0141ampe \\u2600"),
        (("lamps", "--json"), "\\u0141ampe \\u2600"),
        (("history",), "user added \\u0141ukasz"),
        (("associate", "000000", "--user", "no ☀"), "There is no user 'no \\u2600'"),
    ],
)
def test_a_command_escapes_what_the_terminal_can_not_show(cloud: Cloud, words: tuple[str, ...], shown: str) -> None:
    cloud.command("user", "add", "Łukasz")
    with opened_database(cloud):
        Lampi.create(device_id=LAMP, name=UNSHOWABLE)
    cloud.environment |= EIGHT_BITS
    said = cloud.command(*words, status=1 if words[0] == "associate" else 0)
    assert shown in said
    assert "Traceback" not in said


def test_status_escapes_what_the_terminal_can_not_show(cloud: Cloud) -> None:
    cloud.environment |= EIGHT_BITS | {"LAMPI_DATABASE_URL": f"sqlite:///{cloud.folder}/☀.db"}
    said = cloud.command("status", status=2)
    assert f"{cloud.folder}/\\u2600.db" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"LC_ALL": "no_such.locale"}])
def test_in_a_locale_without_an_encoding_of_its_own_everything_is_shown(cloud: Cloud, locale: dict[str, str]) -> None:
    """Python takes UTF-8 for the locale C, and click for ASCII."""
    cloud.command("user", "add", "Łukasz")
    cloud.environment |= locale
    assert "Łukasz" in cloud.command("user", "list").splitlines()


def test_an_argument_that_is_no_text_is_refused(cloud: Cloud) -> None:
    said = cloud.command("user", "add", "\udcff", status=1)
    assert said.count("\n") == 1


def test_the_stack_draws_its_lamp_on_any_terminal(tmp_path: Path) -> None:
    with LocalStackProcess(tmp_path, settings=EIGHT_BITS) as stack:
        stack.wait_to_say("To associate it")
        assert "|     Associate your Lamp      |" in stack.said()
        assert stack.interrupt() == 0
    assert "Traceback" not in stack.said()


@pytest.mark.parametrize("name", ["100%(here)s %", 'C# & "co"', "l'été $HOME"])
def test_the_stack_works_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with LocalStackProcess(folder) as stack:
        stack.wait_to_say("To associate it")
        stack.type_command(stack.commands()[0])
        stack.wait_to_say("This lamp is associated.")
        assert stack.interrupt() == 0


def test_the_stack_needs_no_name_for_its_user(tmp_path: Path) -> None:
    """Have every program find no passwd entry for its user, and environment variables that name a different one."""
    (tmp_path / "sitecustomize.py").write_text(
        "import pwd\n\ndef _none(uid):\n    raise KeyError(uid)\n\npwd.getpwuid = _none\n"
    )
    names = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "no-such-user")
    path = os.pathsep.join([str(tmp_path), str(PROJECT)])
    with LocalStackProcess(tmp_path, settings=names | {"PYTHONPATH": path}) as stack:
        stack.wait_to_say("To associate it")
        stack.type_command(stack.commands()[0])
        stack.wait_to_say("This lamp is associated.")
        assert stack.interrupt() == 0
