"""Many tabs of one browser: one event stream for all of them, none for hidden ones."""

from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from cloud.db.timestamps import utc_now
from cloud.services import claiming
from cloud.web.live import MOST_STREAMS_OF_ONE
from tests.support.browsing import RawStream, cookie_for
from tests.support.cloud import Cloud
from tests.support.loop import opened_database
from tests.support.pages import PASSWORD
from tests.support.proxy import StorablePages
from tests.support.tabs import TabbedBrowser
from tests.support.waiting import wait_until
from tests.support.web import WebProcess, follow, sign_up
from tests.support.web_album import LAMP, MORE

TABS = 10
"""Over HTTP/1.1 a browser has six connections to a server: with one stream a tab, the seventh tab would hang."""

LIVE_MILLISECONDS = 1000
LOADS_MILLISECONDS = 3000
BACK_MILLISECONDS = 10_000
POLL_MILLISECONDS = 3000

WITHOUT_LOCKS = "delete Navigator.prototype.locks"
WITHOUT_CHANNELS = "delete window.BroadcastChannel"


class Streams:
    """The event streams that a browser asked for and has."""

    def __init__(self, context: BrowserContext) -> None:
        self.requested = 0
        self._context = context
        self._open: list[Request] = []
        context.on("request", self._begin)
        context.on("requestfailed", self._end)
        context.on("requestfinished", self._end)

    def _begin(self, request: Request) -> None:
        if "/live?" in request.url:
            self.requested += 1
            self._open.append(request)

    def _end(self, request: Request) -> None:
        if request in self._open:
            self._open.remove(request)

    def wait_for(self, number: int, *, requested: int) -> None:
        """Wait until the browser has so many, and has asked for so many since the test began."""

        def is_there() -> bool:
            self._context.pages[-1].evaluate("1")  # has Playwright report what the browser did
            has = sum(not request.frame.page.is_closed() for request in self._open)
            return (has, self.requested) == (number, requested)

        wait_until(is_there, f"{number} streams")


def wait_for_server(web: WebProcess, cookie: str, number: int) -> None:
    """Wait until the server holds so many streams of a user: the others up to its limit can still be opened.

    Only at a test's end: meanwhile the server refuses the browser's.
    """
    opened: list[RawStream] = []

    def all_others_are_open() -> bool:
        with suppress(AssertionError):  # refused with 503: one that ended is not free yet
            opened.append(RawStream(web.url, cookie))
        return len(opened) == MOST_STREAMS_OF_ONE - number

    try:
        wait_until(all_others_are_open, f"{number} streams at the server")
        with pytest.raises(AssertionError, match="503"):
            opened.append(RawStream(web.url, cookie))
    finally:
        for stream in opened:
            stream.close()


@pytest.fixture
def streams(context: BrowserContext) -> Streams:
    return Streams(context)


@pytest.fixture
def tabs(page: Page, context: BrowserContext, web: WebProcess, streams: Streams) -> list[Page]:
    """Give three visible tabs, the first of which holds the stream."""
    sign_up(page, web.url, "grace")
    streams.wait_for(1, requested=1)
    return [page, *(open_tab(context, web) for _ in range(2))]


def open_tab(context: BrowserContext, web: WebProcess) -> Page:
    tab = context.new_page()
    tab.goto(f"{web.url}/lamps", timeout=LOADS_MILLISECONDS)
    return tab


def claim(cloud: Cloud, device_id: str = LAMP, user: str = "grace") -> None:
    with opened_database(cloud):
        claiming.associate_by_device_id(device_id, claiming.user_named(user), utc_now())


def show(tab: Page, visible: bool) -> None:
    """Hide a tab or show it. Playwright keeps all tabs visible, so what the page is told of it is replaced."""
    tab.evaluate(
        """visible => {
          const state = visible ? 'visible' : 'hidden'
          Object.defineProperty(document, 'hidden', { value: !visible, configurable: true })
          Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
          document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
        }""",
        visible,
    )


def expect_lamp(tab: Page, name: str = "My LAMPI", milliseconds: float = LIVE_MILLISECONDS) -> None:
    expect(tab.get_by_role("heading", name=name)).to_be_visible(timeout=milliseconds)


