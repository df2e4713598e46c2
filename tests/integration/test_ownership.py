"""All of ownership in one play: claimed, used, handed over, and reset, with every part a real one."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from lamp_ui.core.lamp_control import Control
from tests.integration.conftest import PHONE
from tests.support.bridge import Bridged
from tests.support.lamp_service import LampService
from tests.support.looks import tap_mark
from tests.support.owning import claim, make_offer, open_lamp, sign_up_on
from tests.support.resets import hold, let_a_day_pass, tap_close, tap_confirm
from tests.support.screen import Touchscreen
from tests.support.touches import boxes, on_screen
from tests.support.waiting import wait_until
from tests.support.web import WebProcess, follow, sign_up

LAMP = "b827ebba0387"
PREFIX = f"devices/{LAMP}/"
LIVE_MILLISECONDS = 1000


def test_played_in_chromium_beside_a_touchscreen_and_a_lamp_service(
    tmp_path: Path, page: Page, browser: Browser
) -> None:
    bridged = Bridged(tmp_path, LAMP)
    at_hoppers = browser.new_context(viewport=PHONE, reduced_motion="reduce")
    with (
        WebProcess(bridged.cloud) as web,
        bridged.running(),
        LampService(bridged.at_lamp.port, PREFIX) as service,
        Touchscreen(tmp_path / "touchscreen", bridged.at_lamp, LAMP) as screen,
    ):
        sign_up(page, web.url, "grace")
        code = wait_until(screen.code, "a code on the screen")
        claim(page, web.url, code)
        expect(page.get_by_role("heading", name="This lamp is yours")).to_be_visible()
        screen.wait_for_main_screen()

        open_lamp(page, web.url)
        switch_and_slide(page, screen)
        assert service.lamp["on"] is True

        second_tab = page.context.new_page()
        link = make_offer(second_tab, web.url)
        hoppers = at_hoppers.new_page()
        hoppers.goto(link)
        sign_up_on(hoppers, "hopper")
        follow(hoppers.get_by_role("button", name="Take over this lamp"))
        for former in (page, second_tab):
            expect(former.get_by_role("heading", name="Lamp handed over")).to_be_visible()  # by itself
        assert screen.code() == ""

        open_lamp(hoppers, web.url)
        request_reset(screen)
        expect(reset_notice(hoppers)).to_be_visible(timeout=LIVE_MILLISECONDS)
        tap_close(screen)
        screen.wait_for_text("Software")
        follow(hoppers.get_by_role("button", name="Refuse reset of My LAMPI"))
        expect(hoppers.get_by_text("Reset refused. My LAMPI stays yours.")).to_be_visible()
        screen.wait_for_text("The owner refused the reset.")
        let_a_day_pass(bridged.cloud)
        screen.wait_for_text("Everything works.")
        tap_mark(screen)
        screen.wait_for_main_screen()

        open_lamp(hoppers, web.url)
        expect(reset_notice(hoppers)).to_have_count(0)
        request_reset(screen)
        expect(reset_notice(hoppers)).to_be_visible(timeout=LIVE_MILLISECONDS)
        let_a_day_pass(bridged.cloud)
        wait_until(lambda: screen.code() not in ("", code), "another code on the screen")
        expect(hoppers.get_by_role("heading", name="Page not found")).to_be_visible()  # by itself
        for former in (hoppers, page):
            former.goto(f"{web.url}/lamps")
            expect(former.get_by_role("heading", name="No lamps yet")).to_be_visible()
        page.goto(f"{web.url}/lamps/{LAMP}")
        expect(page.get_by_role("heading", name="Lamp handed over")).to_be_visible()
        assert screen.runs()
    said = re.findall(r"UTC  (.*)", bridged.cloud.command("history", LAMP))
    assert said == [
        f"associated {LAMP} by grace, from 127.0.0.1",
        f"offered {LAMP} of grace, from 127.0.0.1",
        f"handed over {LAMP} by grace to hopper, from 127.0.0.1",
        f"reset requested {LAMP} of hopper, from lamp",
        f"reset refused {LAMP} by hopper, from 127.0.0.1",
        f"reset requested {LAMP} of hopper, from lamp",
        f"reset {LAMP} of hopper, from lamp",
    ]
    at_hoppers.close()


def switch_and_slide(page: Page, screen: Touchscreen) -> None:
    """Switch the lamp off on the page, and set its brightness on the touchscreen, which switches it on."""
    power, brightness = page.get_by_role("switch", name="Power"), page.get_by_label("Brightness")
    expect(power).to_be_checked()
    power.click()
    screen.wait_for_text("Off")
    slide_brightness(screen, start=0.2, end=0.6)
    expect(brightness).to_have_value(re.compile(r"5\d|6\d"), timeout=LIVE_MILLISECONDS)
    expect(power).to_be_checked(timeout=LIVE_MILLISECONDS)
    screen.wait_for_value(Control.BRIGHTNESS, f"{brightness.input_value()}%")


def slide_brightness(screen: Touchscreen, start: float, end: float) -> None:
    """Slide a finger over the brightness slider, between fractions of its width."""
    box = boxes(screen)[Control.BRIGHTNESS]
    screen.screen.press(*on_screen(screen, box, start))
    steps = [start + (end - start) * step / 20 for step in range(21)]
    screen.screen.slide([on_screen(screen, box, across) for across in steps], pause_seconds=0.01)
    screen.screen.lift()


def request_reset(screen: Touchscreen) -> None:
    hold(screen)
    tap_confirm(screen)
    screen.wait_for_text("Reset requested.")


def reset_notice(page: Page) -> Locator:
    """Return the notice on a lamp's page, where screen readers announce it."""
    return page.get_by_role("status").filter(has_text="A reset was requested on this lamp's screen.")
