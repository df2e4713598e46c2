"""`make web-screenshots`: screenshots of every page, phone and desktop, dark and light.

python -m tests.support.web_album FOLDER
"""

import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from cloud.auth.api_tokens import make_token
from cloud.daemon.presence import PresenceBatch
from cloud.db.timestamps import utc_now
from cloud.services import claiming
from cloud.services.claiming import user_named
from cloud.store.lamps import Lampi
from cloud.store.lease import PublisherLease
from cloud.store.outbox import OutboxMessage
from tests.support.cloud import Cloud
from tests.support.loop import made_cloud, opened_database
from tests.support.ports import free_port
from tests.support.web import WebProcess, chromium, follow, sign_up

SIZES = {"360": (360, 740), "1280": (1280, 800)}
SCHEMES = ("dark", "light")
Shot = tuple[str, Page]
LAMP = "b827ebba0387"
MORE = {"b827eb11c0de": "Bedside", "b827eb5a1e5c": "A reading lamp beside the big armchair"}


def take(browser: Browser, web: WebProcess, cloud: Cloud, size: str, scheme: str) -> Iterator[Shot]:
    """Yield every page by its name, in the order in which a user meets them."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        timezone_id="UTC",
        locale="en-GB",
    )
    page = context.new_page()
    name = f"ada-{size}-{scheme}"
    yield from _accounts(page, web.url, name)
    yield from _association(page, web.url, cloud)
    with opened_database(cloud):
        for device_id in MORE:
            claiming.associate_by_device_id(device_id, user_named(name), utc_now())
    yield from _own_lamps(page, web.url, cloud, name)
    with WebProcess(cloud, "--database-url", "sqlite:////nowhere/lampi.db") as without:
        page.goto(f"{without.url}/lamps")
        yield "database-away", page
    context.close()


def _accounts(page: Page, url: str, name: str) -> Iterator[Shot]:
    page.goto(f"{url}/sign-in")
    yield "sign-in", page
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill("not the password")
    follow(page.get_by_role("button", name="Sign in"))
    yield "sign-in-refused", page
    page.goto(f"{url}/sign-up")
    yield "sign-up", page
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill("short")
    follow(page.get_by_role("button", name="Create account"))
    yield "sign-up-refused", page
    sign_up(page, url, name)
    yield "lamps-none", page


def _association(page: Page, url: str, cloud: Cloud) -> Iterator[Shot]:
    with opened_database(cloud):
        code = Lampi.named(LAMP).association_code
    page.goto(f"{url}/associate?code={code}")
    yield "associate-scanned", page
    page.goto(f"{url}/associate")
    page.get_by_label("Code on").fill("b71 e0")
    follow(page.get_by_role("button", name="Find lamp"))
    yield "associate-refused", page
    page.goto(f"{url}/associate")
    page.get_by_label("Code on").fill(f"{code[:3]} {code[3:6]}")
    yield "associate", page
    follow(page.get_by_role("button", name="Find lamp"))
    yield "this-lamp", page
    with opened_database(cloud):
        daemon = PublisherLease()
        daemon.acquire(utc_now())
    follow(page.get_by_role("button", name="Light up again"))
    yield "this-lamp-identified", page
    with opened_database(cloud):
        daemon.resign()
    follow(page.get_by_role("button", name="Associate this lamp"))
    yield "yours-service-away", page
    with opened_database(cloud):
        OutboxMessage.delete().execute()
    page.reload()
    yield "yours", page
    page.get_by_label("Lamp name").fill("Kitchen")
    follow(page.get_by_role("button", name="Save"))


def _own_lamps(page: Page, url: str, cloud: Cloud, name: str) -> Iterator[Shot]:
    page.goto(f"{url}/lamps")
    yield "lamps", page
    follow(page.get_by_role("link", name="Rename Kitchen"))
    yield "rename", page
    page.goto(f"{url}/lamps")
    follow(page.get_by_role("link", name="Release Kitchen"))
    yield "release", page
    with opened_database(cloud):
        make_token(user_named(name), "The hotel's front desk", utc_now())
    page.goto(f"{url}/password")
    yield "password", page
    page.goto(f"{url}/nothing")
    yield "nothing-here", page


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
    for size in SIZES:
        for scheme in SCHEMES:
            with tempfile.TemporaryDirectory() as made:
                cloud = made_cloud(Path(made) / "cloud", free_port())
                make_lamps(cloud)
                place = album / size / scheme
                place.mkdir(parents=True, exist_ok=True)
                with WebProcess(cloud) as web, chromium(Path(made) / "chromium") as browser:
                    for name, page in take(browser, web, cloud, size, scheme):
                        page.evaluate("document.fonts.ready")
                        picture = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
                        picture.save(place / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
