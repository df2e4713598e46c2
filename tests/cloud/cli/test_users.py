"""`lampi-cloud user password`: an operator sets a password."""

import pytest
from click.testing import CliRunner, Result

from cloud.auth import accounts, sessions
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


def give(database_url: str, name: str, line: str) -> Result:
    return CliRunner().invoke(
        commands, ["user", "password", name], input=line, env={"LAMPI_DATABASE_URL": database_url}
    )
