"""Every request that names a lamp, by someone who doesn't own it: answered as for a lamp that doesn't exist."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from cloud.db.database import database_proxy, run_sql, write_transaction
from cloud.db.timestamps import utc_now
from cloud.services import claiming, lamp_states, offering, ownership, resets
from cloud.services.resets import LampReset
from cloud.store import state_watches
from cloud.store.lamps import Lampi, User
from cloud.store.lease import PublisherLease
from cloud.store.offers import Offer
from cloud.store.reset_requests import ResetRequest
from cloud.web import live
from shared.protocol.payloads import Color, LampConfig
from tests.cloud.web.conftest import BOTH_DATABASES, CODE, LAMP, OTHER, Clock, waiting
from tests.support.attempts import Attempts
from tests.support.lamp_requests import SAFE, Client, LampRequest, comparable, everything, lamp_requests
from tests.support.waiting import DEADLINE_SECONDS

UNKNOWN = "b827ebba0399"
NAME, USER = "Ada's bedroom", "ada"
REQUESTS = lamp_requests()
TOLD_OF_THE_HAND_OVER = {"lamp.show", "handover.offer"}
"""For half an hour, these pages say to the former owner that the lamp was handed over, and nothing else."""


class Scene:
    """The lamp, its owner Ada, and Bob, who is not or no longer its owner."""

    def __init__(self, app: Flask, ada: User, bob: User, clock: Clock) -> None:
        self.app = app
        self.ada = ada
        self.bob = bob
        self.now = clock.now = utc_now()  # the API has no other clock

    def own(self, user: User) -> None:
        if Lampi.named(LAMP).user != user:
            claiming.associate_by_device_id(LAMP, user, self.now)

    def make_busy(self) -> None:
        """Give the lamp all that a lamp can have: name, state, a request for another, offer and requested reset."""
        PublisherLease().acquire(self.now)
        ownership.rename(self.ada, LAMP, NAME, self.now)
        lamp_states.look_at(self.ada, LAMP, self.now)
        self.report(LampConfig(Color(0.5, 0.25), 0.75, True))
        lamp_states.request(self.ada, LAMP, LampConfig(on=False), self.now)
        offering.make_offer(LAMP, self.now, "", self.ada)
        self.request_reset(LampReset.AFTER_A_DAY)

    def report(self, shown: LampConfig) -> None:
        with write_transaction():
            state_watches.record(LAMP, shown, self.now)

    def request_reset(self, rule: LampReset) -> None:
        resets.answer({LAMP: None}, rule, self.now)
        resets.answer({LAMP: ResetRequest.get_by_id(LAMP).ticket}, rule, self.now)


@pytest.fixture
def scene(app: Flask, lampi: Lampi, ada: User, bob: User, clock: Clock) -> Scene:
    return Scene(app, ada, bob, clock)


@pytest.fixture(autouse=True)
def learn_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Don't wait for a daemon."""
    monkeypatch.setattr(lamp_states, "LEARN_SECONDS", 0)


def hand_over(scene: Scene) -> None:
    scene.own(scene.bob)
    offer = offering.make_offer(LAMP, scene.now, "", scene.bob)
    claiming.associate_by_code(offer.code, scene.ada, scene.now)


def release(scene: Scene) -> None:
    scene.own(scene.bob)
    ownership.release_own(scene.bob, LAMP, scene.now, "")
    scene.own(scene.ada)


def reset(scene: Scene) -> None:
    scene.own(scene.bob)
    scene.request_reset(LampReset.AT_ONCE)
    scene.own(scene.ada)


def never(scene: Scene) -> None:
    scene.own(scene.ada)


STRANGER = "who is not signed in"
ATTACKERS = {
    "a former owner, who handed it over": hand_over,
    "a former owner, who released it": release,
    "a former owner, whose lamp was reset": reset,
    "another user": never,
    STRANGER: never,
}


def secrets_of_the_lamp() -> list[str]:
    offer: Offer = Offer.get()
    request: ResetRequest = ResetRequest.get()
    return ["bedroom", offer.code, offer.short_code, request.ticket, f'"{USER}"', "0.75"]


