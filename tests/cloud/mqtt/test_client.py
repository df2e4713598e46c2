"""The client on a real broker, and on one that a test plays by hand."""

import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloud.mqtt import client as module
from cloud.mqtt.client import BrokerClient
from cloud.mqtt.listener import Listener, Session
from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.packets import LEVELS, MQTT_3_1_1, Login
from cloud.mqtt.reading import Message
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.messages import Publication
from shared.mqtt.tls import TlsFiles
from tests.shared.mqtt.raw_broker import CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, RawBroker
from tests.shared.mqtt.test_tls import TlsBroker
from tests.support.broker import Mosquitto
from tests.support.ports import free_port
from tests.support.proxy import OldBroker, TcpProxy
from tests.support.waiting import DEADLINE_SECONDS, wait_until

WILL = Publication("state", b"0", qos=1, retain=True)
BIRTH = Publication("state", b"1", qos=1, retain=True)
HELLO = Publication("a/b", b"hello", qos=2, retain=True)
WELCOME_5 = b"\x20\x03\x00\x00\x00"
MANY = 5000


class Ledger(Listener):
    """Notes all that a client tells."""

    def __init__(self) -> None:
        self.sessions: queue.SimpleQueue[Session] = queue.SimpleQueue()
        self.losses: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.outcomes: list[Outcomes] = []
        self.messages: list[Message] = []
        self.reasons: list[int] = []
        self.goes_on = True

    def connected(self, session: Session) -> None:
        self.sessions.put(session)

    def lost(self) -> None:
        self.losses.put(None)

    def connection_rejected(self, reason: int) -> None:
        self.reasons.append(reason)

    def received(self, messages: Sequence[Message]) -> None:
        self.messages += messages

    def concluded(self, session: Session, outcomes: Outcomes) -> None:
        assert session is not None
        self.outcomes.append(outcomes)

    def may_go_on(self) -> bool:
        return self.goes_on

    def session(self) -> Session:
        return self.sessions.get(timeout=DEADLINE_SECONDS)

    def accepted(self) -> list[int]:
        return [number for outcomes in list(self.outcomes) for number in outcomes.accepted]

    def refused(self) -> list[tuple[int, int]]:
        return [one for outcomes in list(self.outcomes) for one in outcomes.refused]


@contextmanager
def running(broker: BrokerUrl, ledger: Ledger, version: str = "auto", name: str = "me") -> Iterator[BrokerClient]:
    client = BrokerClient(
        broker,
        Login(name, 20, broker.username, broker.password, WILL),
        ledger,
        levels=LEVELS[version],
        most_in_flight=2000,
        filters=[("heard/+", 0), ("heard/exactly/once", 1)],
        birth=(1, BIRTH),
    )
    client.start()
    try:
        yield client
    finally:
        client.stop()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_many_messages_are_accepted_in_order_and_retained(broker: Mosquitto, ledger: Ledger, version: str) -> None:
    with broker.hear("many") as ear, running(broker.url, ledger, version) as client:
        session = ledger.session()
        numbers = range(10, 10 + MANY)
        for number in numbers:
            assert client.publish(session, [(number, Publication("many", b"%d" % number, qos=2, retain=True))])
        wait_until(lambda: ledger.accepted()[-1:] == [numbers[-1]], "all to be accepted", seconds=60)
        assert ledger.accepted() == [1, *numbers]
        assert int(ear.next().payload) == numbers[0]
    assert broker.retained("many")["many"].payload == b"%d" % numbers[-1]


def test_what_is_subscribed_to_is_heard_and_again_when_asked_for(broker: Mosquitto, ledger: Ledger) -> None:
    broker.publish("heard/1", b"kept", retain=True)
    with running(broker.url, ledger) as client:
        session = ledger.session()
        wait_until(lambda: len(ledger.messages) == 1, "the retained message")
        client.subscribe(session)
        wait_until(lambda: len(ledger.messages) == 2, "it again")
        broker.publish("heard/exactly/once", b"live")
        wait_until(lambda: len(ledger.messages) == 3, "a live one")
    assert [(each.payload, each.retained) for each in ledger.messages] == [
        (b"kept", True),
        (b"kept", True),
        (b"live", False),
    ]


def test_birth_goodbye_and_will(broker: Mosquitto, ledger: Ledger) -> None:
    with broker.hear("state") as ear:
        with running(broker.url, ledger):
            assert ear.next().payload == b"1"
        assert ear.next().payload == b"0"
        network = TcpProxy(broker.port)
        with network, running(BrokerUrl("127.0.0.1", network.port), ledger):
            assert ear.next().payload == b"1"
            ledger.goes_on = False
            network.cut()
            assert ear.next().payload == b"0"


def test_who_is_taken_over_publishes_nothing_more(broker: Mosquitto, ledger: Ledger) -> None:
    with running(broker.url, ledger) as client:
        session = ledger.session()
        ledger.goes_on = False
        with running(broker.url, Ledger()):
            ledger.losses.get(timeout=DEADLINE_SECONDS)
            assert not client.publish(session, [(2, HELLO)])
    assert broker.retained("a/b") == {}
    assert ledger.reasons == []


