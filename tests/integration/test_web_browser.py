"""The page in a real browser: the whole story with a real lamp, by keyboard, without scripts, live, accessible."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from cloud.db.timestamps import utc_now
from cloud.services import claiming
from cloud.store.lamps import Lampi
from tests.integration.conftest import PHONE
from tests.support import axe
from tests.support.bridge import Bridged
from tests.support.catalogues import PAGE
from tests.support.cloud import Cloud
from tests.support.loop import opened_database
from tests.support.owning import sign_up_on
from tests.support.pages import PASSWORD
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until
from tests.support.web import WebProcess, sign_up
from tests.support.web_album import LAMP, take

LIVE_MILLISECONDS = 1000


def code_of(cloud: Cloud, device_id: str = LAMP) -> str:
    with opened_database(cloud):
        return str(Lampi.named(device_id).association_code)


def test_out_of_the_box_scanned_signed_up_identified_associated_and_released(tmp_path: Path, page: Page) -> None:
    bridged = Bridged(tmp_path, LAMP)
    with WebProcess(bridged.cloud) as web:
        bridged.cloud.environment["LAMPI_CLAIM_URL"] = f"{web.url}/associate"
        with bridged.running(), Touchscreen(tmp_path / "touchscreen", bridged.at_lamp, LAMP) as screen:
            address = wait_until(screen.qr, "a QR code on the screen")
            assert address.startswith(f"{web.url}/associate?code=")
            page.goto(address)
            sign_up_on(page, "grace")
            field = page.get_by_label("Code on the lamp's screen")
            expect(field).to_have_value(address.partition("code=")[2])
            code = field.input_value()[:6]
            screen.wait_for_code(code)  # nothing is associated yet
            page.get_by_role("button", name="Find lamp").click()
            screen.wait_for_text("Is this the lamp?")  # by itself
            expect(
                page.get_by_text("The screen lights up for a few seconds and asks “Is this the lamp?”")
            ).to_be_visible()
            on_page = page.locator(".digits").inner_text()
            wait_until(lambda: screen.badge() == on_page == LAMP[-4:], "the same four characters on page and screen")
            page.get_by_role("button", name="Light up again").click()
            asks = re.compile(
                r"The lamp's screen (is still asking “Is this the lamp\?”|asks “Is this the lamp\?” again)"
            )
            expect(page.get_by_text(asks)).to_be_visible()  # which of the two depends on how long this took
            page.get_by_role("button", name="Associate this lamp").click()
            expect(page.get_by_role("heading", name="This lamp is yours")).to_be_visible()
            expect(page.get_by_text("Your lamp is up to date.").first).to_be_visible()
            screen.wait_for_main_screen()
            page.get_by_label("Lamp name").fill("Kitchen")
            page.get_by_role("button", name="Save").click()
            screen.wait_for_text("Kitchen")
            page.get_by_role("link", name="Release Kitchen").click()
            page.get_by_role("button", name="Release").click()
            expect(page.get_by_text("Kitchen was released. It shows a new code.")).to_be_visible()
            wait_until(lambda: screen.code() not in ("", code), "another code on the screen")
            assert screen.runs()


LOOKS = ["360 dark en", "360 light en", "1280 light en", "360 light de", "1280 dark de"]


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_on_any_page(browser: Browser, web: WebProcess, cloud: Cloud, look: str) -> None:
    size, scheme, language = look.split()
    found = {}
    for name, page in take(browser, web, cloud, size, scheme, language=language):
        if faults := axe.violations(page):
            found[name] = faults
    assert found == {}


@pytest.mark.parametrize(("width", "language"), [(180, "en"), (320, "en"), (640, "en"), (180, "de"), (320, "de")])
def test_pages_fit_at_two_hundred_percent(
    browser: Browser, web: WebProcess, cloud: Cloud, width: int, language: str
) -> None:
    """A phone of 360 pixels has 180 at 200 %, a window of 1280 has 640; 320 is what WCAG 2.2 asks for (1.4.10)."""
    wide = {}
    for name, page in take(browser, web, cloud, "360", "dark", language=language):
        page.set_viewport_size(ViewportSize(width=width, height=740))
        needed = page.evaluate("document.scrollingElement.scrollWidth")
        if needed > width:
            wide[name] = needed
        page.set_viewport_size(PHONE)
    assert wide == {}


def test_with_the_keyboard_alone(page: Page, web: WebProcess, cloud: Cloud) -> None:
    keys = page.keyboard
    page.goto(f"{web.url}/sign-up")
    expect(page.get_by_label("Username")).to_be_focused()
    keys.type("grace")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/lamps")
    go_to(page, "Associate a lamp")
    page.wait_for_url("**/associate")
    expect(page.get_by_label("Code on the lamp's screen")).to_be_focused()
    keys.type(code_of(cloud)[:6])
    keys.press("Enter")
    page.wait_for_url("**/this-lamp")
    go_to(page, "Associate this lamp")
    page.wait_for_url("**/yours")
    go_to(page, "Go to my lamps")
    page.wait_for_url("**/lamps")
    go_to(page, "Release")
    page.wait_for_url("**/release")
    go_to(page, "Release")
    page.wait_for_url("**/lamps")
    expect(page.get_by_text("No lamps yet")).to_be_visible()


def go_to(page: Page, words: str) -> None:
    """Press Tab until the thing that says these words has the focus, which can be seen; then Enter."""
    for _ in range(30):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "[document.activeElement.innerText, getComputedStyle(document.activeElement).outlineStyle]"
        )
        if focused[0] == words:
            assert focused[1] == "solid"
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not lead to {words!r}")


def test_without_scripts(browser: Browser, web: WebProcess, cloud: Cloud) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_up(page, web.url, "grace")
    page.get_by_role("link", name="Associate a lamp").click()
    page.get_by_label("Code on").fill(code_of(cloud)[:6].upper())
    page.get_by_role("button", name="Find lamp").click()
    page.get_by_role("button", name="Light up again").click()
    expect(page.get_by_text("is unavailable, so the lamp's screen can't light up.")).to_be_visible()
    page.get_by_role("button", name="Associate this lamp").click()
    expect(page.get_by_role("link", name="Refresh")).to_be_visible()
    page.get_by_label("Lamp name").fill("Kitchen")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Kitchen")).to_be_visible()
    expect(page.get_by_text("UTC")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    context.close()


def change(cloud: Cloud, *, to_associated: bool) -> None:
    with opened_database(cloud):
        if to_associated:
            claiming.associate_by_device_id(LAMP, claiming.user_named("grace"), utc_now())
        else:
            claiming.release(LAMP, utc_now())


def test_a_page_that_is_open_follows_without_a_reload(page: Page, web: WebProcess, cloud: Cloud) -> None:
    with page.expect_request("**/live?seen=*"):
        sign_up(page, web.url, "grace")
    page.evaluate("window.stays = true")
    change(cloud, to_associated=True)
    expect(page.get_by_role("heading", name="My LAMPI")).to_be_visible(timeout=LIVE_MILLISECONDS)
    page.get_by_role("link", name="Rename My LAMPI").focus()
    with opened_database(cloud):
        claiming.associate_by_device_id("b827eb11c0de", claiming.user_named("grace"), utc_now())
    expect(page.get_by_role("heading", name="Bedside")).to_be_visible(timeout=LIVE_MILLISECONDS)
    expect(page.get_by_role("link", name="Rename My LAMPI")).to_be_focused()
    change(cloud, to_associated=False)
    expect(page.get_by_role("heading", name="My LAMPI")).to_be_hidden(timeout=LIVE_MILLISECONDS)
    assert page.evaluate("window.stays")


def test_a_german_page_stays_german_while_it_follows(browser: Browser, web: WebProcess, cloud: Cloud) -> None:
    with browser.new_context(locale="de-AT", timezone_id="Europe/Vienna") as context:
        page = context.new_page()
        with page.expect_request("**/live?seen=*"):
            sign_up(page, web.url, "grace", PAGE.words("de"))
        page.evaluate("window.stays = true")
        with opened_database(cloud):
            Lampi.update(presence_since=datetime(2026, 1, 5, 22, 30, tzinfo=UTC)).execute()
        change(cloud, to_associated=True)
        expect(page.get_by_text("Verbunden seit 05.01.2026, 23:30")).to_be_visible(timeout=LIVE_MILLISECONDS)
        assert page.evaluate("window.stays")


def test_a_browser_that_gets_no_stream_asks_now_and_then(page: Page, web: WebProcess, cloud: Cloud) -> None:
    page.route("**/live?seen=*", lambda route: route.fulfill(status=503))
    sign_up(page, web.url, "grace")
    page.evaluate("window.stays = true")
    change(cloud, to_associated=True)
    expect(page.get_by_role("heading", name="My LAMPI")).to_be_visible()
    assert page.evaluate("window.stays")


def test_a_browser_follows_again_when_the_page_s_program_was_away(page: Page, web: WebProcess, cloud: Cloud) -> None:
    sign_up(page, web.url, "grace")
    expect(page.get_by_text("No lamps yet")).to_be_visible()
    web.stop()
    change(cloud, to_associated=True)
    with WebProcess(cloud, port=web.port):
        expect(page.get_by_role("heading", name="My LAMPI")).to_be_visible(timeout=15_000)


def test_signing_out_in_one_tab_is_seen_in_another(page: Page, context: BrowserContext, web: WebProcess) -> None:
    sign_up(page, web.url, "grace")
    other = context.new_page()
    other.goto(f"{web.url}/lamps")
    other.get_by_role("button", name="Sign out").click()
    page.reload()
    expect(page.get_by_text("Sign in to continue.")).to_be_visible()


def test_back_after_signing_out_shows_nothing(page: Page, web: WebProcess, cloud: Cloud) -> None:
    sign_up(page, web.url, "grace")
    change(cloud, to_associated=True)
    page.goto(f"{web.url}/lamps")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert LAMP not in page.content()
