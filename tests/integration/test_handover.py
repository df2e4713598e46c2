"""Handing a lamp over with real parts: rivals for one offer, and two browsers beside a real touchscreen."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud.db.timestamps import utc_now
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services import claiming
from cloud.services.offering import make_offer
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi
from cloud.store.offers import Offer
from tests.integration.conftest import PHONE
from tests.support import owning
from tests.support.bridge import Bridged
from tests.support.cloud import Cloud
from tests.support.loop import ASSOCIATED, made_cloud, opened_database, wait_for_state
from tests.support.postgres import Postgres
from tests.support.rivals import WON, let_go, start_rivals
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until
from tests.support.web import WebProcess, follow, sign_up

LAMP = "b827ebba0387"
RIVALS = [f"user{number}" for number in range(4)]
THREADS = 25
UNKNOWN_CODE = "No lamp found for this code. Check the code on the lamp's screen."


@pytest.fixture(params=["sqlite", "postgresql"])
def crowd(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres) -> Cloud:
    """Give a cloud with a lamp of Ada's, and a user for each process of rivals."""
    cloud = made_cloud(tmp_path / "cloud", 1883, postgres.make_database() if request.param == "postgresql" else None)
    with opened_database(cloud):
        announce(CodePolicy(risk=1.0, guesses_per_user=1000, guesses_per_source=10_000))  # losing is no fault of theirs
        for user in RIVALS:
            claiming.add_user(user)
        Lampi.create(device_id=LAMP)
        claiming.associate_by_device_id(LAMP, claiming.user_named("ada"), utc_now())
    return cloud


def offered(cloud: Cloud) -> Offer:
    with opened_database(cloud):
        return make_offer(LAMP, utc_now(), "192.0.2.7")


def changes_of_owner(cloud: Cloud) -> list[tuple[str, str, str | None]]:
    with opened_database(cloud):
        rows = History.select().where(History.device_id == LAMP).order_by(History.id)
        return [(row.event, row.user_name, row.new_owner) for row in rows if row.event != "offered"]


@pytest.mark.parametrize("by_link", [True, False])
def test_of_100_rivals_for_an_offer_one_wins(crowd: Cloud, by_link: bool) -> None:
    offer = offered(crowd)
    typed = offer.code if by_link else offer.short_code
    outcomes = let_go([start_rivals(crowd, "code", typed, user, THREADS) for user in RIVALS])
    assert outcomes == {WON: 1, UNKNOWN_CODE: len(RIVALS) * THREADS - 1}
    owner = crowd.lamps()[LAMP]["user"]
    assert owner in RIVALS
    assert changes_of_owner(crowd) == [("associated", "ada", None), ("handed over", "ada", owner)]


def test_rivals_for_an_offer_beside_its_owner_who_releases_the_lamp(crowd: Cloud) -> None:
    """Either a rival has it, and gives it back by the same release, or the release came first and the offer ended."""
    offer = offered(crowd)
    outcomes = let_go(
        [start_rivals(crowd, "code", offer.code, user, THREADS) for user in RIVALS[:3]]
        + [start_rivals(crowd, "release", LAMP, RIVALS[3], 1)]
    )
    handed_over = outcomes[WON] - 1
    assert handed_over in (0, 1)
    assert outcomes[UNKNOWN_CODE] == 3 * THREADS - handed_over
    assert crowd.lamps()[LAMP]["user"] is None
    assert [event for event, _, _ in changes_of_owner(crowd)] in (
        ["associated", "released"],
        ["associated", "handed over", "released"],
    )


def test_two_browsers_beside_a_touchscreen(tmp_path: Path, page: Page, browser: Browser) -> None:
    bridged = Bridged(tmp_path, LAMP)
    other = browser.new_context(viewport=PHONE, reduced_motion="reduce")
    other.grant_permissions(["clipboard-read", "clipboard-write"])
    with WebProcess(bridged.cloud) as web:
        bridged.cloud.environment["LAMPI_CLAIM_URL"] = f"{web.url}/associate"
        with bridged.running(), Touchscreen(tmp_path / "touchscreen", bridged.at_lamp, LAMP) as screen:
            address = wait_until(screen.qr, "a QR code on the screen")
            page.goto(address)
            owning.sign_up_on(page, "grace")
            page.get_by_role("button", name="Find lamp").click()
            page.get_by_role("button", name="Associate this lamp").click()
            expect(page.get_by_role("heading", name="This lamp is yours")).to_be_visible()
            screen.wait_for_main_screen()

            link = owning.make_offer(page, web.url)
            code = page.locator("#code").inner_text().replace(" ", "")
            assert link.startswith(f"{web.url}/associate?code={code}")
            expect(page.get_by_role("timer")).to_have_text(re.compile(r"^14:[0-5]\d$"))

            taker = other.new_page()
            taker.goto(link)
            owning.sign_up_on(taker, "hopper")
            expect(taker.get_by_role("heading", name="Take over this lamp?")).to_be_visible()
            expect(taker.locator(".digits")).to_have_text(LAMP[-4:])
            assert screen.code() == ""
            taker.get_by_role("button", name="Take over this lamp").click()
            expect(taker.get_by_role("heading", name="This lamp is yours")).to_be_visible()
            expect(taker.get_by_text("Your lamp is up to date.").first).to_be_visible()
            expect(page.get_by_role("heading", name="Lamp handed over")).to_be_visible()  # by itself
            wait_for_state(bridged.at_lamp, LAMP, ASSOCIATED)
            assert screen.code() == ""
            assert screen.runs()
    assert bridged.cloud.lamps()[LAMP]["user"] == "hopper"
    history = bridged.cloud.command("history")
    assert f"handed over {LAMP} by grace to hopper, from 127.0.0.1" in history
    assert code not in history
    other.close()


def is_copied(page: Page) -> bool:
    """Copy the link again, unless the page says that it was: a live update may just have replaced the button."""
    button = page.locator("#copy")
    if button.inner_text() != "Copied":
        button.click()
    return button.inner_text() == "Copied"


def test_an_open_offer_ends_in_front_of_its_owner_and_can_be_copied(
    cloud: Cloud, web: WebProcess, browser: Browser
) -> None:
    """Withdrawn in another tab, and then another one at the end of its time, with no daemon to delete it."""
    context = browser.new_context(viewport=PHONE, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=web.url)
    page = context.new_page()
    sign_up(page, web.url, "grace")
    with opened_database(cloud):
        claiming.associate_by_device_id(LAMP, claiming.user_named("grace"), utc_now())
    page.goto(f"{web.url}/lamps/{LAMP}/offer")
    follow(page.get_by_role("button", name="Make an offer"))
    wait_until(lambda: is_copied(page), "the link to be copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.get_by_label("Send this link").input_value()
    second = context.new_page()
    second.goto(f"{web.url}/lamps/{LAMP}/offer")
    follow(second.get_by_role("button", name="Withdraw offer"))
    expect(page.get_by_role("button", name="Make an offer")).to_be_visible()
    follow(page.get_by_role("button", name="Make an offer"))
    page.clock.install()
    page.reload()
    page.clock.fast_forward("14:30")
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^0:[0-3]\d$"))
    with opened_database(cloud):
        Offer.update(offered_at=utc_now().replace(year=2020)).execute()
    page.clock.fast_forward("00:31")
    expect(page.get_by_role("button", name="Make an offer")).to_be_visible()
    context.close()
