"""Runs the calls in the API's README exactly as written."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from cloud.auth.api_tokens import make_token
from cloud.db.timestamps import utc_now
from cloud.store.lamps import Lampi, User
from tests.cloud.api.conftest import LAMP

README = Path(__file__).parents[3] / "cloud" / "api" / "README.md"


@pytest.mark.server
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_the_readme_says_works(address: str, ada: User, lamp: Lampi) -> None:
    Lampi.update(association_code="b71e09" + "0" * 26).execute()
    (block,) = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    calls = re.findall(r"^curl .*?(?<!\\)\n", block, re.MULTILINE | re.DOTALL)
    environment = os.environ | {"TOKEN": make_token(ada, "readme", utc_now())}
    said = []
    for call in calls:
        shown = call.replace("http://localhost:8000", address).strip() + " -w '\\n%{http_code}'"
        done = subprocess.run(["bash", "-c", shown], env=environment, capture_output=True, text=True, check=True)
        body, _, status = done.stdout.rpartition("\n")
        said.append((int(status), json.loads(body or "null")))
    assert [status for status, _ in said] == [202, 201, 200, 200, 200, 200, 202, 201, 204]
    assert said[0][1]["device_id_ending"] == LAMP[-4:]
    assert said[2][1]["lamps"] == [said[1][1]]
    assert said[4][1] == {**said[3][1], "name": "Room 12"}
    assert said[6][1]["request"]["outcome"] == "pending"
    assert set(said[7][1]) == {"code", "link", "until"}
    assert Lampi.named(LAMP).user_id is None