def test_ten_tabs_have_one_stream_and_all_follow(
    page: Page, context: BrowserContext, web: WebProcess, cloud: Cloud, streams: Streams
) -> None:
    sign_up(page, web.url, "grace")
    tabs = [page, *(open_tab(context, web) for _ in range(TABS - 1))]
    for tab in tabs:
        tab.evaluate("window.stays = true")
    claim(cloud)
    for tab in tabs:
        expect_lamp(tab)
    eleventh = open_tab(context, web)
    expect_lamp(eleventh)
    claim(cloud, "b827eb11c0de")
    for tab in [*tabs, eleventh]:
        expect_lamp(tab, MORE["b827eb11c0de"])
    streams.wait_for(1, requested=1)
    wait_for_server(web, cookie_for(cloud, "grace"), 1)
    assert all(tab.evaluate("window.stays") for tab in tabs)


def test_another_tab_takes_over_when_the_one_with_the_stream_is_closed(
    tabs: list[Page], web: WebProcess, cloud: Cloud, streams: Streams
) -> None:
    tabs[0].goto("about:blank")
    streams.wait_for(1, requested=2)
    claim(cloud)
    for tab in tabs[1:]:
        expect_lamp(tab)
    tabs[1].close()
    streams.wait_for(1, requested=3)
    claim(cloud, "b827eb11c0de")
    expect_lamp(tabs[2], MORE["b827eb11c0de"])
    wait_for_server(web, cookie_for(cloud, "grace"), 1)


def test_a_hidden_tab_has_no_stream_and_is_up_to_date_when_it_is_shown(
    tabs: list[Page], web: WebProcess, cloud: Cloud, streams: Streams
) -> None:
    show(tabs[0], False)
    streams.wait_for(1, requested=2)
    claim(cloud)
    for tab in tabs[1:]:
        expect_lamp(tab)
    expect(tabs[0].get_by_text("No lamps yet")).to_be_visible()
    show(tabs[1], False)
    streams.wait_for(1, requested=3)
    show(tabs[2], False)
    streams.wait_for(0, requested=3)
    claim(cloud, "b827eb11c0de")
    for tab in tabs:
        show(tab, True)
        expect_lamp(tab, MORE["b827eb11c0de"])
    streams.wait_for(1, requested=4)
    wait_for_server(web, cookie_for(cloud, "grace"), 1)


def test_as_a_person_goes_through_tabs_the_one_in_front_has_the_stream(
    tmp_path: Path, web: WebProcess, cloud: Cloud
) -> None:
    with opened_database(cloud):
        claiming.add_user("grace")
    cookie = cookie_for(cloud, "grace")
    with TabbedBrowser(tmp_path / "chromium") as browser:
        first, second, third = (browser.open(f"{web.url}/lamps", cookie) for _ in range(3))
        for tab in (first, second, third):
            wait_until(lambda tab=tab: "No lamps yet" in tab.text, "a page")  # type: ignore[misc]
        assert [tab.is_visible for tab in (first, second, third)] == [False, False, True]
        claim(cloud)
        wait_until(lambda: "My LAMPI" in third.text, "the tab in front to follow")
        assert ["My LAMPI" in tab.text for tab in (first, second)] == [False, False]
        first.bring_to_front()
        wait_until(lambda: "My LAMPI" in first.text, "the first tab to be up to date")
        claim(cloud, "b827eb11c0de")
        wait_until(lambda: "Bedside" in first.text, "the first tab to follow")
        assert "Bedside" not in third.text
        first.close()
        second.bring_to_front()
        wait_until(lambda: "Bedside" in second.text, "the second tab to be up to date")
        claim(cloud, "b827eb5a1e5c")
        wait_until(lambda: "b827eb5a1e5c" in second.text, "the second tab to follow")
        wait_for_server(web, cookie, 1)
        browser.open("about:blank")
        wait_until(lambda: not second.is_visible, "the second tab to be hidden")
        wait_for_server(web, cookie, 0)


@pytest.mark.parametrize("without", [WITHOUT_LOCKS, WITHOUT_CHANNELS])
def test_in_an_older_browser_each_visible_tab_has_a_stream(
    page: Page, web: WebProcess, cloud: Cloud, streams: Streams, without: str
) -> None:
    context = page.context
    context.add_init_script(without)
    sign_up(page, web.url, "grace")
    other = open_tab(context, web)
    streams.wait_for(2, requested=2)
    show(page, False)
    streams.wait_for(1, requested=2)
    claim(cloud)
    expect_lamp(other)
    expect(page.get_by_text("No lamps yet")).to_be_visible()
    show(page, True)
    expect_lamp(page)
    streams.wait_for(2, requested=3)


