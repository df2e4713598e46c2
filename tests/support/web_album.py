"""`make web-screenshots`: screenshots of every page in every language, phone and desktop, dark and light.

python -m tests.support.web_album FOLDER
"""

import itertools
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from cloud.auth import sessions
from cloud.auth.api_tokens import make_token
from cloud.auth.passkeys import Passkey
from cloud.daemon.presence import PresenceBatch
from cloud.db.database import write_transaction
from cloud.db.timestamps import utc_now
from cloud.services import claiming, ownership, resets
from cloud.services.claiming import user_named
from cloud.services.offering import make_offer
from cloud.services.resets import LampReset
from cloud.store import state_watches
from cloud.store.lamps import Lampi
from cloud.store.lease import PublisherLease
from cloud.store.outbox import OutboxMessage
from cloud.store.reset_requests import ResetRequest
from cloud.web.language import LOCALES
from shared.protocol.payloads import Color, LampConfig
from tests.support.catalogues import PAGE
from tests.support.cloud import Cloud
from tests.support.loop import made_cloud, opened_database
from tests.support.pages import PASSWORD
from tests.support.ports import free_port
from tests.support.web import WebProcess, chromium, follow, sign_up

SIZES = {"360": (360, 740), "1280": (1280, 800)}
SCHEMES = ("dark", "light")
Shot = tuple[str, Page]
LAMP = "b827ebba0387"
_ANDROID = "Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36"
MORE = {"b827eb11c0de": "Bedside", "b827eb5a1e5c": "A reading lamp beside the big armchair"}
NAMES = {
    "en": {
        LAMP: "Kitchen",
        **MORE,
        "token": "The hotel's front desk",
        "phone": "My phone",
        "key": "Security key in the drawer",
    },
    "de": {
        LAMP: "Küche",
        "b827eb11c0de": "Nachttisch",
        "b827eb5a1e5c": "Die Leselampe neben dem großen Sessel",
        "token": "Die Rezeption des Hotels",
        "phone": "Mein Handy",
        "key": "Sicherheitsschlüssel in der Schublade",
    },
}
"""What people in each language call their lamps, programs and devices."""


class Say:
    """The words of a language: those of the page, and the names that people give."""

    def __init__(self, language: str) -> None:
        self._words = PAGE.words(language)
        self.names = NAMES[language]

    def __call__(self, english: str, **values: str) -> str:
        text = self._words(english)
        return text % values if values else text


def take(
    browser: Browser, web: WebProcess, cloud: Cloud, size: str, scheme: str, *, language: str = "en"
) -> Iterator[Shot]:
    """Yield every page by its name, in the order in which a user meets them."""
    say = Say(language)
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        timezone_id="UTC",
        locale=LOCALES[language].replace("_", "-"),
    )
    page = context.new_page()
    name = f"ada-{size}-{scheme}"
    url = web.url.replace("127.0.0.1", "localhost")  # for which browsers offer passkeys
    yield from _accounts(page, url, name, say)
    yield from _association(page, url, cloud, say)
    with opened_database(cloud):
        for device_id in MORE:
            claiming.associate_by_device_id(device_id, user_named(name), utc_now())
            ownership.rename(user_named(name), device_id, say.names[device_id], utc_now())
    yield from _own_lamps(page, url, cloud, name, say)
    yield from _own_account(page, url, cloud, name, say)
    with WebProcess(cloud, "--database-url", "sqlite:////nowhere/lampi.db") as without:
        page.goto(f"{without.url}/lamps")
        yield "database-away", page
    context.close()


