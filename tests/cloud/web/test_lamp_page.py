"""The page of one lamp: its form without scripts, its JSON with them, and that it is the owner's alone."""

import json
from datetime import timedelta

import pytest
from flask import Flask

from cloud.db.database import write_transaction
from cloud.rate_limit.state_requests import BURST, REFILL, StateBucket
from cloud.services import claiming, lamp_states
from cloud.store import state_watches
from cloud.store.lamps import Lampi, User
from cloud.store.lease import PublisherLease
from cloud.store.state_requests import REQUEST_FOR, StateRequest
from cloud.web.watch import Watcher
from shared.protocol.payloads import Color, LampConfig
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import LAMP, Clock
from tests.support.pages import HOME, Reader

PAGE = f"/lamps/{LAMP}"
AS_SCRIPT = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def owned(lampi: Lampi, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Ada own the lamp, and a daemon lead."""
    monkeypatch.setattr(lamp_states, "LEARN_SECONDS", 0)
    claiming.associate_by_device_id(LAMP, ada, NOW)
    PublisherLease().acquire(NOW)


def report(config: LampConfig) -> None:
    with write_transaction():
        state_watches.record(LAMP, config, NOW)


def test_the_controls_wait_until_the_lamp_has_reported(as_ada: Reader) -> None:
    page = as_ada.open(PAGE)
    assert "The lamp hasn't reported what it shows." in page.text
    assert 'aria-labelledby="power-label" disabled' in page.html
    assert "<fieldset disabled>" in page.html
    report(LampConfig(Color(0.5, 0.25), 0.75, True))
    page = as_ada.open(PAGE)
    assert "disabled" not in page.html
    assert 'role="switch" aria-checked="true"' in page.html
    assert "180°" in page.text
    assert "25% Brightness 75%" in page.text


def test_without_scripts_a_form_asks_the_lamp(as_ada: Reader, clock: Clock) -> None:
    as_ada.open(PAGE)
    report(LampConfig(Color(0.5, 0.25), 0.75, True))
    answer = as_ada.send(PAGE, {"hue": "90", "saturation": "100", "brightness": "10"})
    assert (answer.status, answer.location) == (302, PAGE)
    assert StateRequest.get().config == LampConfig(Color(0.25, 1.0), 0.1, None)
    assert "Waiting for the lamp…" in as_ada.open(PAGE).text
    as_ada.send(PAGE, {"on": "false"})
    assert StateRequest.get().config == LampConfig(Color(0.25, 1.0), 0.1, False)
    clock.pass_by(REQUEST_FOR)
    PublisherLease().acquire(clock.now)
    assert "The lamp didn't answer." in as_ada.open(PAGE).text


def test_a_script_gets_json(as_ada: Reader) -> None:
    answer = as_ada.send(PAGE, {"on": "true"}, headers=AS_SCRIPT)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(answer.html)["request"]["outcome"] == "pending"
    assert json.loads(answer.html)["says"] == "pending"
    assert json.loads(as_ada.open(f"{PAGE}/state").html) == json.loads(answer.html)


@pytest.mark.parametrize(
    "fields",
    [{}, {"on": "maybe"}, {"hue": "10"}, {"hue": "361", "saturation": "1"}, {"brightness": "-1"}, {"brightness": "٣"}],
)
def test_a_form_that_is_not_ours_is_refused(as_ada: Reader, fields: dict[str, str]) -> None:
    assert as_ada.send(PAGE, fields).status == 400
    assert StateRequest.select().count() == 0


def test_a_request_needs_the_form_s_token(as_ada: Reader) -> None:
    assert as_ada.send_bare(PAGE, {"on": "true"}, headers=AS_SCRIPT).status == 400
    assert StateRequest.select().count() == 0


def test_a_stream_sends_what_the_lamp_shows_and_keeps_it_watched(app: Flask, as_ada: Reader, ada: User) -> None:
    watcher: Watcher = app.extensions["watcher"]
    answer = as_ada.client.get(f"{PAGE}/live", environ_base={"REMOTE_ADDR": HOME}, buffered=False)
    chunks = (chunk.decode() for chunk in answer.iter_encoded())
    assert next(chunks).startswith("retry:")
    assert watcher.count(ada.id) == 1

    def next_state() -> dict[str, object]:
        event, data = next(chunks).strip().split("\ndata: ")
        assert event == "event: state"
        state: dict[str, object] = json.loads(data)
        return state

    assert (next_state()["on"], set(state_watches.watched(NOW))) == (None, {LAMP})
    report(LampConfig(on=True))
    assert next_state()["on"] is True
    claiming.release(LAMP, NOW)
    assert json.loads(next(chunks).partition("data: ")[2]) is None
    answer.close()
    assert watcher.count() == 0
    watcher.stop()


def test_another_s_lamp_is_not_found(as_bob: Reader) -> None:
    for path in (PAGE, f"{PAGE}/state", f"{PAGE}/live", "/lamps/b827ebba0399", "/lamps/b827ebba0399/live"):
        assert as_bob.open(path).status == 404
    assert as_bob.send(PAGE, {"on": "true"}, page="/associate").status == 404
    assert StateRequest.select().count() == 0


def test_a_stranger_is_sent_to_sign_in(reader: Reader) -> None:
    assert reader.open(PAGE).location == "/sign-in"
    assert reader.open(f"{PAGE}/state").status == 401


def test_too_many_requests_are_refused(as_ada: Reader, ada: User) -> None:
    as_ada.open(PAGE)
    StateBucket.delete().execute()
    StateBucket.create(user=ada, full_at=NOW + BURST * REFILL)
    answer = as_ada.send(PAGE, {"on": "true"}, headers=AS_SCRIPT)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert StateRequest.select().count() == 0


def test_the_service_and_the_lamp_may_be_away(as_ada: Reader, clock: Clock) -> None:
    clock.pass_by(timedelta(minutes=1))
    assert "The lamp service is unavailable. Changes can't be sent." in as_ada.open(PAGE).text
    PublisherLease().acquire(clock.now)
    Lampi.update(connected=False).where(Lampi.device_id == LAMP).execute()
    report(LampConfig(Color(0.5, 0.25), 0.75, True))
    assert "Not connected" in as_ada.open(PAGE).text
    assert "The lamp is not connected." in as_ada.open(PAGE).text


def test_the_list_leads_to_the_lamp(as_ada: Reader) -> None:
    assert f'href="{PAGE}">My LAMPI</a>' in as_ada.open("/lamps").html
