"""Unanswered requests: they are undone on the screen, and don't take effect later."""

import signal

from lamp_ui.core.lamp_control import Control
from tests.lamp_ui.conftest import StartLamp
from tests.lamp_ui.test_touch import PREFIX
from tests.support.broker import Mosquitto
from tests.support.lamp_service import LampService
from tests.support.touches import boxes, tap
from tests.support.waiting import wait_until


def test_a_tap_without_a_broker_does_nothing_then_or_later(start_lamp: StartLamp, broker: Mosquitto) -> None:
    with LampService(broker.port, PREFIX) as service:
        lamp = start_lamp()
        lamp.wait_for_text("Red")
        broker.kill()
        lamp.wait_for_text("Not connected")
        lamp.wait_for_text("Unknown")
        tap(lamp, boxes(lamp)["power"])
        tap(lamp, boxes(lamp)[Control.HUE])
        broker.start()
        service.say_again()
        lamp.wait_for_text("Red")
        lamp.wait_for_text("On")
        tap(lamp, boxes(lamp)["power"])
        wait_until(lambda: service.requests, "a request")
        assert [request["on"] for request in service.requests] == [False]
        assert service.requests[0]["color"]["h"] == 1.0


def test_a_tap_while_the_broker_hangs_does_nothing_then_or_later(start_lamp: StartLamp, broker: Mosquitto) -> None:
    with LampService(broker.port, PREFIX) as service:
        lamp = start_lamp()
        lamp.wait_for_text("Red")
        broker.send(signal.SIGSTOP)
        try:
            tap(lamp, boxes(lamp)["power"])
            lamp.wait_for_text("Off")
            lamp.wait_for_text("Not connected")
            assert "does not confirm a message in time" in lamp.log
        finally:
            broker.send(signal.SIGCONT)
        lamp.wait_for_text("Red")
        assert "On" in lamp.text()
        # What it sends now comes after anything that was under way.
        tap(lamp, boxes(lamp)[Control.SATURATION], across=0.001)
        wait_until(lambda: service.requests, "a request")
        assert [(request["on"], request["color"]["s"]) for request in service.requests] == [(True, 0.0)]


def test_a_lamp_that_does_not_answer_is_shown_as_it_was(start_lamp: StartLamp, broker: Mosquitto) -> None:
    with LampService(broker.port, PREFIX):
        pass  # it said once what the lamp shows, which is retained, and is gone
    lamp = start_lamp()
    lamp.wait_for_text("Red")
    tap(lamp, boxes(lamp)["power"])
    lamp.wait_for_text("Off")
    lamp.wait_for_text("it last reported.")
    assert "On" in lamp.text()
