"""What the page says about the lamp's screen during identification."""

from datetime import timedelta

from cloud.services.identification import IDENTIFY_FOR
from cloud.store import outbox
from cloud.store.lamps import Lampi
from cloud.store.lease import PublisherLease
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import CODE, LAMP, Clock
from tests.support.pages import Reader


def test_the_page_says_what_to_look_for_and_only_what_can_be_seen(as_ada: Reader, lampi: Lampi, clock: Clock) -> None:
    as_ada.send("/associate", {"code": CODE})

    def advice() -> tuple[str, str]:
        before = as_ada.open("/associate/this-lamp").text
        as_ada.send("/associate/identify", page="/associate/this-lamp")
        return before, as_ada.open("/associate/this-lamp").text

    before, again = advice()
    assert "Check that the lamp's screen shows the same four characters" in before
    assert "The screen can't light up because the lamp service is unavailable." in before
    assert "The lamp service is unavailable, so the lamp's screen can't light up." in again
    daemon = PublisherLease()
    daemon.acquire(NOW)
    before, again = advice()
    assert "The screen lights up for a few seconds and asks “Is this the lamp?”" in before
    assert "The lamp's screen is still asking “Is this the lamp?”" in again
    clock.pass_by(IDENTIFY_FOR)
    daemon.acquire(clock.now)
    before, again = advice()
    assert "The screen has stopped asking “Is this the lamp?” Press “Light up again” to repeat it." in before
    assert "The lamp's screen asks “Is this the lamp?” again." in again
    assert "The screen lights up for a few seconds and asks “Is this the lamp?”" in again
    daemon.resign()
    Lampi.update(connected=False).execute()
    before, again = advice()
    assert "The screen can't light up. Check that the lamp is switched on and connected to the network." in before
    assert "The lamp is not connected, so its screen can't light up." in again


def test_the_lamp_under_the_code_lights_up_by_itself_and_no_other(as_ada: Reader, lampi: Lampi) -> None:
    other = Lampi.create(device_id="b827ebba0388", connected=True)
    as_ada.send("/associate", {"code": other.association_code[::-1]})
    assert {lamp.identify_until for lamp in Lampi.select()} == {None}
    as_ada.send("/associate", {"code": CODE})
    assert lampi.reread().identify_until == NOW + IDENTIFY_FOR
    assert other.reread().identify_until is None


def test_however_often_the_code_is_entered_it_lights_up_once_in_ten_seconds(as_ada: Reader, lampi: Lampi) -> None:
    as_ada.send("/associate", {"code": CODE})
    said = outbox.last_version()
    for _ in range(3):
        as_ada.send("/associate", {"code": CODE})
        as_ada.send("/associate/identify", page="/associate/this-lamp")
    assert outbox.last_version() == said
    assert timedelta(seconds=10) <= IDENTIFY_FOR


def test_once_the_code_was_replaced_the_lamp_is_neither_lit_up_nor_shown(as_ada: Reader, lampi: Lampi) -> None:
    as_ada.send("/associate", {"code": CODE})
    fields = as_ada.fields("/associate/this-lamp")
    Lampi.update(association_code=CODE[:6][::-1] + "0" * 26, identify_until=None).execute()
    as_ada.send_bare("/associate/identify", fields)
    assert lampi.reread().identify_until is None
    assert LAMP[-4:] not in as_ada.open("/associate/this-lamp", follow_redirects=True).text
