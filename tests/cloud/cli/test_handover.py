"""`lampi-cloud offer` and `hand-over`."""

import json
import re
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from cloud.cli import commands
from cloud.services.claiming import associate_by_device_id
from cloud.store import claim_url
from cloud.store.lamps import Lampi, User
from cloud.store.offers import Offer
from tests.cloud.conftest import NOW

LAMP = "b827ebba0387"
Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str, ada: User, bob: User) -> Run:
    Lampi.create(device_id=LAMP)
    associate_by_device_id(LAMP, ada, NOW)

    def command(*words: str) -> Result:
        return CliRunner().invoke(commands, words, env={"LAMPI_DATABASE_URL": database_url})

    return command


def test_a_lamp_is_offered_and_taken(run: Run) -> None:
    claim_url.announce("https://lamps.example.com/associate")
    said = run("offer", "B8:27:EB:BA:03:87").output
    offer = Offer.get()
    assert f"Link: https://lamps.example.com/associate?code={offer.code}\n" in said
    (code,) = re.findall(r"^Code: (.*)$", said, re.MULTILINE)
    assert code.replace(" ", "") == offer.short_code
    refused = run("associate", code, "--user", "ada")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "Error: This is the code of your own offer. Give it to the lamp's new owner.\n",
    )
    assert run("associate", code, "--user", "bob").output == f"The lamp {LAMP} (My LAMPI) now belongs to bob.\n"
    last = run("history", "--limit", "1")
    assert re.search(rf"handed over {LAMP} by ada to bob, from command line", last.output)
    (row,) = json.loads(run("history", "--limit", "1", "--json").output)
    assert (row["event"], row["user"], row["new_owner"]) == ("handed over", "ada", "bob")
    assert offer.short_code not in run("history").output


def test_an_offer_is_withdrawn(run: Run) -> None:
    run("offer", LAMP)
    assert run("offer", LAMP, "--withdraw").output == f"Withdrew the offer of the lamp {LAMP}.\n"
    refused = run("offer", LAMP, "--withdraw")
    assert (refused.exit_code, refused.stderr) == (1, "Error: This lamp is not offered.\n")


def test_an_operator_hands_over(run: Run) -> None:
    assert run("hand-over", LAMP, "--user", "bob").output == f"The lamp {LAMP} (My LAMPI) now belongs to bob.\n"
    again = run("hand-over", LAMP, "--user", "bob")
    assert (again.exit_code, again.stderr) == (1, f"Error: The lamp {LAMP} already belongs to bob.\n")
    run("release", LAMP)
    for words in (("hand-over", LAMP, "--user", "bob"), ("offer", LAMP)):
        assert f"The lamp {LAMP} has no owner" in run(*words).stderr


@pytest.mark.parametrize("command", ["offer", "hand-over"])
def test_the_commands_explain_themselves(run: Run, command: str) -> None:
    assert run(command, "--help").output.startswith("Usage:")
