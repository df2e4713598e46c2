"""Several fingers on the real widgets: one counts at a time, and the touch that wakes the screen does nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.screen import VirtualScreen

ROOT = Path(__file__).parents[2]

PROGRAM = """
import time
from datetime import UTC, datetime
from lamp_ui.__main__ import _prepare_kivy
from lamp_ui.settings import read_config

config = read_config({"LAMPI_DEVICE_ID": "b827ebba0387", "LAMPI_SIZE": "240x320"})
_prepare_kivy(config)

from kivy.clock import Clock
from kivy.core.window import Window
from kivy.input.motionevent import MotionEvent
from lamp_ui.core import one_finger
from lamp_ui.core.events import *
from lamp_ui.core.lamp_control import Control
from lamp_ui.geometry.layout import place_main
from lamp_ui.core.presenter import Presenter, Environment
from lamp_ui.core.status_page import About, MachineFacts
from lamp_ui.view.root import LampView
from shared.protocol.payloads import Associated, Color, LampConfig

facts = MachineFacts((), datetime(2026, 1, 1, tzinfo=UTC))
presenter = Presenter(Environment(About("b827ebba0387", (), ""), str, lambda: facts, 60), 0)
for event in (LinkChanged(True), LampChanged(LampConfig(Color(0.1, 0.9), 0.5, True)), AssociationChanged(Associated())):
    presenter.receive(event, 0)
emitted = []
view = LampView(emitted.append, motion=False, veil=True, size_hint=(None, None))
Window.add_widget(view)
view.size = 240, 320
now = [1000.0]
time.monotonic = lambda: now[0]


class Touch(MotionEvent):
    def __init__(self, uid, x, y, device="mtdev"):
        super().__init__(device, uid, {}, is_touch=True, type_id="touch")
        self.profile = ["pos"]
        self.to(x, y)

    def depack(self, args):
        pass

    def to(self, x, y):
        self.sx, self.sy, self.pos = x / 240, y / 320, (x, y)
        self.x, self.y = x, y

    def _grabbed(self, name):
        for reference in list(self.grab_list):
            self.grab_current = reference()
            getattr(self.grab_current, name)(self)
        self.grab_current = None

    def down(self):
        view.on_touch_down(self)
        return self

    def move(self, x, y):
        self.to(x, y)
        view.on_touch_move(self)
        self._grabbed("on_touch_move")

    def up(self):
        view.on_touch_up(self)
        self._grabbed("on_touch_up")


def render(at):
    view.render(presenter.view_state(at))
    for _ in range(3):
        Clock.tick()


def of(kind):
    found = [event for event in emitted if isinstance(event, kind)]
    emitted.clear()
    return found


render(0)
layout = place_main(240, 320)
track = dict(zip(Control, layout.sliders))[Control.BRIGHTNESS]
y = track.y + 0.35 * track.height
disc = layout.power.x + layout.power.width / 2, layout.power.y + layout.power.height / 2
"""

REPLACED = """
resting = Touch(1, 60, y).down()
of(object)
now[0] += one_finger.LOST_SECONDS
second = Touch(2, 180, y).down()
assert [type(event) for event in emitted if not isinstance(event, Touched)][-2:] == [ControlLetGo, ControlMoved]
of(object)
resting.move(70, y)
assert of(object) == []
second.move(190, y)
(moved,) = of(ControlMoved)
assert moved.value > 0.7, moved
resting.up()
assert of(object) == []
second.move(170, y)
assert len(of(ControlMoved)) == 1
second.up()
assert of(ControlLetGo) == [ControlLetGo(Control.BRIGHTNESS)]
"""

SLIDER = """
slider = next(child for child in view.children[-1].children if getattr(child, "_control", None) is Control.BRIGHTNESS)
first, second = Touch(1, 60, y), Touch(2, 180, y)
slider.on_touch_down(first)
of(object)
slider.on_touch_down(second)
assert [type(event) for event in of(object)] == [ControlLetGo, ControlMoved]
assert first.grab_list == []
"""

LOST = """
Touch(1, *disc).down()
now[0] += one_finger.LOST_SECONDS - 1
Touch(2, *disc).down().up()
assert of(PowerPressed) == []
now[0] += 1
for uid in (3, 4):
    Touch(uid, *disc).down().up()
    assert of(PowerPressed) == [PowerPressed()]
"""

WAKING = """
render(60)
assert view._dimmed
waking = Touch(1, *disc).down()
for event in of(object):
    presenter.receive(event, 60)
render(60)
assert not view._dimmed
render(1000)
assert not view._dimmed  # under the finger
waking.up()
assert of(PowerPressed) == []
"""

RESTING = """
resting = Touch(1, *disc).down()
for event in of(object):
    presenter.receive(event, 1)
render(1000)
assert not view._dimmed
resting.up()
assert of(PowerPressed) == [PowerPressed()]
"""


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(REPLACED, id="a-finger-that-is-replaced-is-let-go"),
        pytest.param(SLIDER, id="a-slider-lets-go-of-the-first-finger"),
        pytest.param(LOST, id="a-lost-touch-up-does-not-block-the-screen"),
        pytest.param(WAKING, id="the-touch-that-wakes-does-not-act"),
        pytest.param(RESTING, id="the-screen-does-not-dim-under-a-finger"),
    ],
)
def test_fingers(tmp_path: Path, steps: str) -> None:
    with VirtualScreen() as screen:
        environment = os.environ | {
            "DISPLAY": screen.display,
            "KIVY_HOME": str(tmp_path),
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM + steps],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
