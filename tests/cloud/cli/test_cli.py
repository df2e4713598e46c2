"""The command line: output, exit statuses and error messages."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cloud.cli import commands
from cloud.db.timestamps import utc_now
from cloud.services.claiming import associate_by_code, user_named
from cloud.store.lamps import Lampi, User
from tests.cloud.conftest import NOW
from tests.support.changes import use_up_changes

Run = Callable[..., Result]


def run_on(database_url: str) -> Run:
    def command(*words: str, given: str | None = None) -> Result:
        return CliRunner().invoke(commands, words, input=given, env={"LAMPI_DATABASE_URL": database_url})

    return command


@pytest.fixture
def run(database_url: str) -> Run:
    return run_on(database_url)


@pytest.fixture
def lampi(ada: User) -> Lampi:
    made: Lampi = Lampi.create(device_id="b827ebba0387", association_code="b71e09c4" * 4, created_at=NOW)
    return made


COMMANDS = ["", "migrate", "daemon", "user", "user add", "user list", "lamps", "associate", "release", "forget"]
COMMANDS += ["identify", "simulate", "shell", "rotate", "history", "user token", "user tokens", "user revoke"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    said = run(*command.split(), "--help")
    assert said.exit_code == 0
    assert said.output.startswith("Usage:")


def test_a_misspelt_setting_is_named_wherever_it_is_set(tmp_path: Path) -> None:
    """It would otherwise be as if it were not set: here, for another database."""
    file = tmp_path / "lampi.env"
    file.write_text("LAMPI_DATABSE_URL=sqlite:////srv/lampi.db\n")
    warning = "Warning: LAMPI_DATABSE_URL is not a setting; did you mean LAMPI_DATABASE_URL?"
    environment = {"LAMPI_DATABSE_URL": "sqlite:////srv/lampi.db"}
    with_file = CliRunner().invoke(commands, ("--settings", str(file), "lamps"), env={"LAMPI_DATABSE_URL": None})
    for said in (CliRunner().invoke(commands, ("lamps",), env=environment), with_file):
        assert warning in said.stderr.splitlines()


def test_migrate_says_what_it_did(empty_database_url: str) -> None:
    run = run_on(empty_database_url)
    said = run("migrate").output
    assert said.startswith("Applied 0001_lamps.\nApplied 0002_association.\nApplied 0003_durability.\n")
    again = run("migrate")
    assert "Applied" not in again.output
    assert "is up to date" in again.output


def test_users_are_added_and_listed(run: Run, lampi: Lampi) -> None:
    assert run("user", "add", "Bob").output == "Created the user Bob.\n"
    assert run("user", "list").output == "Bob\nada\n"
    refused = run("user", "add", "Bob")
    assert (refused.exit_code, refused.stderr) == (1, "Error: The username Bob is already taken.\n")


def test_lamps_as_a_table(run: Run, lampi: Lampi, ada: User) -> None:
    Lampi.create(device_id="b827ebba0388", name="Kitchen", user=ada, connected=True, created_at=NOW)
    assert run("lamps").output.splitlines() == [
        "DEVICE ID     NAME      OWNER  CONNECTED  CREATED",
        "b827ebba0387  My LAMPI  -      no         2026-11-23 12:00 UTC",
        "b827ebba0388  Kitchen   ada    yes        2026-11-23 12:00 UTC",
    ]


def test_lamps_as_json(run: Run, lampi: Lampi, ada: User) -> None:
    associate_by_code("b71e09", ada, NOW)
    assert json.loads(run("lamps", "--json").output) == [
        {
            "device_id": "b827ebba0387",
            "name": "My LAMPI",
            "user": "ada",
            "connected": False,
            "created_at": "2026-11-23T12:00:00.000Z",
            "associated_at": "2026-11-23T12:00:00.000Z",
            "stock_screen": False,
        }
    ]


def test_no_lamps(run: Run, ada: User) -> None:
    assert run("lamps").output == "No lamps yet.\n"
    assert json.loads(run("lamps", "--json").output) == []


def test_associate_by_code_names_the_lamp(run: Run, lampi: Lampi) -> None:
    done = run("associate", "B71 E09", "--user", "ada")
    assert (done.exit_code, done.output) == (0, "The lamp b827ebba0387 (My LAMPI) now belongs to ada.\n")
    refused = run("associate", "B71 E09", "--user", "ada")
    assert refused.exit_code == 1
    assert refused.stderr == "Error: No lamp found for this code. Check the code on the lamp's screen.\n"


def test_operators_associate_for_a_user_who_made_too_many_changes(run: Run, lampi: Lampi) -> None:
    use_up_changes(user_named("ada"), utc_now())
    assert run("associate", "B71 E09", "--user", "ada").exit_code == 0
    assert run("release", "b827ebba0387").exit_code == 0
    assert run("identify", "b827ebba0387").exit_code == 0


def test_associate_by_device_id(run: Run, lampi: Lampi) -> None:
    assert run("associate", "--device-id", "B8:27:EB:BA:03:87", "--user", "ada").exit_code == 0
    refused = run("associate", "--device-id", "b827ebba0387", "--user", "ada")
    assert (refused.exit_code, refused.stderr) == (1, "Error: The lamp b827ebba0387 already has an owner.\n")


@pytest.mark.parametrize("words", [["associate", "--user", "ada"], ["associate", "b71e09"]])
def test_associate_wants_a_user_and_a_lamp(run: Run, lampi: Lampi, words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_associate_takes_one_way_to_name_the_lamp(run: Run, lampi: Lampi) -> None:
    both = run("associate", "b71e09", "--device-id", "b827ebba0387", "--user", "ada")
    assert (both.exit_code, "either CODE or --device-id" in both.stderr) == (2, True)


@pytest.mark.parametrize("verb", ["release", "forget"])
@pytest.mark.parametrize("device_id", ["b827ebba038", "b827ebba03877", "zzzzzzzzzzzz", "", "' or 1=1", "../../etc"])
def test_invalid_ids_are_refused(run: Run, lampi: Lampi, verb: str, device_id: str) -> None:
    refused = run(verb, device_id)
    assert refused.exit_code == 2
    assert "is not a device id" in refused.stderr


def test_release_and_forget(run: Run, lampi: Lampi) -> None:
    assert run("release", "b827ebba0387").stderr == (
        "Error: The lamp b827ebba0387 has no owner; its screen shows its code.\n"
    )
    run("associate", "b71e09", "--user", "ada")
    assert run("release", "b827ebba0387").output == "Released the lamp b827ebba0387; its screen shows a new code.\n"
    assert run("forget", "b827ebba0387").output == "Deleted the lamp b827ebba0387.\n"
    assert run("forget", "b827ebba0387").exit_code == 1


def test_forget_warns_of_a_connected_lamp(run: Run, lampi: Lampi) -> None:
    Lampi.update(connected=True).execute()
    said = run("forget", "b827ebba0387")
    assert said.stdout == "Deleted the lamp b827ebba0387.\n"
    assert "Warning: the lamp b827ebba0387 is connected." in said.stderr
    assert said.exit_code == 0


def test_an_option_counts_more_than_the_environment(run: Run, lampi: Lampi) -> None:
    refused = run("lamps", "--database-url", "sqlite:///nowhere/lampi.db")
    assert (refused.exit_code, "There is no database nowhere/lampi.db" in refused.stderr) == (1, True)


def test_faulty_settings_are_reported_together(run: Run) -> None:
    refused = run("daemon", "--broker-url", "http://x", "--log-level", "loud", "--database-url", "x")
    assert refused.exit_code == 2
    assert [line.split(":")[1].strip() for line in refused.stderr.splitlines()] == [
        "LAMPI_BROKER_URL",
        "LAMPI_DATABASE_URL",
        "LAMPI_LOG_LEVEL",
    ]


def test_the_shell_has_the_models_at_hand(run: Run, lampi: Lampi) -> None:
    said = run("shell", given='print(Lampi.get(Lampi.device_id == "b827ebba0387"))\nLampi.get().delete_instance()\n')
    assert said.exit_code == 0
    assert "b827ebba0387" in said.output
    assert Lampi.select().count() == 0


def test_the_shell_tells_users_of_django_what_to_write(run: Run, lampi: Lampi) -> None:
    said = run("shell", given="Lampi.objects.all()\n")
    assert "Lampi is a peewee model: use Lampi.select() and Lampi.get(...), not Lampi.objects" in said.output
    assert lampi.device_id in repr(list(Lampi.select()))
    greeting = said.output.partition(">>>")[0]
    assert all(word in greeting for word in ("Lampi.select()", "Lampi.get(", "lampi.delete_instance()"))


def test_every_command_is_found_under_its_name() -> None:
    context = click.Context(commands)
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help


def test_a_command_is_quick_to_start() -> None:
    """None of what other commands need is imported: `lamps` knows neither passwords, certificates nor HTTP."""
    program = "import sys, cloud.cli.lamps; print(*{'argon2', 'cryptography', 'urllib3', 'flask'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