def _accounts(page: Page, url: str, name: str, say: Say) -> Iterator[Shot]:
    page.goto(f"{url}/sign-in")
    yield "sign-in", page
    page.get_by_label(say("Username")).fill(name)
    page.get_by_label(say("Password"), exact=True).fill("not the password")
    follow(page.get_by_role("button", name=say("Sign in"), exact=True))
    yield "sign-in-refused", page
    page.goto(f"{url}/sign-up")
    yield "sign-up", page
    page.get_by_label(say("Username")).fill(name)
    page.get_by_label(say("Password"), exact=True).fill("short")
    follow(page.get_by_role("button", name=say("Create account")))
    yield "sign-up-refused", page
    sign_up(page, url, name, say)
    yield "lamps-none", page


def _association(page: Page, url: str, cloud: Cloud, say: Say) -> Iterator[Shot]:
    with opened_database(cloud):
        code = Lampi.named(LAMP).association_code
    page.goto(f"{url}/associate?code={code}")
    yield "associate-scanned", page
    page.goto(f"{url}/associate")
    page.get_by_label(say("Code on the lamp's screen")).fill("b71 e09")
    follow(page.get_by_role("button", name=say("Find lamp")))
    yield "associate-refused", page
    page.goto(f"{url}/associate")
    page.get_by_label(say("Code on the lamp's screen")).fill(f"{code[:3]} {code[3:6]}")
    yield "associate", page
    follow(page.get_by_role("button", name=say("Find lamp")))
    yield "this-lamp", page
    with opened_database(cloud):
        daemon = PublisherLease()
        daemon.acquire(utc_now())
    follow(page.get_by_role("button", name=say("Light up again")))
    yield "this-lamp-identified", page
    with opened_database(cloud):
        daemon.resign()
    follow(page.get_by_role("button", name=say("Associate this lamp")))
    yield "yours-service-away", page
    with opened_database(cloud):
        OutboxMessage.delete().execute()
    page.reload()
    yield "yours", page
    page.get_by_label(say("Lamp name")).fill(say.names[LAMP])
    follow(page.get_by_role("button", name=say("Save")))


def _own_lamps(page: Page, url: str, cloud: Cloud, name: str, say: Say) -> Iterator[Shot]:
    page.goto(f"{url}/lamps")
    yield "lamps", page
    refuse = page.get_by_role("button", name=say("Refuse reset of %(name)s", name=say.names[LAMP]))
    _request_reset(cloud)
    page.reload()
    yield "lamps-reset", page
    follow(refuse)
    yield "lamps-reset-refused", page
    follow(page.get_by_role("link", name=say("Rename %(name)s", name=say.names[LAMP])))
    yield "rename", page
    page.goto(f"{url}/lamps")
    follow(page.get_by_role("link", name=say("Release %(name)s", name=say.names[LAMP])))
    yield "release", page
    page.goto(f"{url}/lamps")
    follow(page.get_by_role("link", name=say("Hand over %(name)s", name=say.names[LAMP])))
    yield "offer", page
    follow(page.get_by_role("button", name=say("Make an offer")))
    yield "offer-made", page
    with opened_database(cloud):
        offer = make_offer("b827eb11c0de", utc_now(), "", user_named(name))
        claiming.associate_by_code(offer.code, user_named("ada"), utc_now())
    page.goto(f"{url}/lamps/b827eb11c0de/offer")
    yield "handed-over", page
    with opened_database(cloud):
        offer = make_offer("b827eb11c0de", utc_now(), "", user_named("ada"))
    page.goto(f"{url}/associate?code={offer.code}")
    yield "offered", page
    follow(page.get_by_role("button", name=say("Take over this lamp")))
    page.goto(f"{url}/lamps/{LAMP}")
    yield "lamp-service-away", page
    with opened_database(cloud):
        daemon = PublisherLease()
        daemon.acquire(utc_now())
        with write_transaction():
            state_watches.record(LAMP, LampConfig(Color(0.58, 0.8), 0.7, True), utc_now())
    page.goto(f"{url}/lamps/{LAMP}")
    yield "lamp", page
    _request_reset(cloud)
    refuse.wait_for()
    yield "lamp-reset", page
    with opened_database(cloud):
        daemon.resign()
    page.goto(f"{url}/nothing")
    yield "nothing-here", page


