"""One delivery: how it is signed, and that a receiver that fails, stalls or drips delays nothing else for long."""

import base64
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from cloud.db.timestamps import utc_now
from cloud.settings import read_settings
from cloud.store.webhook_queue import WebhookEvent
from cloud.webhook import delivery as webhook
from cloud.webhook.delivery import NotDelivered, deliver
from cloud.webhook.requests import Receiver, parse_secret
from shared.settings import BadSettings
from tests.cloud.conftest import NOW
from tests.support.receiver import SECRET, EndlessReceiver, WebhookReceiver

EVENT = WebhookEvent(message_id="msg_1", device_id="b827ebba0387", body='{"type": "lamp.associated", "x": "\u00fc"}')


@pytest.fixture
def there() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def receiver_at(url: str) -> Receiver:
    return Receiver(url, parse_secret(SECRET))


def failing(url: str) -> NotDelivered:
    with pytest.raises(NotDelivered) as refused:
        deliver(EVENT, receiver_at(url), utc_now())
    return refused.value


def test_a_library_for_receivers_verifies_it(there: WebhookReceiver) -> None:
    deliver(EVENT, receiver_at(there.url), utc_now())
    delivery = there.next()
    assert (delivery.path, delivery.body) == ("/hook?key=abc", EVENT.body.encode())
    assert delivery.headers["Content-Type"] == "application/json"
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    Webhook(SECRET).verify(delivery.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(delivery.body.replace(b"associated", b"released"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(f"whsec_{base64.b64encode(b'x' * 24).decode()}").verify(delivery.body, headers)


def test_a_replayed_old_delivery_is_refused_by_it(there: WebhookReceiver) -> None:
    deliver(EVENT, receiver_at(there.url), utc_now() - timedelta(minutes=6))
    delivery = there.next()
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(delivery.body, {name.lower(): value for name, value in delivery.headers.items()})


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_enough(there: WebhookReceiver, status: int) -> None:
    there.statuses = [status]
    deliver(EVENT, receiver_at(there.url), NOW)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
def test_anything_else_is_a_refusal_and_no_redirect_is_followed(there: WebhookReceiver, status: int) -> None:
    with WebhookReceiver() as elsewhere:
        there.statuses, there.answers_with = [status], {"Location": elsewhere.url}
        why = failing(there.url)
        assert (str(why), why.answered) == (f"status {status}", True)
        assert elsewhere.nothing_more()


def test_a_receiver_that_is_not_there(there: WebhookReceiver) -> None:
    there.stop()
    assert not failing(there.url).answered
    assert not failing("http://nowhere.invalid/").answered
    assert not failing(there.url.replace("http:", "https:")).answered


def test_a_large_answer_is_not_read(there: WebhookReceiver) -> None:
    there.statuses, there.body = [200], b"x" * 50_000_000
    began = time.monotonic()
    deliver(EVENT, receiver_at(there.url), NOW)
    assert time.monotonic() - began < 1


def test_a_receiver_that_stalls(there: WebhookReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SILENCE_SECONDS", 0.3)
    there.may_answer.clear()
    why = failing(there.url)
    assert (str(why), why.answered) == ("ReadTimeoutError", False)


def test_a_receiver_that_sends_a_byte_now_and_then(there: WebhookReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "WHOLE_SECONDS", 1.0)
    there.drips = 0.1
    began = time.monotonic()
    why = failing(there.url)
    assert (str(why), why.answered) == ("timed out", False)
    assert 0.9 < time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("again", "reason"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", "ResponseTooLarge"),
        (b"HTTP/1.1 100 Continue\r\nX-Filler: " + b"x" * 9000 + b"\r\n\r\n", "ResponseTooLarge"),
        (b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 1_000_000, "ResponseTooLarge"),
        (b"HTTP/1.1 200 OK" + b"\r\nX-Filler: y" * 1_000_000, "ProtocolError"),  # http.client: 100 headers
        (b"x" * 1_000_000, "ResponseTooLarge"),
    ],
    ids=["informational", "long informational", "header", "headers", "status line"],
)
def test_an_endless_response_is_cut_at_the_limit(again: bytes, reason: str) -> None:
    with EndlessReceiver(again) as receiver:
        why = failing(receiver.url)
        assert (str(why), why.answered) == (reason, False)


@pytest.mark.parametrize("count", [1, 20])
def test_a_few_informational_responses_are_skipped(count: int) -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\n" * count + b"HTTP/1.1 204 No Content\r\n\r\n"
    with EndlessReceiver(b"", first=answer) as receiver:
        deliver(EVENT, receiver_at(receiver.url), NOW)


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"URL": "https://example.com/x"}, ["LAMPI_WEBHOOK_SECRET: is missing"]),
        ({"SECRET": SECRET}, ["LAMPI_WEBHOOK_URL: is missing"]),
        (
            {"URL": "ftp://example.com", "SECRET": "whsec_c2hvcnQ="},
            ["LAMPI_WEBHOOK_URL: not a receiver's URL", "LAMPI_WEBHOOK_SECRET: not 24"],
        ),
        ({"URL": "http://a%zz.com/", "SECRET": SECRET}, ["LAMPI_WEBHOOK_URL: not a receiver's URL"]),
        ({"URL": "https://", "SECRET": SECRET}, ["LAMPI_WEBHOOK_URL: not a receiver's URL"]),
        ({"URL": "https://user:hunter2@example.com/", "SECRET": SECRET}, ["LAMPI_WEBHOOK_URL: not a receiver's URL"]),
        ({"URL": "https://:hunter2@example.com/", "SECRET": SECRET}, ["LAMPI_WEBHOOK_URL: not a receiver's URL"]),
        ({"URL": "https://example.com/", "SECRET": "hunter2!"}, ["LAMPI_WEBHOOK_SECRET: not 24"]),
    ],
)
def test_settings_that_cant_be_used(settings: dict[str, str], faults: list[str]) -> None:
    with pytest.raises(BadSettings) as bad:
        read_settings({f"LAMPI_WEBHOOK_{name}": value for name, value in settings.items()})
    assert len(bad.value.faults) == len(faults)
    for said, fault in zip(bad.value.faults, faults, strict=True):
        assert said.startswith(fault)
        assert "hunter2" not in said


def test_settings_that_can() -> None:
    settings = read_settings({"LAMPI_WEBHOOK_URL": "https://example.com/?key=hunter2", "LAMPI_WEBHOOK_SECRET": SECRET})
    assert settings.webhook == Receiver("https://example.com/?key=hunter2", parse_secret(SECRET.removeprefix("whsec_")))
    assert "hunter2" not in repr(settings)
    assert settings.webhook.shown == "example.com"
    assert read_settings({}).webhook is None