def test_tabs_follow_while_the_server_refuses_streams(
    page: Page, context: BrowserContext, web: WebProcess, cloud: Cloud, streams: Streams
) -> None:
    context.route("**/live?seen=*", lambda route: route.fulfill(status=503))
    sign_up(page, web.url, "grace")
    other = open_tab(context, web)
    claim(cloud)
    for tab in (page, other):
        expect_lamp(tab, milliseconds=BACK_MILLISECONDS)
    show(page, False)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    claim(cloud, "b827eb11c0de")
    expect_lamp(other, MORE["b827eb11c0de"], BACK_MILLISECONDS)
    for _ in range(2):
        with other.expect_request("**/live/state?*"):
            pass  # the hidden tab's turn would have come meanwhile
    assert requested == []
    expect(page.get_by_text(MORE["b827eb11c0de"])).to_be_hidden()


def test_a_tab_asks_for_a_stream_again_after_a_minute(page: Page, web: WebProcess, streams: Streams) -> None:
    page.clock.install()
    page.route("**/live?seen=*", lambda route: route.fulfill(status=503))
    sign_up(page, web.url, "grace")
    streams.wait_for(0, requested=1)  # refused: after the next line, the server would give it
    page.unroute("**/live?seen=*")

    def asks_again() -> bool:
        page.clock.run_for(POLL_MILLISECONDS)
        return streams.requested == 2

    wait_until(asks_again, "another stream")
    streams.wait_for(1, requested=2)


def test_tabs_of_two_users_of_one_browser_share_nothing(
    tabs: list[Page], context: BrowserContext, web: WebProcess, cloud: Cloud, streams: Streams
) -> None:
    other = tabs[2]
    show(other, False)
    follow(tabs[1].get_by_role("button", name="Sign out"))
    tabs[1].goto(f"{web.url}/sign-up")
    tabs[1].get_by_label("Username").fill("alan")
    tabs[1].get_by_label("Password", exact=True).fill(PASSWORD)
    follow(tabs[1].get_by_role("button", name="Create account"))
    streams.wait_for(2, requested=2)  # though the first tab still has the first user's
    claim(cloud, LAMP, "alan")
    expect_lamp(tabs[1])
    expect(tabs[0].get_by_text("No lamps yet")).to_be_visible()
    other.evaluate("window.stays = true")
    show(other, True)  # it shows the first user's page: it asks, and starts again as the second user's
    expect_lamp(other, milliseconds=LOADS_MILLISECONDS)
    assert other.evaluate("window.stays") is None
    tabs[0].evaluate("window.stays = true")
    claim(cloud, "b827eb11c0de", "grace")  # the first user's stream brings this to the second user's browser
    expect_lamp(tabs[0], milliseconds=LOADS_MILLISECONDS)
    assert tabs[0].evaluate("window.stays") is None


def test_a_page_that_the_browser_kept_for_the_back_button_is_up_to_date(
    tmp_path: Path, web: WebProcess, cloud: Cloud
) -> None:
    with opened_database(cloud):
        claiming.add_user("grace")
    cookie = cookie_for(cloud, "grace")
    with StorablePages(web.port) as proxy, TabbedBrowser(tmp_path / "chromium") as browser:
        tab = browser.open(f"http://127.0.0.1:{proxy.port}/lamps", cookie)
        wait_until(lambda: "No lamps yet" in tab.text and tab.is_loaded, "the page")
        tab.evaluate("addEventListener('pageshow', event => { sessionStorage.kept = event.persisted })")
        tab.evaluate("location.pathname = '/password'")
        wait_until(lambda: "Current password" in tab.text and tab.is_loaded, "another page")
        claim(cloud)
        tab.evaluate("history.back()")
        wait_until(lambda: "My LAMPI" in tab.text, "the page to be up to date")
        assert tab.evaluate("sessionStorage.kept") == "true"
        claim(cloud, "b827eb11c0de")
        wait_until(lambda: "Bedside" in tab.text, "the page to follow")
        wait_for_server(web, cookie, 1)


def test_all_tabs_follow_again_after_a_restart_of_the_server(tabs: list[Page], web: WebProcess, cloud: Cloud) -> None:
    web.stop()
    claim(cloud)
    with WebProcess(cloud, port=web.port):
        for tab in tabs:
            expect_lamp(tab, milliseconds=BACK_MILLISECONDS)
