"""The page in a real browser while the database is away, and when it is back."""

from playwright.sync_api import Page, expect

from cloud.db.timestamps import utc_now
from cloud.services import claiming
from tests.support.cloud import Cloud
from tests.support.loop import opened_database
from tests.support.web import WebProcess, sign_up
from tests.support.web_album import LAMP

BACK_MILLISECONDS = 10_000


def test_a_page_outlives_a_database_that_was_away(page: Page, web: WebProcess, cloud: Cloud) -> None:
    sign_up(page, web.url, "grace")
    file, aside = cloud.folder / "lampi.db", cloud.folder / "aside.db"
    web.stop()
    file.rename(aside)
    expect(page.get_by_role("heading", name="My lamps")).to_be_visible()
    with WebProcess(cloud, port=web.port):
        page.goto(f"{web.url}/lamps?page=1")
        expect(page.get_by_role("heading", name="Service temporarily unavailable")).to_be_visible()
        aside.rename(file)
        expect(page.get_by_role("heading", name="My lamps")).to_be_visible(timeout=BACK_MILLISECONDS)
        assert page.url == f"{web.url}/lamps?page=1"


def test_what_is_shown_stays_while_it_can_t_be_renewed(page: Page, web: WebProcess, cloud: Cloud) -> None:
    sign_up(page, web.url, "grace")
    page.route("**/lamps", lambda route: route.fulfill(status=503, body="away"))
    with page.expect_response("**/lamps"), opened_database(cloud):
        claiming.associate_by_device_id(LAMP, claiming.user_named("grace"), utc_now())
    expect(page.get_by_role("heading", name="My lamps")).to_be_visible()
    page.unroute("**/lamps")
    expect(page.get_by_role("link", name="Release My LAMPI")).to_be_visible(timeout=BACK_MILLISECONDS)
