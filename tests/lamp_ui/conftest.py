"""The real program on a virtual screen, whose log may never hold a code."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.screen import LAMP_SIZE, CloudVoice, Touchscreen

DEVICE_ID = "b827ebba0387"
CODE = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff"
OTHER_CODE = "5f02c8aa11d34e6b9c7d0e1f2a3b4c5d"

StartLamp = Callable[..., Touchscreen]


def unassociated(code: str = CODE, **members: object) -> bytes:
    return json.dumps({"associated": False, "code": code, **members}).encode()


@pytest.fixture
def cloud(broker: Mosquitto) -> CloudVoice:
    return CloudVoice(broker, DEVICE_ID)


@pytest.fixture
def start_lamp(broker: Mosquitto, tmp_path: Path) -> Iterator[StartLamp]:
    """Give what starts a touchscreen: ``start_lamp(size="240x320", **settings)``."""
    with ExitStack() as running:

        def start(size: str = LAMP_SIZE, **settings: str | None) -> Touchscreen:
            lamp = Touchscreen(tmp_path / f"lamp-{size}", broker, DEVICE_ID, size=size, settings=settings)
            running.callback(_judge, lamp)
            return lamp.start()

        yield start


def _judge(lamp: Touchscreen) -> None:
    lamp.stop()
    for code in (CODE, OTHER_CODE):
        assert code[:6] not in lamp.log
    assert lamp.log.count("Traceback") <= ("libmtdev.so.1: cannot open" in lamp.log)  # Kivy's own, at level DEBUG