def test_a_broker_that_says_that_we_were_taken_over_is_quoted(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with RawBroker() as broker, running(broker.url, ledger):
        session = broker.accept()
        session.expect(CONNECT)
        session.send(WELCOME_5 + b"\xe0\x01\x8e")
        wait_until(lambda: "session taken over" in caplog.text, "it to say so")
    assert ledger.reasons == []  # no setting of the broker's would mend it


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_it_comes_back_by_itself_and_what_was_handed_over_before_is_gone(
    broker: Mosquitto, ledger: Ledger, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running(broker.url, ledger) as client:
        first = ledger.session()
        getattr(broker, end)()
        ledger.losses.get(timeout=DEADLINE_SECONDS)
        assert not client.publish(first, [(2, HELLO)])
        broker.start()
        second = ledger.session()
        assert client.publish(second, [(3, HELLO)])
        wait_until(lambda: 3 in ledger.accepted(), "the new connection's message")
    assert 2 not in ledger.accepted()
    assert len([line for line in caplog.messages if "; retrying" in line]) == 1


def test_tls_with_a_certificate_of_ours(tmp_path: Path, ledger: Ledger) -> None:
    tls = TlsBroker(tmp_path)
    with tls.started(tls.good_server(), wants=True) as broker:
        url = BrokerUrl("localhost", broker.port, tls=True, tls_files=tls.files)
        with running(url, ledger) as client:
            messages = [(number, Publication(f"t/{number}", b"x" * 300, 2, retain=True)) for number in range(10, 1000)]
            assert client.publish(ledger.session(), messages)
            wait_until(lambda: len(ledger.accepted()) == len(messages) + 1, "all to be accepted")


def test_a_broker_that_wants_a_certificate_is_named(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    tls = TlsBroker(tmp_path)
    with tls.started(tls.good_server(), wants=True) as broker:
        url = BrokerUrl("localhost", broker.port, tls=True, tls_files=TlsFiles(tls.files.ca))
        with running(url, ledger):
            wait_until(lambda: "LAMPI_BROKER_CERTIFICATE" in caplog.text, "what to set")


def test_an_old_broker_gets_the_old_version_and_few_messages_at_once(broker: Mosquitto, ledger: Ledger) -> None:
    with OldBroker(broker.port) as old, running(BrokerUrl("127.0.0.1", old.port), ledger) as client:
        session = ledger.session()
        assert session.level == MQTT_3_1_1
        assert not session.reports_refusals
        client.publish(session, [(number, HELLO) for number in range(10, 100)])
        wait_until(lambda: len(ledger.accepted()) == 91, "all to be accepted")


def test_a_password_that_is_wrong_is_named_and_never_shown(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with RawBroker() as broker:
        url = BrokerUrl("127.0.0.1", broker.url.port, username="ada", password="secret")
        with running(url, ledger):
            for _ in range(3):
                session = broker.accept()
                assert b"secret" in session.expect(CONNECT)
                session.send(b"\x20\x03\x00\x86\x00")
            wait_until(lambda: len(ledger.reasons) >= 2, "it to be noted")
    assert "check the user and password" in caplog.text
    assert caplog.text.count("refuses the connection") == 1
    assert "secret" not in caplog.text


def test_a_broker_that_ends_each_connection_at_once_is_logged_once(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with RawBroker() as broker, running(broker.url, ledger):
        for _ in range(4):
            session = broker.accept()
            session.expect(CONNECT)
            session.send(WELCOME_5 + b"\xe0\x01\x95")
            session.expect(SUBSCRIBE)
        wait_until(lambda: len(ledger.reasons) >= 3, "it to be noted")
    assert set(ledger.reasons) == {0x95}
    assert caplog.text.count("packet too large") == 1
    assert "max_packet_size" in caplog.text


@pytest.mark.parametrize("raw", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00"])
def test_a_server_that_is_not_a_broker_is_logged_and_retried(
    ledger: Ledger, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with RawBroker() as broker, running(broker.url, ledger):
        for _ in range(2):
            session = broker.accept()
            session.send(raw)
            session.drop()
        broker.accept()
    assert caplog.text.count("does not respond like an MQTT broker") == 1


def test_a_fault_in_a_listener_does_not_end_the_connection(
    broker: Mosquitto, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_messages: object) -> None:
        raise ZeroDivisionError

    ledger.received = fail  # type: ignore[method-assign,assignment]
    with running(broker.url, ledger) as client:
        session = ledger.session()
        broker.publish("heard/1", b"x", retain=True)  # heard even where the subscription comes later
        wait_until(lambda: "ZeroDivisionError" in caplog.text, "the fault to be logged")
        client.publish(session, [(2, HELLO)])
        wait_until(lambda: 2 in ledger.accepted(), "the connection to go on")


def test_one_at_a_time_after_narrow(ledger: Ledger) -> None:
    with RawBroker() as broker, running(broker.url, ledger) as client:
        session = broker.accept()
        session.expect(CONNECT)
        session.send(WELCOME_5)
        session.expect(SUBSCRIBE)
        session.expect(PUBLISH)
        session.send(b"\x40\x02\x00\x02")
        ours = ledger.session()
        client.narrow(ours)
        client.publish(ours, [(2, HELLO), (3, HELLO)])
        session.expect(PUBLISH)
        session.send(b"\x50\x03\x00\x03\x87")
        session.expect(PUBLISH)
        wait_until(lambda: ledger.refused() == [(2, 0x87)], "the refusal of the first")


@pytest.mark.parametrize("answers", [False, True])
def test_a_silent_broker_does_not_hold_up_the_stop(ledger: Ledger, answers: bool) -> None:
    with RawBroker() as broker:
        with running(broker.url, ledger):
            session = broker.accept()
            session.expect(CONNECT)
            if answers:
                session.send(WELCOME_5)
                session.expect(SUBSCRIBE)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        if answers:
            kinds = [session.receive()[0] for _ in range(3)]
            assert kinds == [PUBLISH, PUBLISH, DISCONNECT]


def test_an_unreachable_host_is_logged_once(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with running(BrokerUrl("127.0.0.1", free_port()), ledger):
        wait_until(lambda: "can't be reached" in caplog.text, "it to say so")
    with running(BrokerUrl("a" * 70 + ".invalid", 1883), ledger):
        wait_until(lambda: caplog.text.count("can't be reached") == 2, "it to say so")
