"""Where lamps are claimed: the setting, and how it reaches their screens."""

import json

import peewee
import pytest

from cloud.daemon.presence import PresenceBatch
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.services.claim_url_rollout import roll_out_claim_url
from cloud.services.claiming import associate_by_code, release
from cloud.store import claim_url, outbox
from cloud.store.claim_url import parse_claim_url
from cloud.store.lamps import Lampi, User
from tests.cloud.conftest import NOW

URL = "https://lamps.example.com/associate"
LAMPS = ROWS_A_STATEMENT + 10


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8000/associate", "https://[::1]/a", "https://a.example/?b=c"])
def test_addresses_are_taken_as_they_are(url: str) -> None:
    assert parse_claim_url(f" {url} ") == url


def test_no_address_is_one_too() -> None:
    assert parse_claim_url("") is None


@pytest.mark.parametrize(
    "url",
    [
        *("lamps.example.com", "ftp://a.example", "https://", "https://ada@a.example", "javascript:alert(1)"),
        *("https://[::1", "https://a.example/ b", "https://\xe4.example", "https://a.example/\nb", URL + "x" * 40),
        "https://a.example:99999",
    ],
)
def test_what_no_screen_could_show_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="'"):
        parse_claim_url(url)


def urls_said(after: int = 0) -> list[str | None]:
    messages = [json.loads(row.payload) for row in outbox.pending(after, limit=10_000)]
    return [message.get("url") for message in messages if not message["associated"]]


def register(count: int) -> None:
    batch = PresenceBatch()
    for number in range(count):
        batch.add(f"{number:012x}", True)
    batch.register(NOW)


def test_every_message_of_a_lamp_that_waits_names_the_address(database: peewee.Database, ada: User) -> None:
    claim_url.announce(URL)
    register(2)
    assert urls_said() == [URL, URL]
    lampi = associate_by_code(Lampi.named("000000000001").association_code, ada, NOW)
    assert urls_said() == [URL]
    release(lampi.device_id, NOW)
    assert urls_said() == [URL, URL]
    assert roll_out_claim_url() == 0


def test_without_an_address_the_message_is_as_it_was(database: peewee.Database) -> None:
    claim_url.announce(None)
    register(1)
    assert urls_said() == [None]
    assert roll_out_claim_url() == 0


def test_a_new_address_is_published_once_to_all_unclaimed_lamps(database: peewee.Database, ada: User) -> None:
    register(LAMPS)
    associate_by_code(Lampi.named("000000000003").association_code, ada, NOW)
    for url in (URL, "https://other.example/associate", None):
        newest = outbox.last_version()
        claim_url.announce(url)
        claim_url.announce(url)  # as each daemon that starts does
        assert [roll_out_claim_url(), roll_out_claim_url(), roll_out_claim_url()] == [
            ROWS_A_STATEMENT,
            LAMPS - 1 - ROWS_A_STATEMENT,
            0,
        ]
        assert urls_said(newest) == [url] * (LAMPS - 1)
