"""The link to a broker that behaves: a real Mosquitto, stopped, killed and started again."""

import logging
import queue
import subprocess
import sys
from pathlib import Path

import pytest

from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Message, Publication, Subscription
from tests.shared.mqtt.links import listening, running, warnings
from tests.support.broker import Heard, Mosquitto
from tests.support.waiting import DEADLINE_SECONDS, wait_until

UP = Publication("client/state", b"1", qos=2, retain=True)
DOWN = Publication("client/state", b"0", qos=2, retain=True)


def test_receives_what_the_broker_retains_and_what_comes_later(broker: Mosquitto) -> None:
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    broker.publish("a/b", b"kept", retain=True)
    with listening(broker, Subscription("a/+", 2, heard.put)):
        broker.publish("a/c", b"new", qos=2)
        assert heard.get(timeout=DEADLINE_SECONDS) == Message("a/b", b"kept", retained=True)
        assert heard.get(timeout=DEADLINE_SECONDS) == Message("a/c", b"new", retained=False)


def test_the_will_speaks_for_a_program_that_was_killed(broker: Mosquitto) -> None:
    program = f"""
import threading
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient, Publication
MqttClient(
    BrokerUrl("127.0.0.1", {broker.port}),
    "victim",
    will=Publication("client/state", b"0", qos=2, retain=True),
    birth=Publication("client/state", b"1", qos=2, retain=True),
).start()
threading.Event().wait()
"""
    with broker.hear(UP.topic) as ear, subprocess.Popen([sys.executable, "-c", program]) as victim:
        try:
            assert ear.next().payload == b"1"
        finally:
            victim.kill()
        assert ear.next().payload == b"0"
    assert broker.retained(UP.topic) == {UP.topic: Heard(UP.topic, b"0", 2, retained=True)}


def test_says_goodbye_itself_when_it_stops(broker: Mosquitto) -> None:
    with broker.hear("#") as ear:
        with running(MqttClient(broker.url, "test", will=DOWN, birth=UP)):
            assert ear.next() == Heard(UP.topic, b"1", 2, retained=False)
        assert ear.next() == Heard(UP.topic, b"0", 2, retained=False)
        broker.publish("end", b"")
        assert ear.next().topic == "end"  # and the will, which would say it again, is dropped
    assert "client test disconnected" in broker.log.read_text().lower()


def test_birth_and_subscriptions_come_again_after_the_broker_was_away(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    link = MqttClient(
        broker.url,
        "test",
        subscriptions=[Subscription("a", 1, heard.put)],
        birth=UP,
        on_connection=connected.put,
    )
    with running(link):
        assert connected.get(timeout=DEADLINE_SECONDS)
        wait_until(lambda: UP.topic in broker.retained("#"), "the birth message")
        broker.kill()
        assert not connected.get(timeout=DEADLINE_SECONDS)
        assert link.publish(UP) is None
        broker.start()
        assert connected.get(timeout=DEADLINE_SECONDS)
        wait_until(lambda: UP.topic in broker.retained("#"), "the birth message, again")
        broker.publish("a", b"later", retain=True)
        assert heard.get(timeout=DEADLINE_SECONDS).payload == b"later"
    assert connected.get(timeout=DEADLINE_SECONDS) is False
    assert connected.empty()
    assert warnings(caplog) == [f"The broker at {broker.url} closed the connection; retrying"]


def test_a_broker_that_starts_later_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = Mosquitto(tmp_path / "broker")
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    link = MqttClient(broker.url, "test", birth=UP, on_connection=connected.put)
    with running(link):
        wait_until(lambda: "can't be reached" in caplog.text, "the outage to be said")
        assert link.publish(UP) is None
        with broker:
            assert connected.get(timeout=DEADLINE_SECONDS)
            wait_until(lambda: UP.topic in broker.retained("#"), "the birth message")
    (warning, *more) = warnings(caplog)
    assert warning.startswith(f"The broker at mqtt://127.0.0.1:{broker.port} can't be reached (")
    assert "refused" in warning
    # Leaving the "with" ends the broker first: that outage is another.
    assert all("closed the connection" in line for line in more)


def test_a_refused_password_is_logged_once_and_retried(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "ann", "right"], check=True, capture_output=True)
    bare = Mosquitto(tmp_path / "bare")
    broker = Mosquitto(
        tmp_path / "broker",
        bare.port,
        f"listener {bare.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n",
    )
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    url = BrokerUrl("127.0.0.1", broker.port, username="ann", password="wrong-hunter2")
    with broker, running(MqttClient(url, "test", on_connection=connected.put)):
        wait_until(lambda: broker.log.read_text().count("not authorised") >= 2, "two attempts")
    assert warnings(caplog) == [
        f"The broker at mqtt://ann:***@127.0.0.1:{broker.port} refuses the connection (not authorized); "
        "check the user and password; retrying"
    ]
    assert connected.empty()
    assert "hunter2" not in caplog.text


def test_the_right_password_lets_it_in(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "ann", "p/w:@"], check=True, capture_output=True)
    port = Mosquitto(tmp_path / "bare").port
    config = f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    url = BrokerUrl("127.0.0.1", port, username="ann", password="p/w:@")
    with (
        Mosquitto(tmp_path / "broker", port, config),
        running(MqttClient(url, "test", on_connection=connected.put)),
    ):
        assert connected.get(timeout=DEADLINE_SECONDS)


@pytest.mark.parametrize("qos", [1, 2])
def test_a_confirmation_names_the_number_of_its_message(broker: Mosquitto, qos: int) -> None:
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    confirmed: queue.SimpleQueue[int] = queue.SimpleQueue()
    link = MqttClient(broker.url, "test", on_connection=connected.put, on_confirmed=confirmed.put)
    assert link.publish(UP) is None
    with broker.hear("a/#") as ear, running(link):
        connected.get(timeout=DEADLINE_SECONDS)
        # Many more than Mosquitto takes at once: what is sent beyond that, it confirms and loses.
        numbers = [link.publish(Publication(f"a/{i}", b"x", qos, retain=True)) for i in range(500)]
        assert None not in numbers
        assert {confirmed.get(timeout=DEADLINE_SECONDS) for _ in numbers} == set(numbers)
        assert [ear.next().topic for _ in numbers] == [f"a/{i}" for i in range(500)]
    assert link.publish(UP) is None


def test_what_is_published_the_moment_it_connects_is_confirmed(broker: Mosquitto) -> None:
    numbers: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    confirmed: queue.SimpleQueue[int] = queue.SimpleQueue()
    link = MqttClient(
        broker.url,
        "test",
        on_connection=lambda up: numbers.put(link.publish(UP)) if up else None,
        on_confirmed=confirmed.put,
    )
    with running(link):
        number = numbers.get(timeout=DEADLINE_SECONDS)
        assert number is not None
        assert confirmed.get(timeout=DEADLINE_SECONDS) == number