@BOTH_DATABASES
@pytest.mark.parametrize("who", ATTACKERS)
def test_another_s_lamp_answers_as_one_that_does_not_exist_and_nothing_changes(
    scene: Scene, who: str, attempt: Attempts
) -> None:
    ATTACKERS[who](scene)
    scene.make_busy()
    waiting(OTHER, CODE[::-1])
    client = Client(scene.app, None if who == STRANGER else scene.bob)
    before, secrets = everything(), secrets_of_the_lamp()
    for request in REQUESTS:
        answers = [comparable(client.send(request, device_id), device_id) for device_id in (LAMP, OTHER, UNKNOWN)]
        status, _headers, body = answers[0]
        assert [each for each in secrets if each in str(answers)] == [], request
        if ATTACKERS[who] is hand_over and request.endpoint in TOLD_OF_THE_HAND_OVER and request.method in SAFE:
            assert (status, request.method == "HEAD" or "Lamp handed over" in body) == (200, True)
            answers[0] = answers[1]
        assert answers[0] == answers[1] == answers[2], request
        assert answers[2][0] in (302, 401, 404), request
        assert everything() == before, request
        attempt.refused("who is not the lamp's owner", str(request))


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_the_same_request_of_the_owner_succeeds(scene: Scene, request_: LampRequest) -> None:
    never(scene)
    scene.make_busy()
    status, _headers, _body = comparable(Client(scene.app, scene.ada).send(request_, LAMP), LAMP)
    assert status < 400


@BOTH_DATABASES
def test_another_site_can_send_nothing_from_the_owner_s_browser(scene: Scene, attempt: Attempts) -> None:
    never(scene)
    scene.make_busy()
    client = Client(scene.app, scene.ada, is_forged=True)
    before = everything()
    for request in REQUESTS:
        if request.is_api or request.method not in SAFE:
            assert client.send(request, LAMP).status_code == (401 if request.is_api else 400), request
            attempt.refused("another site, in the owner's browser", str(request))
    assert everything() == before


@BOTH_DATABASES
@pytest.mark.parametrize("end", [hand_over, release, reset])
def test_a_stream_that_is_open_when_the_ownership_ends_shows_nothing_of_the_next_owner_s(
    scene: Scene, end: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(live, "STREAM_SECONDS", DEADLINE_SECONDS)
    scene.own(scene.bob)
    formers = chunks_of(Client(scene.app, scene.bob))
    assert json.loads(data_of(formers))["on"] is None
    end(scene)
    owners = chunks_of(Client(scene.app, scene.ada))
    assert data_of(formers) == "null"
    PublisherLease().acquire(scene.now)
    for brightness in (0.125, 0.25):
        scene.report(LampConfig(brightness=brightness))
        while json.loads(data_of(owners))["brightness"] != brightness:
            pass
    assert {next(formers) for _ in range(3)} == {":\n\n"}
    scene.app.extensions["watcher"].stop()
    assert [*formers, *owners] == []


def chunks_of(client: Client) -> Iterator[str]:
    """Open the stream of the lamp's states."""
    (request,) = (each for each in REQUESTS if each.endpoint == "live.lamp_stream" and each.method == "GET")
    chunks = (chunk.decode() for chunk in client.send(request, LAMP).iter_encoded())
    assert next(chunks).startswith("retry:")
    return chunks


def data_of(chunks: Iterator[str]) -> str:
    """Return the data of the next event."""
    return next(chunk for chunk in chunks if chunk != ":\n\n").partition("data: ")[2].strip()


@contextmanager
def write_lock_held() -> Iterator[None]:
    """Have another connection hold the database's write lock."""
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with database_proxy.connection_context(), write_transaction():
            is_held.set()
            while not may_end.wait(1):
                run_sql("SELECT 1")  # PostgreSQL takes the lock from who does nothing

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert is_held.wait(DEADLINE_SECONDS)
        yield
    finally:
        may_end.set()
        holder.join()


@BOTH_DATABASES
def test_a_flood_of_requests_on_another_s_lamp_does_not_contend_for_the_write_lock(scene: Scene) -> None:
    never(scene)
    client = Client(scene.app, scene.bob)
    expected = [client.send(request, LAMP).status_code for request in REQUESTS]
    with write_lock_held():
        for request, status in zip(REQUESTS, expected, strict=True):
            assert client.send(request, LAMP).status_code == status, request


@BOTH_DATABASES
@pytest.mark.parametrize(("endpoint", "status"), [(".withdraw", 204), (".refuse_reset", 409)])
def test_a_flood_of_what_the_owner_has_nothing_of_does_not_either(scene: Scene, endpoint: str, status: int) -> None:
    never(scene)
    client = Client(scene.app, scene.ada)
    requests = {each.is_api: each for each in REQUESTS if each.endpoint.endswith(endpoint)}
    with write_lock_held():
        assert client.send(requests[False], LAMP).status_code == 302
        assert client.send(requests[True], LAMP).status_code == status
