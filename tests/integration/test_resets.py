"""Resets at the lamp on real parts: the touchscreen, the bridge, the daemon, and the owner's page."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud.store.lamps import Lampi
from cloud.store.reset_requests import ResetRequest
from tests.integration.conftest import PHONE
from tests.support import axe
from tests.support.bridge import Bridged
from tests.support.catalogues import PAGE
from tests.support.lamp_service import LampService
from tests.support.looks import tap_mark
from tests.support.loop import (
    ASSOCIATED,
    USER,
    opened_database,
    presence,
    retained_state,
    wait_for_code,
    wait_for_state,
)
from tests.support.resets import (
    answer_at,
    ask,
    hold,
    let_a_day_pass,
    request_reset,
    reset_topic,
    tap_close,
    tap_confirm,
    wait_for_stage,
)
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until
from tests.support.web import WebProcess, sign_up

LIVE_MILLISECONDS = 1000
POLL_MILLISECONDS = 2000
LAMP = "b827ebba0387"
OTHER = "b827ebba0388"
PREFIX = f"devices/{LAMP}/"


@pytest.fixture
def owned(bridged: Bridged) -> Bridged:
    """Give a running lamp that has an owner."""
    bridged.associate(wait_for_code(bridged.at_lamp, LAMP))
    wait_for_state(bridged.at_lamp, LAMP, ASSOCIATED)
    return bridged


def test_an_owner_refuses_on_the_page_and_the_next_time_says_nothing(tmp_path: Path, page: Page) -> None:
    bridged = Bridged(tmp_path, LAMP)
    with (
        WebProcess(bridged.cloud) as web,
        bridged.running(),
        LampService(bridged.at_lamp.port, PREFIX),
        Touchscreen(tmp_path / "touchscreen", bridged.at_lamp, LAMP) as screen,
    ):
        sign_up(page, web.url, "grace")
        code = wait_for_code(bridged.at_lamp, LAMP)
        bridged.cloud.command("associate", code[:6], "--user", "grace")
        screen.wait_for_main_screen()
        page.goto(f"{web.url}/lamps")

        notice, announcement = page.locator("form.reset"), page.get_by_role("status")
        hold(screen)
        expect(notice).to_have_count(0)
        tap_confirm(screen)
        screen.wait_for_text("Reset requested.")
        expect(notice).to_contain_text("A reset was requested on this lamp's screen.")
        expect(announcement).to_contain_text("My LAMPI: A reset was requested on this lamp's screen.")
        tap_close(screen)
        screen.wait_for_text("Software")
        screen.wait_for_text("Reset requested.")
        page.get_by_role("button", name="Refuse reset of My LAMPI").click()
        expect(page.get_by_text("Reset refused. My LAMPI stays yours.")).to_be_visible()
        screen.wait_for_text("The owner refused the reset.")
        assert "ownership" not in screen.text()
        let_a_day_pass(bridged.cloud)
        screen.wait_for_text("Everything works.")
        tap_mark(screen)

        hold(screen)
        tap_confirm(screen)
        screen.wait_for_text("Reset requested.")
        expect(notice).to_be_visible()
        let_a_day_pass(bridged.cloud)
        wait_until(lambda: screen.code() not in ("", code[:6]), "another code on the screen")
        expect(page.get_by_role("heading", name="No lamps yet")).to_be_visible()
    said = re.findall(r"UTC  (.*)", bridged.cloud.command("history", LAMP))
    assert said[1:] == [
        f"reset requested {LAMP} of grace, from lamp",
        f"reset refused {LAMP} by grace, from 127.0.0.1",
        f"reset requested {LAMP} of grace, from lamp",
        f"reset {LAMP} of grace, from lamp",
    ]


@pytest.mark.parametrize(("locale", "has_stream"), [("en-GB", True), ("de-DE", True), ("en-GB", False)])
def test_an_open_page_of_the_lamp_shows_a_request_and_its_end(
    bridged: Bridged, browser: Browser, locale: str, has_stream: bool
) -> None:
    say, within = PAGE.words(locale[:2]), LIVE_MILLISECONDS if has_stream else POLL_MILLISECONDS
    context = browser.new_context(viewport=PHONE, locale=locale, timezone_id="UTC")
    page = context.new_page()
    if not has_stream:
        page.route("**/live?session=*", lambda route: route.fulfill(status=503))
    with WebProcess(bridged.cloud) as web:
        sign_up(page, web.url, "grace", say)
        code = wait_for_code(bridged.at_lamp, LAMP)
        bridged.cloud.command("associate", code[:6], "--user", "grace")
        page.goto(f"{web.url}/lamps/{LAMP}")
        status = page.locator("#reset")
        expect(status).to_have_role("status")
        expect(status).to_be_empty()

        request_reset(bridged.at_lamp, LAMP)
        expect(status.get_by_role("button", name=say("Refuse reset"))).to_be_visible(timeout=within)
        before, after = say(
            "A reset was requested on this lamp's screen. The lamp will be released on %(time)s unless you refuse."
        ).split("%(time)s")
        until = datetime.fromtimestamp(answer_at(bridged.at_lamp, LAMP)["until"], UTC)
        expect(status).to_have_text(re.compile(f"{re.escape(before)}.*{until:%Y, %H:%M}{re.escape(after)}"))
        assert axe.violations(page) == []
        bridged.cloud.command("refuse-reset", LAMP)
        expect(status).to_have_text(say("Reset refused. %(name)s stays yours.") % {"name": "My LAMPI"}, timeout=within)
        assert axe.violations(page) == []
    context.close()


def test_an_operator_lists_and_refuses(owned: Bridged) -> None:
    assert owned.cloud.command("resets") == "No resets are requested.\n"
    request_reset(owned.at_lamp, LAMP)
    said = owned.cloud.command("resets")
    assert re.fullmatch(rf"{LAMP} \(My LAMPI\) of {USER} is released on .* UTC unless refused\.\n", said)
    assert f'"device_id": "{LAMP}"' in owned.cloud.command("resets", "--json")
    said = owned.cloud.command("refuse-reset", LAMP)
    assert said == f"Refused the reset of the lamp {LAMP}; it stays with {USER}.\n"
    wait_for_stage(owned.at_lamp, LAMP, "refused")
    assert "No reset of this lamp is requested." in owned.cloud.command("refuse-reset", LAMP, status=1)


def test_a_daemon_that_restarts_at_any_stage_goes_on(owned: Bridged) -> None:
    ticket = ask(owned.at_lamp, LAMP, {}, "offered")["ticket"]
    owned.daemon.kill()
    owned.daemon.start()
    ask(owned.at_lamp, LAMP, {"ticket": ticket}, "requested")
    owned.daemon.kill()
    let_a_day_pass(owned.cloud)
    owned.daemon.start()
    released = b'"associated": false'
    wait_until(lambda: released in (retained_state(owned.at_lamp, LAMP) or b""), "the lamp to be released")


def test_a_request_that_is_made_without_the_cloud_never_arrives(owned: Bridged) -> None:
    bridge = presence(LAMP)
    owned.at_cloud.stop()
    with owned.at_lamp.hear(bridge) as ear:
        while ear.next(20).payload != b"0":
            pass
        owned.at_lamp.publish(reset_topic(LAMP), b"{}")
        owned.at_lamp.publish(f"{PREFIX}lamp/changed", b'{"on": true}', retain=True)  # which is queued
        owned.at_cloud.start()
        with owned.at_cloud.hear(f"{PREFIX}lamp/+") as cloud:
            heard: list[str] = []
            while not heard or not heard[-1].endswith("changed"):
                heard.append(cloud.next(20).topic)
        while ear.next(20).payload != b"1":
            pass
    assert reset_topic(LAMP) not in heard


def test_what_the_broker_retains_is_no_request(owned: Bridged) -> None:
    owned.daemon.stop()
    owned.at_lamp.publish(reset_topic(LAMP), b"{}", retain=True)
    owned.at_cloud.publish(reset_topic(LAMP), b"{}", retain=True)
    with owned.daemon:
        owned.at_cloud.publish(presence(OTHER), b"1")
        wait_for_code(owned.at_cloud, OTHER)
        with opened_database(owned.cloud):
            assert ResetRequest.select().count() == 0


def test_a_stock_lamp_can_not_ask(tmp_path: Path) -> None:
    with Bridged(tmp_path, LAMP, stock=True).running() as stock, stock.at_cloud.hear(reset_topic(LAMP)) as cloud:
        code = wait_for_code(stock.at_cloud, LAMP)
        stock.associate(code)
        wait_for_state(stock.at_cloud, LAMP, ASSOCIATED)
        stock.at_lamp.publish("lamp/reset", b"{}")
        assert cloud.next().payload == b"{}"
        stock.at_cloud.publish(presence(OTHER), b"1")
        wait_for_code(stock.at_cloud, OTHER)
        with opened_database(stock.cloud):
            assert ResetRequest.select().count() == 0
            assert Lampi.named(LAMP).user is not None
