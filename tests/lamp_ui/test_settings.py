"""Settings come from names and strings, all faults come out together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lamp_ui.settings import Config, WindowSize, read_config
from shared.mqtt.broker_url import BrokerUrl
from shared.settings import BadSettings

ROOT = Path(__file__).parents[2]
OWN_ID = "b827ebba0387"


def read(**values: str) -> Config:
    return read_config(values, find_device_id=lambda: OWN_ID)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LAMPI_")}
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lamp_ui", *arguments],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines on standard error, without those of `-X importtime`."""
    return [line for line in result.stderr.splitlines() if not line.startswith("import time:")]


def imports_kivy(result: subprocess.CompletedProcess[str]) -> bool:
    return any(line.rpartition("|")[2].strip().startswith("kivy") for line in result.stderr.splitlines())


def test_nothing_set_means_the_defaults() -> None:
    assert read() == Config(
        broker=BrokerUrl("localhost", 1883),
        device_id=OWN_ID,
        topic_prefix=f"devices/{OWN_ID}/",
        log_level="INFO",
        log_format="text",
        window_size=None,
        language="en",
        motion=True,
        dim_after_seconds=60.0,
    )


def test_every_setting_is_taken() -> None:
    config = read(
        LAMPI_BROKER_URL="mqtts://lamp:secret@broker.example:8884",
        LAMPI_DEVICE_ID="B8:27:EB:00:00:01",
        LAMPI_TOPIC_PREFIX="home/lamps/1/",
        LAMPI_LOG_LEVEL="debug",
        LAMPI_LOG_FORMAT="JSON",
        LAMPI_SIZE="480x320",
        LAMPI_LANGUAGE="DE",
        LAMPI_MOTION="off",
        LAMPI_DIM_AFTER_SECONDS="2.5",
        LAMPI_BRIDGE_SUFFIXES="_lampi_broker",
    )
    assert config.bridge_names.suffixes == ("_lampi_broker",)
    assert config.broker == BrokerUrl("broker.example", 8884, tls=True, username="lamp", password="secret")
    assert config.device_id == "b827eb000001"
    assert config.topic_prefix == "home/lamps/1/"
    assert (config.log_level, config.log_format) == ("DEBUG", "json")
    assert config.window_size == WindowSize(480, 320)
    assert (config.language, config.motion, config.dim_after_seconds) == ("de", False, 2.5)


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "de_AT.UTF-8"}, "de"),
        ({"LANG": "de_DE", "LAMPI_LANGUAGE": "en"}, "en"),
    ],
)
def test_the_language_is_that_of_the_environment_unless_a_setting_names_one(
    environment: dict[str, str], language: str
) -> None:
    assert read(**environment).language == language


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAMPI_LANGUAGE", "fr"),
        ("LAMPI_LANGUAGE", ""),
        ("LAMPI_MOTION", "yes"),
        ("LAMPI_DIM_AFTER_SECONDS", "-1"),
        ("LAMPI_DIM_AFTER_SECONDS", "nan"),
        ("LAMPI_DIM_AFTER_SECONDS", "1e3"),
        ("LAMPI_DIM_AFTER_SECONDS", "86401"),
        ("LAMPI_DIM_AFTER_SECONDS", ""),
    ],
)
def test_what_the_screen_can_not_do_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        read(**{name: value})


def test_the_prefix_follows_the_device_id() -> None:
    assert read(LAMPI_DEVICE_ID="b827eb000001").topic_prefix == "devices/b827eb000001/"


def test_a_prefix_that_is_set_but_empty_is_the_empty_prefix() -> None:
    assert read(LAMPI_TOPIC_PREFIX="").topic_prefix == ""


def test_the_machine_is_not_asked_for_an_id_that_a_setting_names() -> None:
    def ask() -> str:
        raise AssertionError("asked")

    assert read_config({"LAMPI_DEVICE_ID": OWN_ID}, find_device_id=ask).device_id == OWN_ID


@pytest.mark.parametrize("prefix", ["devices/#/", "devices/+/", "devices", "a\x00b/", "a\nb/"])
def test_a_prefix_that_no_topic_can_have_is_refused(prefix: str) -> None:
    with pytest.raises(BadSettings, match="LAMPI_TOPIC_PREFIX"):
        read(LAMPI_TOPIC_PREFIX=prefix)


@pytest.mark.parametrize(
    "size",
    [
        "",
        "240",
        "240x",
        "240*320",
        "-240x320",
        "24x32",
        "239x320",
        "240x319",
        "240x4097",
        "\u0662\u0664\u0660x320",
        "240x320x24",
    ],
)
def test_a_size_that_no_window_can_have_is_refused(size: str) -> None:
    with pytest.raises(BadSettings, match="LAMPI_SIZE"):
        read(LAMPI_SIZE=size)


@pytest.mark.parametrize("size", ["240x320", "320x240", " 240X4096 ", "1000x1000"])
def test_a_size_that_a_window_can_have_is_taken(size: str) -> None:
    width, height = size.strip().lower().split("x")
    assert read(LAMPI_SIZE=size).window_size == WindowSize(int(width), int(height))


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(BadSettings) as bad:
        read(
            LAMPI_BROKER_URL="http://broker",
            LAMPI_DEVICE_ID="lamp",
            LAMPI_TOPIC_PREFIX="#",
            LAMPI_LOG_LEVEL="LOUD",
            LAMPI_SIZE="big",
        )
    assert [fault.partition(":")[0] for fault in bad.value.faults] == [
        "LAMPI_BROKER_URL",
        "LAMPI_DEVICE_ID",
        "LAMPI_TOPIC_PREFIX",
        "LAMPI_LOG_LEVEL",
        "LAMPI_SIZE",
    ]


def test_the_command_reports_all_faults_a_line_each_and_ends_with_2_before_kivy_is_there() -> None:
    result = run("--size", "big", LAMPI_BROKER_URL="http://lamp:secret@broker", LAMPI_LOG_LEVEL="LOUD")
    assert result.returncode == 2
    assert len(said(result)) == 3
    assert "secret" not in result.stderr
    assert not imports_kivy(result)


@pytest.mark.parametrize("display", ["", ":65000"])
def test_without_a_display_it_says_so_and_ends_with_1(tmp_path: Path, display: str) -> None:
    nowhere = {"DISPLAY": display, "WAYLAND_DISPLAY": "", "KIVY_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    result = run("--size", "240x320", LAMPI_DEVICE_ID=OWN_ID, **nowhere)
    assert result.returncode == 1
    assert len(said(result)) == 2
    assert "No display can be opened" in said(result)[1]


def test_an_option_wins_over_the_environment() -> None:
    result = run("--device-id", "no lamp", "--log-level", "LOUD", LAMPI_DEVICE_ID=OWN_ID)
    assert [line.partition(":")[0] for line in said(result)] == ["LAMPI_DEVICE_ID", "LAMPI_LOG_LEVEL"]


def test_help_names_every_setting_without_kivy() -> None:
    result = run("--help")
    assert result.returncode == 0
    for name in (
        "LAMPI_BROKER_URL",
        "LAMPI_DEVICE_ID",
        "LAMPI_TOPIC_PREFIX",
        "LAMPI_LOG_LEVEL",
        "LAMPI_LANGUAGE",
        "--size",
    ):
        assert name in result.stdout
    assert not imports_kivy(result)
