"""Keeping an account, in a real browser: passkeys, recovery codes, and sessions on other browsers."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from cloud.auth.passkeys import Passkey
from tests.support.cloud import Cloud
from tests.support.loop import opened_database
from tests.support.pages import PASSWORD
from tests.support.virtual_authenticator import VirtualAuthenticator
from tests.support.web import WebProcess, sign_up

NEW = "new horse battery"


@pytest.fixture
def url(web: WebProcess) -> str:
    """Give the page's address by the name for which browsers offer passkeys."""
    return web.url.replace("127.0.0.1", "localhost")


def add_passkey(page: Page, url: str, name: str = "Phone") -> None:
    page.goto(f"{url}/account")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Passkey name").fill(name)
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Create passkey").click()


def sign_in_with_passkey(page: Page, url: str) -> None:
    page.goto(f"{url}/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()


def make_codes(page: Page, url: str) -> list[str]:
    page.goto(f"{url}/account")
    page.get_by_role("link", name="Make recovery codes").click()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Make recovery codes").click()
    codes = page.locator(".codes li")
    expect(codes).to_have_count(10)
    return codes.all_inner_texts()


def recover(page: Page, url: str, code: str) -> None:
    page.goto(f"{url}/sign-in")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Username").fill("grace")
    page.get_by_label("Recovery code").fill(code)
    page.get_by_label("New password").fill(NEW)
    page.get_by_role("button", name="Set password").click()


def test_a_passkey_is_added_signs_in_and_is_removed(page: Page, url: str) -> None:
    device = VirtualAuthenticator(page)
    sign_up(page, url, "grace")
    add_passkey(page, url)
    expect(page.get_by_text("Passkey added. You can sign in with it from now on.")).to_be_visible()
    (credential,) = device.credentials()
    assert credential["isResidentCredential"]
    assert (credential["rpId"], credential["userName"]) == ("localhost", "grace")
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    sign_in_with_passkey(page, url)
    expect(page.get_by_text("No lamps yet")).to_be_visible()
    page.goto(f"{url}/account")
    expect(page.get_by_text("Last used")).to_be_visible()
    page.get_by_role("link", name="Remove the passkey Phone").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The passkey Phone was removed.")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    sign_in_with_passkey(page, url)
    expect(page.get_by_text("No account has this passkey. Sign in with your password.")).to_be_visible()


def test_a_copied_device_is_noticed(page: Page, browser: Browser, url: str, cloud: Cloud) -> None:
    device = VirtualAuthenticator(page)
    sign_up(page, url, "grace")
    add_passkey(page, url)
    expect(page.get_by_text("Passkey added.")).to_be_visible()
    (copied,) = device.credentials()
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    sign_in_with_passkey(page, url)
    expect(page.get_by_text("No lamps yet")).to_be_visible()
    with opened_database(cloud):
        assert Passkey.get().sign_count > copied["signCount"]
    context = browser.new_context()
    other = context.new_page()
    VirtualAuthenticator(other).add(copied)
    sign_in_with_passkey(other, url)
    expect(other.get_by_text("The passkey couldn't be verified. Try again.")).to_be_visible()
    context.close()


def test_what_the_browser_refuses_is_explained(page: Page, url: str) -> None:
    VirtualAuthenticator(page)
    sign_up(page, url, "grace")
    add_passkey(page, url)
    expect(page.get_by_text("Passkey added.")).to_be_visible()
    add_passkey(page, url, "Phone again")
    expect(page.get_by_text("This device already has a passkey for your account.")).to_be_visible()
    expect(page.get_by_role("button", name="Create passkey")).to_be_enabled()


def test_no_passkey_is_used_of_a_device_that_does_not_recognize_its_user(page: Page, url: str) -> None:
    device = VirtualAuthenticator(page)
    sign_up(page, url, "grace")
    add_passkey(page, url)
    expect(page.get_by_text("Passkey added.")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    device.verify_user(False)
    sign_in_with_passkey(page, url)
    expect(page.get_by_text("No passkey was used. Try again.")).to_be_visible()
    device.verify_user(True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("No lamps yet")).to_be_visible()


def test_who_forgot_the_password_sets_a_new_one_with_a_recovery_code(
    page: Page, context: BrowserContext, browser: Browser, url: str
) -> None:
    sign_up(page, url, "grace")
    codes = make_codes(page, url)
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_text("Recovery codes left: 10 of 10")).to_be_visible()
    elsewhere = browser.new_context()
    other = elsewhere.new_page()
    recover(other, url, codes[0].upper().replace("-", " "))
    expect(other.get_by_text("Recovery codes left: 9.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Sign in to continue.")).to_be_visible()
    recover(page, url, codes[0])
    expect(page.get_by_text("Incorrect username or recovery code.")).to_be_visible()
    elsewhere.close()


def test_another_browser_is_signed_out_from_the_account_page(page: Page, browser: Browser, url: str) -> None:
    sign_up(page, url, "grace")
    elsewhere = browser.new_context(user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    other = elsewhere.new_page()
    other.goto(f"{url}/sign-in")
    other.get_by_label("Username").fill("grace")
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Sign in", exact=True).click()
    expect(other.get_by_text("No lamps yet")).to_be_visible()
    page.goto(f"{url}/account")
    page.get_by_role("listitem").filter(has_text="Firefox on Linux").get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("The session was ended.")).to_be_visible()
    other.goto(f"{url}/account")
    expect(other.get_by_text("Sign in to continue.")).to_be_visible()
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("You are signed out everywhere.")).to_be_visible()
    elsewhere.close()


def test_without_scripts_all_but_passkeys_works(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_up(page, url, "grace")
    page.goto(f"{url}/account/passkeys/new")
    page.get_by_label("Passkey name").fill("Phone")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Passkeys need JavaScript and a current browser.")).to_be_visible()
    expect(page.get_by_role("button", name="Create passkey")).to_be_hidden()
    codes = make_codes(page, url)
    page.goto(f"{url}/account")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("You are signed out everywhere.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    recover(page, url, codes[0])
    expect(page.get_by_text("Recovery codes left: 9.")).to_be_visible()
    context.close()
