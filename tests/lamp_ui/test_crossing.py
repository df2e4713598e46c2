"""The crossing to Kivy's thread, with Kivy's clock and without its window."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import os
import threading
import time

os.environ |= {"KIVY_NO_ARGS": "1", "KIVY_LOG_MODE": "PYTHON", "KIVY_CLOCK": "interrupt", "KCFG_GRAPHICS_MAXFPS": "20"}
from kivy.clock import Clock

from lamp_ui.view.app import EventCrossing
from lamp_ui.core.events import LampChanged, LinkChanged, PowerPressed, Touched
from lamp_ui.core.lamp_control import Knowledge
from lamp_ui.core.presenter import Environment, Presenter
from lamp_ui.core.status_page import About
from shared.protocol.payloads import LampConfig

presenter = Presenter(Environment(About("b827ebba0387", (), ""), str, lambda: None, 0), time.monotonic())
asked, rendered, withdrawn = [], [], []


def ask(config):
    asked.append(config)
    return len(asked) > 1


def run_until(done):
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        Clock.tick()


crossing = EventCrossing(presenter, rendered.append, ask, lambda: withdrawn.append(len(rendered)), None)
crossing.deliver(LinkChanged(True))
crossing.deliver(LampChanged(LampConfig(brightness=0.5, on=True, client="web")))
crossing.deliver_touch(PowerPressed())
run_until(lambda: asked)
assert asked == [LampConfig(brightness=0.5, on=False, client="lamp_ui")]
assert rendered[-1].main.knowledge is Knowledge.UNANSWERED  # it could not be sent
crossing.deliver_touch(PowerPressed())
run_until(lambda: rendered[-1].main.knowledge is Knowledge.PENDING)
run_until(lambda: rendered[-1].main.knowledge is Knowledge.UNANSWERED)
assert len(asked) == 2
assert len(withdrawn) == 1  # the one that was sent, and before the screen says that it failed
assert rendered[withdrawn[0] - 1].main.knowledge is Knowledge.PENDING
assert len(rendered) <= 4 + 2, len(rendered)  # four events, and twice something was due: between them it slept

# A finger does not wait for the pause between messages.
taken = []
for step in range(10):
    crossing.deliver(LampChanged(LampConfig(brightness=step / 10, client="web")))
    run_until(lambda: rendered[-1].main.lamp.brightness == step / 10)
    crossing.deliver_touch(Touched())
    seen, began = len(rendered), time.monotonic()
    run_until(lambda: len(rendered) > seen)
    taken.append(time.monotonic() - began)
assert min(taken) < 0.015, taken

# From another thread, while this one sleeps or renders: the last of many is shown, in far fewer frames.
before, pace, began = len(rendered), threading.Event(), time.monotonic()


def pour():
    for step in range(501):
        crossing.deliver(LampChanged(LampConfig(brightness=step / 500, client="web")))
        pace.wait(0.001)


threading.Thread(target=pour).start()
run_until(lambda: rendered[-1].main.lamp.brightness == 1.0)
assert len(rendered) - before <= 2 + 60 * (time.monotonic() - began), len(rendered)
"""


def test_a_lost_request_is_shown_and_of_many_events_the_last_counts(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={"KIVY_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
