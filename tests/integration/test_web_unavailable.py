"""What nginx answers while the program of the web page is down."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from cloud.ops.deploy import package_files
from tests.integration.conftest import PHONE
from tests.support import axe
from tests.support.catalogues import PAGE
from tests.support.cloud import Cloud
from tests.support.nginx import Nginx
from tests.support.web import WebProcess

BACK_MILLISECONDS = 15_000
PAGE_STYLE = package_files.PROJECT / "cloud" / "web" / "static" / "page.css"


@pytest.fixture
def web(cloud: Cloud) -> Iterator[WebProcess]:
    with WebProcess(cloud, "--trusted-proxy", "127.0.0.1") as running:
        yield running


@pytest.fixture
def nginx(tmp_path: Path, web: WebProcess) -> Iterator[Nginx]:
    with Nginx(tmp_path / "nginx", web.port, host="127.0.0.1") as running:
        yield running


def ask(nginx: Nginx, path: str, body: bytes | None = None) -> tuple[int, Message, str]:
    trust = ssl.create_default_context(cafile=str(nginx.certificate))
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{nginx.port}{path}", body, 30, context=trust) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as fault:
        return fault.code, fault.headers, fault.read().decode()


@pytest.mark.parametrize("body", [None, b"x=1"])
def test_programs_get_problem_details_and_people_a_page(nginx: Nginx, web: WebProcess, body: bytes | None) -> None:
    assert ask(nginx, "/api/v1/lamps")[0] == 401
    web.stop()
    status, headers, text = ask(nginx, "/api/v1/lamps", body)
    assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, "application/problem+json", "5")
    assert json.loads(text)["status"] == 503
    status, headers, text = ask(nginx, "/sign-in", body)
    assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, "text/html; charset=utf-8", "5")
    assert "Service temporarily unavailable</h1>" in text
    assert headers["Cache-Control"] == "no-store"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_file_of_the_page_is_no_address(nginx: Nginx) -> None:
    assert ask(nginx, "/lampi-unavailable.html")[0] == 404


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_loads_nothing_is_accessible_and_goes_when_the_program_is_back(
    browser: Browser, nginx: Nginx, web: WebProcess, cloud: Cloud, scheme: Literal["dark", "light"]
) -> None:
    address = f"https://127.0.0.1:{nginx.port}/sign-in?from=here"
    web.stop()
    with browser.new_context(ignore_https_errors=True, color_scheme=scheme, viewport=PHONE) as context:
        page = context.new_page()
        requested, said = set(), []
        page.on("request", lambda request: requested.add((request.method, request.url.partition(",")[0])))
        page.on("console", lambda message: said.append(message.text))
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 503
        expect(page.get_by_role("heading", name="Service temporarily unavailable")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(10, 12, 17)" if scheme == "dark" else "rgb(247, 241, 230)"
        )
        assert axe.violations(page) == []
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
        with page.expect_request(lambda request: request.method == "HEAD"):
            pass  # it looks for the program
        assert requested <= {("GET", address), ("HEAD", address), ("GET", "data:image/svg+xml")}
        assert [line for line in said if "status of 503" not in line] == []
        with WebProcess(cloud, "--trusted-proxy", "127.0.0.1", port=web.port):
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=BACK_MILLISECONDS)
            assert page.url == address


def test_without_scripts_the_page_goes_too(browser: Browser, nginx: Nginx, web: WebProcess, cloud: Cloud) -> None:
    web.stop()
    with browser.new_context(ignore_https_errors=True, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"https://127.0.0.1:{nginx.port}/sign-in")
        expect(page.get_by_role("link", name="Try again")).to_be_visible()
        expect(page.get_by_role("link", name="Noch einmal versuchen")).to_be_visible()  # it knows no language
        with WebProcess(cloud, "--trusted-proxy", "127.0.0.1", port=web.port):
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=BACK_MILLISECONDS)


def test_it_speaks_the_browser_s_language(browser: Browser, nginx: Nginx, web: WebProcess) -> None:
    say = PAGE.words("de")
    web.stop()
    with browser.new_context(ignore_https_errors=True, locale="de-AT", viewport=PHONE) as context:
        page = context.new_page()
        page.goto(f"https://127.0.0.1:{nginx.port}/sign-in")
        expect(page.get_by_role("heading")).to_have_text(say("Service temporarily unavailable"))
        expect(page.get_by_role("link")).to_have_text(say("Try again"))
        expect(page).to_have_title(f"{say('Service temporarily unavailable')} · LAMPI")
        assert page.evaluate("document.documentElement.lang") == "de"
        assert axe.violations(page) == []
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


def test_its_styles_are_those_of_the_other_pages() -> None:
    def rules(path: Path) -> set[str]:
        lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
        return {line for line in lines if line.startswith(("--", "h1", "main", ".")) and line.endswith((";", "}"))}

    ours = rules(package_files.UNAVAILABLE_PAGE)
    assert len(ours) > 20
    assert ours - rules(PAGE_STYLE) == set()
