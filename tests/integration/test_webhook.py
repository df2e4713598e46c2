"""The webhook end to end: a daemon, commands, and a receiver that works, fails, stalls, dies, or starts late."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from standardwebhooks import Webhook

from cloud.db.url import sqlite_file
from cloud.store.webhook_queue import WebhookEvent
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import USER, Loop, opened_database
from tests.support.receiver import SECRET, Told, WebhookReceiver
from tests.support.waiting import wait_until

LAMP, OTHER = "b827ebba0387", "b827ebba0388"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


@pytest.fixture
def cloud(cloud: Cloud, receiver: WebhookReceiver) -> Cloud:
    """Give a cloud whose daemon tells the receiver; the commands know nothing of it."""
    return cloud


@pytest.fixture
def daemon(cloud: Cloud, receiver: WebhookReceiver) -> Iterator[DaemonProcess]:
    options = ("--migrate", "--webhook-url", receiver.url, "--webhook-secret", SECRET)
    with cloud.daemon("daemon", *options) as process:
        yield process


def associate(loop: Loop, device_id: str) -> None:
    loop.cloud.command("associate", "--device-id", device_id, "--user", USER)


def verified(sent: Told) -> tuple[str, str]:
    Webhook(SECRET).verify(sent.body, {name.lower(): value for name, value in sent.headers.items()})
    return sent.kind_and_lamp


def rows(cloud: Cloud) -> int:
    with opened_database(cloud):
        return int(WebhookEvent.select().count())


def test_association_and_release_are_sent_within_a_second(loop: Loop, receiver: WebhookReceiver) -> None:
    code = loop.new_lamp(LAMP)
    loop.cloud.command("associate", code[:6], "--user", USER)
    assert verified(receiver.next(2)) == ("lamp.associated", LAMP)
    loop.cloud.command("release", LAMP)
    assert verified(receiver.next(2)) == ("lamp.released", LAMP)
    wait_until(lambda: rows(loop.cloud) == 0, "the outbox to be empty")
    assert receiver.nothing_more()


def test_rejected_events_are_sent_again_and_in_order(loop: Loop, receiver: WebhookReceiver) -> None:
    receiver.statuses = [500]
    loop.new_lamp(LAMP)
    loop.new_lamp(OTHER)
    associate(loop, LAMP)
    assert receiver.next().status == 500
    loop.cloud.command("release", LAMP)
    associate(loop, OTHER)
    sent = [verified(receiver.next()) for _ in range(3)]
    assert [kind for kind, device_id in sent if device_id == LAMP] == ["lamp.associated", "lamp.released"]
    assert ("lamp.associated", OTHER) in sent


def test_a_stuck_receiver_holds_up_neither_lamps_nor_the_end(
    loop: Loop, daemon: DaemonProcess, receiver: WebhookReceiver
) -> None:
    receiver.may_answer.clear()
    loop.new_lamp(LAMP)
    associate(loop, LAMP)
    receiver.next()
    loop.next()
    for number in range(20):
        loop.new_lamp(f"{number:012x}")
    loop.cloud.command("release", LAMP)
    assert json.loads(loop.next(1).payload)["associated"] is False
    assert daemon.stop() == 0


def test_events_are_sent_when_a_dead_receiver_is_back(
    loop: Loop, daemon: DaemonProcess, receiver: WebhookReceiver
) -> None:
    receiver.stop()
    loop.new_lamp(LAMP)
    associate(loop, LAMP)
    daemon.wait_to_say("Webhook receiver 127.0.0.1 is unavailable, retrying")
    receiver.start()
    assert verified(receiver.next()) == ("lamp.associated", LAMP)
    assert "key=abc" not in daemon.log()
    assert SECRET not in daemon.log()


def test_a_daemon_killed_before_the_answer_sends_the_event_again(
    loop: Loop, daemon: DaemonProcess, receiver: WebhookReceiver
) -> None:
    receiver.may_answer.clear()
    loop.new_lamp(LAMP)
    associate(loop, LAMP)
    first = receiver.next()
    daemon.kill()
    loop.cloud.command("release", LAMP)  # while no daemon runs
    receiver.may_answer.set()
    daemon.start()
    again = receiver.next()
    assert (again.body, again.headers["webhook-id"]) == (first.body, first.headers["webhook-id"])
    assert verified(receiver.next()) == ("lamp.released", LAMP)


def test_a_lock_after_the_delivery_causes_no_second_one(
    loop: Loop, daemon: DaemonProcess, receiver: WebhookReceiver
) -> None:
    """The row can't be removed while another program holds the write lock."""
    receiver.may_answer.clear()
    loop.new_lamp(LAMP)
    associate(loop, LAMP)
    assert verified(receiver.next()) == ("lamp.associated", LAMP)
    with closing(sqlite3.connect(sqlite_file(loop.cloud.database_url) or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        receiver.may_answer.set()
        daemon.wait_to_say("Database error in the webhook sender")
        other.execute("ROLLBACK")
    wait_until(lambda: rows(loop.cloud) == 0, "the row to be removed")
    assert receiver.nothing_more()


def test_without_a_receiver_nothing_is_written(broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess) -> None:
    assert daemon.stop() == 0
    with cloud.daemon("without"):
        loop = Loop(broker, cloud)
        loop.new_lamp(LAMP)
        associate(loop, LAMP)
        assert rows(cloud) == 0
        loop.close()
