"""Every page around an owned lamp, as its owner meets them in a language: state, reset, handing over."""

from collections.abc import Iterator

from flask import Flask

from cloud.db.database import write_transaction
from cloud.services import ownership, resets
from cloud.services.resets import LampReset
from cloud.store import state_watches
from cloud.store.lamps import User
from cloud.store.lease import PublisherLease
from cloud.store.offers import Offer
from cloud.store.reset_requests import ResetRequest
from shared.protocol.payloads import Color, LampConfig
from tests.cloud.web.conftest import CODE, LAMP, Clock
from tests.support.pages import Answer, Reader


def lamp_pages(app: Flask, clock: Clock, user: User) -> Iterator[Answer]:
    """Yield a lamp's page while no daemon runs, then before the lamp has reported, and before it has answered."""
    reader = Reader(app, languages="de").be(user)
    ownership.rename(user, LAMP, "Küche", clock())
    yield reader.open(f"/lamps/{LAMP}")
    daemon = PublisherLease()
    daemon.acquire(clock())
    yield reader.open(f"/lamps/{LAMP}")
    with write_transaction():
        state_watches.record(LAMP, LampConfig(Color(0.5, 0.25), 0.75, True), clock())
    yield reader.open(f"/lamps/{LAMP}")
    reader.send(f"/lamps/{LAMP}", {"on": "false"})
    yield reader.open(f"/lamps/{LAMP}")
    daemon.resign()


def resets_at_the_lamp(app: Flask, clock: Clock, user: User) -> Iterator[Answer]:
    """Yield the lamp's page and the list while a reset is requested, and the list after it was refused, twice."""
    reader = Reader(app, languages="de").be(user)
    resets.answer({LAMP: None}, LampReset.AFTER_A_DAY, clock())
    resets.answer({LAMP: ResetRequest.get_by_id(LAMP).ticket}, LampReset.AFTER_A_DAY, clock())
    yield reader.open(f"/lamps/{LAMP}")
    yield reader.open("/lamps")
    form = reader.fields("/lamps")
    for _ in range(2):
        reader.send_bare(f"/lamps/{LAMP}/refuse-reset", form)
        yield reader.open("/lamps")


def handing_over(app: Flask, clock: Clock, user: User, taker: User) -> Iterator[Answer]:
    owner, other = Reader(app, languages="de").be(user), Reader(app, languages="de").be(taker)
    ownership.rename(user, LAMP, "Küche", clock())
    offer, found = f"/lamps/{LAMP}/offer", "/associate/this-lamp"
    for is_withdrawn in (True, False):
        yield owner.open(offer)
        owner.send(offer)
        Offer.update(code=CODE).execute()
        yield owner.open(offer)
        form = owner.fields(offer)
        other.send("/associate", {"code": CODE})
        yield other.open(found)
        if is_withdrawn:
            for _ in range(2):
                owner.send_bare(f"{offer}/withdraw", form)
                yield owner.open(offer)
            other.open(found)
            yield other.open("/associate")
        else:
            other.send(found)
            yield owner.open(offer)
