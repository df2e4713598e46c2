"""`lampi-cloud user` and its subcommands."""

import pytest
from click.testing import CliRunner, Result

from cloud.auth import accounts, recovery_codes, sessions
from cloud.auth.passkeys import Passkey
from cloud.cli import commands
from cloud.store.lamps import User
from tests.cloud.conftest import NOW


@pytest.mark.parametrize("line", ["correct horse battery\n", "correct horse battery\r\nmore", "correct horse battery"])
def test_a_password_from_standard_input(database_url: str, ada: User, line: str) -> None:
    token = sessions.begin(ada, NOW)
    done = give(database_url, "ada", line)
    assert (done.exit_code, done.output) == (0, "Set the password of ada.\n")
    assert accounts.sign_in("ada", "correct horse battery", "", NOW) == ada
    assert sessions.user_of(token, NOW) is None


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("bob", "correct horse battery\n", "Error: There is no user 'bob'; create one with 'lampi-cloud user add'.\n"),
        ("ada", "", "Error: A password must have 10 to 200 characters.\n"),
        ("ada", "short\n", "Error: A password must have 10 to 200 characters.\n"),
    ],
)
def test_one_that_can_not_be_given(database_url: str, ada: User, name: str, line: str, said: str) -> None:
    refused = give(database_url, name, line)
    assert (refused.exit_code, refused.stderr) == (1, said)
    assert User.get().password_hash is None


def test_an_operator_may_add_a_name_that_looks_like_another_and_is_told(database_url: str, ada: User) -> None:
    done = CliRunner().invoke(commands, ["user", "add", "ADA"], env={"LAMPI_DATABASE_URL": database_url})
    assert (done.exit_code, done.stdout) == (0, "Created the user ADA.\n")
    assert done.stderr == "Note: ADA looks like the existing user ada.\n"
    done = CliRunner().invoke(commands, ["user", "add", "eve"], env={"LAMPI_DATABASE_URL": database_url})
    assert (done.exit_code, done.stderr) == (0, "")


def test_keys_are_listed_and_removed_with_a_new_password(database_url: str, ada: User) -> None:
    kept = {"credential_id": "AAAA", "user_handle": "AAAA", "public_key": "AAAA", "sign_count": 0}
    Passkey.create(user=ada, name="Phone", created_at=NOW, **kept)
    recovery_codes.make_codes(ada, NOW, "")
    listed = run(database_url, "user", "keys", "ada")
    assert listed.stdout == "   1  Phone  added 2026-11-23 12:00 UTC, never used\nRecovery codes left: 10\n"
    assert give(database_url, "ada", "correct horse battery", "--remove-keys").exit_code == 0
    assert run(database_url, "user", "keys", "ada").stdout == "Recovery codes left: 0\n"


def test_an_operator_signs_a_user_out(database_url: str, ada: User) -> None:
    token = sessions.begin(ada, NOW)
    done = run(database_url, "user", "sign-out", "ada")
    assert (done.exit_code, done.output) == (0, "Signed ada out everywhere.\n")
    assert sessions.user_of(token, NOW) is None


def run(database_url: str, *words: str) -> Result:
    return CliRunner().invoke(commands, words, env={"LAMPI_DATABASE_URL": database_url})


def give(database_url: str, name: str, line: str, *options: str) -> Result:
    return CliRunner().invoke(
        commands, ["user", "password", name, *options], input=line, env={"LAMPI_DATABASE_URL": database_url}
    )
