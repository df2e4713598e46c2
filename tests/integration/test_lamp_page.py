"""The page of a lamp in a real browser, beside the lamp's real touchscreen and its service behind a real bridge."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lamp_ui.core.lamp_control import Control
from tests.support import axe, owning
from tests.support.bridge import Bridged
from tests.support.lamp_service import LampService
from tests.support.loop import USER, wait_for_code
from tests.support.screen import Touchscreen
from tests.support.touches import boxes, tap
from tests.support.waiting import wait_until
from tests.support.web import WebProcess, follow, sign_up
from tests.support.web_album import LAMP

PREFIX = f"devices/{LAMP}/"
LIVE_MILLISECONDS = 1000
MOST_REQUESTS_A_SECOND = 10


class Played:
    """A bridged lamp with its service, and the page."""

    def __init__(self, bridged: Bridged, service: LampService, web: WebProcess) -> None:
        self.bridged = bridged
        self.service = service
        self.web = web

    def sign_up_and_claim(self, page: Page) -> None:
        sign_up(page, self.web.url, "grace")
        owning.claim(page, self.web.url, wait_for_code(self.bridged.at_lamp, LAMP)[:6])


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    bridged = Bridged(tmp_path, LAMP)
    with (
        bridged.running(),
        WebProcess(bridged.cloud) as web,
        LampService(bridged.at_lamp.port, PREFIX) as service,
    ):
        yield Played(bridged, service, web)


def test_switched_from_the_page_and_slid_on_the_screen(played: Played, page: Page, tmp_path: Path) -> None:
    with Touchscreen(tmp_path / "touchscreen", played.bridged.at_lamp, LAMP) as screen:
        played.sign_up_and_claim(page)
        screen.wait_for_main_screen()
        owning.open_lamp(page, played.web.url)
        power, brightness = page.get_by_role("switch", name="Power"), page.get_by_label("Brightness")
        expect(power).to_be_checked()
        power.click()
        screen.wait_for_text("Off")
        expect(power).not_to_be_checked()
        brightness.focus()
        page.keyboard.press("Home")
        screen.wait_for_value(Control.BRIGHTNESS, "0%")
        expect(brightness).to_have_attribute("aria-valuetext", "0 percent")
        tap(screen, boxes(screen)[Control.BRIGHTNESS], across=0.999)  # which switches it on, too
        expect(brightness).to_have_value("100", timeout=LIVE_MILLISECONDS)
        expect(power).to_be_checked(timeout=LIVE_MILLISECONDS)
        expect(page.locator("#says")).to_have_text("")
        assert axe.violations(page) == []
        assert {request["client"] for request in played.service.requests} == {"cloud", "lamp_ui"}


NOTE_REQUESTS = """() => {
  window.sent = []
  const fetch = window.fetch
  window.fetch = (...given) => {
    if (given[1]?.method === 'POST') window.sent.push(performance.now())
    return fetch(...given)
  }
}"""
"""In the page: on a busy machine its requests are reported late, and together."""


def test_a_finger_on_a_slider_sends_ten_requests_a_second_at_most_and_its_last_place(
    played: Played, page: Page
) -> None:
    played.sign_up_and_claim(page)
    owning.open_lamp(page, played.web.url)
    hue = page.get_by_label("Hue")
    expect(hue).to_be_enabled()
    page.evaluate(NOTE_REQUESTS)
    box = hue.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 20, middle)
    page.mouse.down()
    until = time.monotonic() + 2
    while time.monotonic() < until:
        page.mouse.move(box["x"] + 20, middle, steps=20)
        page.mouse.move(box["x"] + box["width"] / 2, middle, steps=20)
    page.mouse.up()
    place = int(hue.input_value())
    assert 150 <= place <= 210
    wait_until(lambda: played.service.lamp["color"]["h"] == pytest.approx(place / 360, abs=0.006), "the last place")
    sent = [milliseconds / 1000 for milliseconds in page.evaluate("window.sent")]
    assert len(sent) > MOST_REQUESTS_A_SECOND / 2
    for first in sent:
        assert sum(first <= each < first + 1 for each in sent) <= MOST_REQUESTS_A_SECOND + 1
    expect(hue).to_have_value(re.compile(f"{place - 2}|{place - 1}|{place}|{place + 1}|{place + 2}"))


def test_a_lamp_that_does_not_answer_is_shown_as_it_was(played: Played, page: Page) -> None:
    played.sign_up_and_claim(page)
    owning.open_lamp(page, played.web.url)
    power = page.get_by_role("switch", name="Power")
    expect(power).to_be_checked()
    played.service.stop()
    power.click()
    expect(power).not_to_be_checked()
    expect(page.get_by_text("Waiting for the lamp…")).to_be_visible()
    expect(page.get_by_text("The lamp didn't answer.")).to_be_visible(timeout=15_000)
    expect(power).to_be_checked()


def test_the_daemon_goes_and_comes_back(played: Played, page: Page) -> None:
    played.sign_up_and_claim(page)
    owning.open_lamp(page, played.web.url)
    power = page.get_by_role("switch", name="Power")
    expect(power).to_be_enabled()
    played.bridged.daemon.stop()
    expect(page.get_by_text("The lamp service is unavailable. Changes can't be sent.")).to_be_visible()
    expect(power).to_be_disabled()
    played.bridged.daemon.start()
    expect(power).to_be_enabled(timeout=15_000)
    power.click()
    wait_until(lambda: played.service.lamp["on"] is False, "the lamp to be off")


def test_a_browser_without_a_stream_polls(played: Played, page: Page) -> None:
    page.route("**/live?session=*", lambda route: route.fulfill(status=503))
    played.sign_up_and_claim(page)
    owning.open_lamp(page, played.web.url)
    expect(page.get_by_role("switch", name="Power")).to_be_checked()
    played.service.say(on=False, client="lamp_ui")
    expect(page.get_by_role("switch", name="Power")).not_to_be_checked()


NOTE_FETCHES = """() => {
  window.fetched = []
  const fetch = window.fetch
  window.fetch = (...given) => {
    window.fetched.push(given[0])
    return fetch(...given)
  }
}"""


def test_a_page_that_stays_open_is_not_reloaded_and_asks_for_nothing(played: Played, page: Page) -> None:
    played.sign_up_and_claim(page)
    page.clock.install()
    owning.open_lamp(page, played.web.url)
    power = page.get_by_role("switch", name="Power")
    expect(power).to_be_checked()
    page.evaluate(NOTE_FETCHES)
    page.clock.run_for(60_000)
    played.service.say(on=False, client="lamp_ui")
    expect(power).not_to_be_checked()
    assert page.evaluate("window.fetched") == []  # undefined once the page has been loaded again


@pytest.mark.parametrize("path", ["/lamps", f"/lamps/{LAMP}/offer", "/account", "/associate"])
def test_another_open_page_stays_while_nothing_changes(played: Played, page: Page, path: str) -> None:
    played.sign_up_and_claim(page)
    page.clock.install()
    page.goto(f"{played.web.url}{path}")
    page.evaluate("window.isSame = true")
    page.clock.run_for(10_000)
    page.evaluate("fetch(location.href)")  # a reload would begin with the answer to an earlier request
    assert page.evaluate("window.isSame")


def test_a_lamp_that_is_released_elsewhere_is_gone(played: Played, page: Page) -> None:
    played.sign_up_and_claim(page)
    owning.open_lamp(page, played.web.url)
    expect(page.get_by_role("switch", name="Power")).to_be_checked()
    played.bridged.cloud.command("release", LAMP)
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def test_without_scripts(played: Played, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    played.sign_up_and_claim(page)
    owning.open_lamp(page, played.web.url)
    follow(page.get_by_role("switch", name="Power"))
    wait_until(lambda: played.service.requests == [{"on": False, "client": "cloud"}], "the lamp to be switched off")
    page.get_by_label("Hue").fill("120")
    follow(page.get_by_role("button", name="Set"))
    wait_until(lambda: played.service.lamp["color"]["h"] == 0.33, "the lamp to be green")
    follow(page.get_by_role("link", name="Refresh"))
    expect(page.get_by_label("Hue")).to_have_value("119")
    context.close()


def test_another_user_controls_nothing(played: Played, page: Page, browser: Browser) -> None:
    played.bridged.cloud.command("associate", wait_for_code(played.bridged.at_lamp, LAMP)[:6], "--user", USER)
    sign_up(page, played.web.url, "mallory")
    page.goto(f"{played.web.url}/lamps/{LAMP}")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    history = played.bridged.cloud.command("history").splitlines()
    assert [LAMP in line for line in history if "mallory" in line] == [False]  # that the account was created
