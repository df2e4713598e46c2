"""The OpenAPI document says what the API does, no more and no less."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from cloud.api.app import DOCUMENT
from cloud.auth.api_tokens import make_token
from cloud.db.timestamps import utc_now
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import associate_by_code
from cloud.store.lamps import Lampi, User
from tests.cloud.api.conftest import LAMP, LAMPS, Ask, register, request_reset

DESCRIPTION = json.loads(DOCUMENT.read_text())


def test_it_is_served_to_everyone(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.get_json() == DESCRIPTION
    assert DESCRIPTION["openapi"] == "3.1.0"


def test_it_has_every_route_and_no_other(app: Flask) -> None:
    routes = {
        (re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }
    described = {
        (path, method) for path, item in DESCRIPTION["paths"].items() for method in item if method != "parameters"
    }
    assert routes == described


def test_what_a_lamp_looks_like_is_exactly_described(ask: Ask, lamp: Lampi, ada: User) -> None:
    associate_by_code(lamp.association_code, ada, utc_now())
    answers = {"Lamp": ask("GET", f"{LAMPS}/{LAMP}"), "LampPage": ask("GET", LAMPS), "Problem": ask("GET", "/api/v1/x")}
    answers["Offer"] = ask("POST", f"{LAMPS}/{LAMP}/offer")
    for name, answer in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": DESCRIPTION["components"]}
        Draft202012Validator(schema).validate(answer.get_json(force=True))


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_schemathesis_finds_nothing(address: str, ada: User, lamp: Lampi, tmp_path: Path) -> None:
    announce(CodePolicy(risk=1.0, guesses_per_user=1_000_000, guesses_per_source=1_000_000))  # else it meets 429 alone
    associate_by_code(lamp.association_code, ada, utc_now() - timedelta(days=1))
    request_reset()
    register("b827ebba0388")
    for device_id in ("b827eb11c0de", "b827eb5a1e5c"):  # still Ada's when it has released LAMP
        associate_by_code(register(device_id).association_code, ada, utc_now())
    token = make_token(ada, "schemathesis", utc_now())
    in_order = '[phases.examples]\noperation-ordering = "none"\n'  # the reset is refused before the lamp is released
    (tmp_path / "schemathesis.toml").write_text(in_order)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/api/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {token}"),
            *("--checks", "all", "--mode", "all", "--max-examples", "25", "--seed", "7"),
            *("--no-color", "--max-response-time", "5"),
        ],
        cwd=tmp_path,
        env=os.environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNINGS" not in done.stdout, done.stdout  # such as that it never came to what is behind a limit
