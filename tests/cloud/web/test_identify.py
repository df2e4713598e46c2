"""What the page says of the lamp's screen, when somebody asks it to say which lamp it is."""

from cloud.lease import PublisherLease
from cloud.models import Lampi
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import CODE
from tests.support.pages import Reader


def test_that_the_screen_says_it_is_said_only_where_it_can(as_ada: Reader, lampi: Lampi) -> None:
    as_ada.send("/associate", {"code": CODE})

    def told() -> str:
        as_ada.send("/associate/identify", page="/associate/this-lamp")
        return as_ada.open("/associate/this-lamp").text

    assert "away just now, so that the screen can't be told" in told()
    daemon = PublisherLease()
    daemon.acquire(NOW)
    assert "The lamp's screen now says" in told()
    daemon.give_back()
    Lampi.update(connected=False).execute()
    assert "The lamp is not connected, so that its screen can't be told" in told()