def _request_reset(cloud: Cloud) -> None:
    """Request a reset at the lamp, as if none had been refused before."""
    with opened_database(cloud):
        ResetRequest.delete().execute()
        resets.answer({LAMP: None}, LampReset.AFTER_A_DAY, utc_now())
        ticket = ResetRequest.get_by_id(LAMP).ticket
        resets.answer({LAMP: ticket}, LampReset.AFTER_A_DAY, utc_now())


def _own_account(page: Page, url: str, cloud: Cloud, name: str, say: Say) -> Iterator[Shot]:
    page.goto(f"{url}/account")
    yield "account-new", page
    page.goto(f"{url}/account/recovery-codes")
    yield "make-recovery-codes", page
    page.get_by_label(say("Current password")).fill(PASSWORD)
    follow(page.get_by_role("button", name=say("Make recovery codes")))
    yield "recovery-codes", page
    page.goto(f"{url}/account/passkeys/new")
    page.get_by_label(say("Passkey name")).fill(say.names["phone"])
    yield "new-passkey", page
    page.get_by_label(say("Current password")).fill(PASSWORD)
    follow(page.get_by_role("button", name=say("Continue")))
    yield "make-passkey", page
    with opened_database(cloud):
        user, now = user_named(name), utc_now()
        make_token(user, say.names["token"], now)
        kept = {"user_handle": "AAAA", "public_key": "AAAA", "sign_count": 0, "created_at": now - timedelta(days=40)}
        phone = Passkey.create(user=user, name=say.names["phone"], credential_id=name, last_used_at=now, **kept)
        Passkey.create(user=user, name=say.names["key"], credential_id=f"{name} too", **kept)
        sessions.begin(user, now - timedelta(days=3), _ANDROID)
    page.goto(f"{url}/account")
    yield "account", page
    page.goto(f"{url}/account/passkeys/{phone.id}/remove")
    yield "remove-passkey", page
    page.goto(f"{url}/account")
    follow(page.get_by_role("link", name=say("Revoke the token %(name)s", name=say.names["token"])))
    yield "revoke-token", page
    page.goto(f"{url}/password")
    yield "password", page
    page.goto(f"{url}/account")
    follow(page.get_by_role("button", name=say("Sign out everywhere")))
    page.goto(f"{url}/recover")
    yield "recover", page
    page.get_by_label(say("Username")).fill(name)
    page.get_by_label(say("Recovery code")).fill("7k3m-9q2x-04vd-t8wz")
    page.get_by_label(say("New password")).fill(PASSWORD)
    follow(page.get_by_role("button", name=say("Set password")))
    yield "recover-refused", page


def make_lamps(cloud: Cloud) -> None:
    """Create three unclaimed lamps, one of them offline."""
    with opened_database(cloud):
        batch = PresenceBatch()
        for device_id in (LAMP, *MORE):
            batch.add(device_id, True)
        batch.register(utc_now() - timedelta(minutes=8))
        batch.clear()
        batch.add("b827eb5a1e5c", False)
        batch.register(utc_now() - timedelta(minutes=2))
        for device_id, name in MORE.items():
            Lampi.update(name=name).where(Lampi.device_id == device_id).execute()


def main(album: Path) -> None:
    """Fill the folder."""
    for language, size, scheme in itertools.product(LOCALES, SIZES, SCHEMES):
        with tempfile.TemporaryDirectory() as made:
            cloud = made_cloud(Path(made) / "cloud", free_port())
            make_lamps(cloud)
            place = album / language / size / scheme
            place.mkdir(parents=True, exist_ok=True)
            with WebProcess(cloud) as web, chromium(Path(made) / "chromium") as browser:
                for name, page in take(browser, web, cloud, size, scheme, language=language):
                    page.evaluate("document.fonts.ready")
                    picture = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
                    picture.save(place / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
