"""The page below a sub-path: a real nginx says so with `X-Forwarded-Prefix`."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from cloud.auth import api_tokens
from cloud.db.timestamps import utc_now
from cloud.ops.deploy import package_files
from cloud.services import claiming
from cloud.store.lamps import Lampi
from tests.support.cloud import Cloud
from tests.support.loop import USER, opened_database
from tests.support.nginx import Nginx
from tests.support.web import WebProcess, follow, sign_up
from tests.support.web_album import LAMP, make_lamps

PREFIX = "/my/lamps"
LIVE_MILLISECONDS = 1000


@pytest.fixture
def web(cloud: Cloud) -> Iterator[WebProcess]:
    make_lamps(cloud)
    with WebProcess(cloud, "--trusted-proxy", "127.0.0.1") as running:
        yield running


@pytest.fixture
def nginx(tmp_path: Path, web: WebProcess) -> Iterator[Nginx]:
    """Give an nginx with the page below `PREFIX`, in the locations that the document has."""
    document = (package_files.PROJECT / "cloud/ops/deploy/README.md").read_text(encoding="utf-8")
    locations = document.partition("### Below a sub-path")[2].split("```")[1]
    for there, here in {
        "127.0.0.1:8000": f"127.0.0.1:{web.port}",
        "/var/log/nginx": str(tmp_path / "nginx"),
        "/usr/local/share/lampi/unavailable.html": str(package_files.UNAVAILABLE_PAGE),
    }.items():
        assert there in locations
        locations = locations.replace(there, here)
    with Nginx(tmp_path / "nginx", web.port, host="127.0.0.1", locations=locations) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(ignore_https_errors=True) as made:
        yield made


def test_the_whole_story_below_a_sub_path(context: BrowserContext, page: Page, nginx: Nginx, cloud: Cloud) -> None:
    url = f"https://127.0.0.1:{nginx.port}{PREFIX}"
    outside: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if not request.url.startswith(url) else None)
    page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
    with opened_database(cloud):
        code = str(Lampi.named(LAMP).association_code)
    page.goto(f"{url}/associate?code={code}")
    expect(page.get_by_text("Sign in to continue.")).to_be_visible()
    sign_up(page, url, "grace")
    expect(page).to_have_url(f"{url}/associate")  # where it was going
    follow(page.get_by_role("button", name="Find lamp"))
    follow(page.get_by_role("button", name="Light up again"))
    follow(page.get_by_role("button", name="Associate this lamp"))
    expect(page).to_have_url(f"{url}/lamps/{LAMP}/yours")
    page.get_by_label("Lamp name").fill("Kitchen")
    with page.expect_response("**/live?seen=*") as streaming:
        follow(page.get_by_role("button", name="Save"))
    assert streaming.value.status == 200
    with opened_database(cloud):
        claiming.associate_by_device_id("b827eb11c0de", claiming.user_named("grace"), utc_now())
    expect(page.get_by_role("heading", name="Bedside")).to_be_visible(timeout=LIVE_MILLISECONDS)
    follow(page.get_by_role("link", name="Release Kitchen"))
    follow(page.get_by_role("button", name="Release"))
    expect(page).to_have_url(f"{url}/lamps")
    cookies = [(cookie["name"], cookie["path"], cookie["secure"]) for cookie in context.cookies()]
    assert sorted(cookies) == [("__Secure-lampi", PREFIX, True), ("__Secure-lampi-known", PREFIX, True)]
    follow(page.get_by_role("button", name="Sign out"))
    follow(page.get_by_role("link", name="LAMPI"))
    expect(page).to_have_url(f"{url}/sign-in")
    assert (outside, failed) == ([], [])
    answer = page.goto(f"{url}/nothing")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("link", name="Go to my lamps")).to_have_attribute("href", f"{PREFIX}/")


def ask(web: WebProcess, path: str, headers: dict[str, str], source: str = "127.0.0.1") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30, source_address=(source, 0))
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def test_the_api_below_a_sub_path_links_and_describes_what_is_there(cloud: Cloud, web: WebProcess) -> None:
    with opened_database(cloud):
        token = api_tokens.make_token(claiming.user_named(USER), "test", utc_now())
        for device_id in (LAMP, "b827eb11c0de"):
            claiming.associate_by_device_id(device_id, claiming.user_named(USER), utc_now())
    headers = {"X-Forwarded-Prefix": PREFIX, "Authorization": f"Bearer {token}"}
    lamps = json.loads(ask(web, "/api/v1/lamps?limit=1", headers).read())
    assert lamps["next"].startswith(f"{PREFIX}/api/v1/lamps?after=")
    assert json.loads(ask(web, "/api/v1/openapi.json", headers).read())["servers"] == [{"url": PREFIX}]
    assert json.loads(ask(web, "/api/v1/openapi.json", {}).read())["servers"] == [{"url": "/"}]


def test_a_sub_path_from_elsewhere_than_the_proxy_is_ignored(cloud: Cloud, web: WebProcess) -> None:
    headers = {"X-Forwarded-Prefix": PREFIX}
    assert ask(web, "/", headers).getheader("Location") == f"{PREFIX}/sign-in"
    assert ask(web, "/", headers, source="127.0.0.2").getheader("Location") == "/sign-in"
    assert ask(web, "/", headers | {"X-Forwarded-For": "127.0.0.1"}, "127.0.0.2").getheader("Location") == "/sign-in"
    with WebProcess(cloud) as without_proxy:
        assert ask(without_proxy, "/", headers).getheader("Location") == "/sign-in"


@pytest.mark.parametrize("prefix", ["//evil.example", "https://x", "/..", "/a/../b", "lamps", "/a?b", "/a, /b"])
def test_a_sub_path_that_is_none_is_refused_plainly(web: WebProcess, prefix: str) -> None:
    answer = ask(web, "/", {"X-Forwarded-Prefix": prefix})
    assert (answer.status, answer.getheader("Location")) == (400, None)
    assert b"X-Forwarded-Prefix is not a path such as /lamps." in answer.read()


@pytest.mark.parametrize("prefix", ["", "/"])
def test_the_root_is_no_sub_path(web: WebProcess, prefix: str) -> None:
    assert ask(web, "/", {"X-Forwarded-Prefix": prefix}).getheader("Location") == "/sign-in"


def test_while_the_program_is_away_its_page_is_there(page: Page, nginx: Nginx, web: WebProcess, cloud: Cloud) -> None:
    web.stop()
    answer = page.goto(f"https://127.0.0.1:{nginx.port}{PREFIX}/sign-in")
    assert answer is not None
    assert answer.status == 503
    expect(page.get_by_role("heading", name="Service temporarily unavailable")).to_be_visible()
    with WebProcess(cloud, "--trusted-proxy", "127.0.0.1", port=web.port):
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=15_000)
