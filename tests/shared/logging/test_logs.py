"""The log: one line per record, on standard error, in UTC."""

import json
import re
import subprocess
import sys

import pytest

from shared.logs import parse_format, parse_level

PROGRAM = """
import logging
from shared.logs import start_logging
start_logging("INFO")
logging.getLogger("early.part").info("up")
start_logging("INFO")
logging.getLogger("some.part").debug("unheard")
logging.getLogger("some.part").warning("said %s", "once")
"""


def test_a_line_says_when_how_grave_where_and_what() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "Pacific/Kiritimati", "PYTHONPATH": ":".join(sys.path)},
    )
    assert ran.stdout == ""
    early, line = ran.stderr.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ WARNING some\.part: said once", line)
    assert early.endswith("INFO early.part: up")


def test_the_instant_is_in_utc() -> None:
    program = """
import logging
from shared.logs import start_logging
start_logging("INFO")
record = logging.makeLogRecord({"levelno": 20, "levelname": "INFO", "name": "x", "msg": "m", "created": 0.0})
logging.getLogger().handle(record)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "Pacific/Kiritimati", "PYTHONPATH": ":".join(sys.path)},
    )
    assert ran.stderr == "1970-01-01T00:00:00Z INFO x: m\n"


@pytest.mark.parametrize("text", ["info", " INFO\n", "Info"])
def test_a_level_is_read_however_it_is_written(text: str) -> None:
    assert parse_level(text) == "INFO"


@pytest.mark.parametrize("text", ["", "loud", "NOTSET", "20"])
def test_another_level_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="none of DEBUG, INFO, WARNING, ERROR"):
        parse_level(text)


def test_a_refusal_is_one_short_line() -> None:
    with pytest.raises(ValueError, match="none of") as refusal:
        parse_level("x\n" * 1000)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 250


JSON_PROGRAM = """
import logging
from shared.logs import about, start_logging
start_logging("INFO", "json")
log = logging.getLogger("some.part")
log.info("New lamp %s", "b827ebba0387", extra=about("b827ebba0387"))
try:
    raise ValueError("two\\nlines")
except ValueError:
    log.exception("said\\n\\u2028 %s", "once")
"""


def test_in_json_every_record_is_an_object_on_one_line() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", JSON_PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "Pacific/Kiritimati", "PYTHONPATH": ":".join(sys.path)},
    )
    new, fault = (json.loads(line) for line in ran.stderr.splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", new.pop("time"))
    assert new == {
        "level": "INFO",
        "logger": "some.part",
        "message": "New lamp b827ebba0387",
        "device_id": "b827ebba0387",
    }
    assert (fault["level"], fault["message"]) == ("ERROR", "said\n\u2028 once")
    assert fault["traceback"].endswith("ValueError: two\nlines")
    assert "device_id" not in fault


def test_a_format_is_read_however_it_is_written_and_another_is_refused() -> None:
    assert parse_format(" JSON\n") == "json"
    with pytest.raises(ValueError, match="none of text, json"):
        parse_format("xml")
