"""What an owner does on the page, in a real browser."""

from playwright.sync_api import Page

from tests.support.web import create_account, follow


def sign_up_on(page: Page, name: str) -> None:
    """Create an account from the page that asks to sign in."""
    follow(page.get_by_role("link", name="Create an account"))
    create_account(page, name)


def claim(page: Page, url: str, code: str) -> None:
    """Claim the lamp that shows this code."""
    page.goto(f"{url}/associate")
    page.get_by_label("Code on").fill(code)
    follow(page.get_by_role("button", name="Find lamp"))
    follow(page.get_by_role("button", name="Associate this lamp"))


def open_lamp(page: Page, url: str) -> None:
    """Open the page of a lamp that has no name, from the list."""
    page.goto(f"{url}/lamps")
    follow(page.get_by_role("link", name="My LAMPI", exact=True))


def make_offer(page: Page, url: str) -> str:
    """Offer a lamp that has no name, and return the link for its new owner; the page follows the offer."""
    page.goto(f"{url}/lamps")
    follow(page.get_by_role("link", name="Hand over My LAMPI"))
    with page.expect_request("**/live?seen=*"):
        page.get_by_role("button", name="Make an offer").click()
    return page.get_by_label("Send this link to the new owner").input_value()
