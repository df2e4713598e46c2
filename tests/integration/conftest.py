"""Fixtures for the end-to-end tests."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from tests.support.bridge import Bridged, CloudBroker
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import Loop, made_cloud
from tests.support.web import WebProcess, chromium
from tests.support.web_album import make_lamps

PHONE = ViewportSize(width=360, height=740)


@pytest.fixture
def cloud(tmp_path: Path, broker: Mosquitto) -> Cloud:
    """Give a cloud on the test's broker, its database made without the half second that a command takes, and a user."""
    return made_cloud(tmp_path / "cloud", broker.port)


@pytest.fixture
def daemon(cloud: Cloud) -> Iterator[DaemonProcess]:
    """Give a running daemon."""
    with cloud.daemon() as process:
        yield process


@pytest.fixture
def loop(broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess) -> Iterator[Loop]:
    """Give the whole: broker, cloud and daemon."""
    with closing(Loop(broker, cloud)) as running:
        yield running


@pytest.fixture
def broker_of_the_cloud(tmp_path: Path) -> Iterator[Mosquitto]:
    """Give a running Mosquitto with the configuration that ships."""
    with CloudBroker(tmp_path / "shipped-broker") as mosquitto:
        yield mosquitto


@pytest.fixture
def bridged(tmp_path: Path) -> Iterator[Bridged]:
    """Give the cloud and a lamp's broker, bridged as they ship."""
    with Bridged(tmp_path, "b827ebba0387").running() as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=PHONE, reduced_motion="reduce")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Give a page in whose console nothing may be said: not that the policy blocked something, nor a script's fault."""
    said: list[str] = []
    made = context.new_page()
    made.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    made.on("pageerror", lambda error: said.append(str(error)))
    yield made
    # A server that a test takes away is logged, whichever way its connection breaks: refused, reset, empty.
    assert [line for line in said if "status of" not in line and "Failed to load resource: net::" not in line] == []


@pytest.fixture
def web(cloud: Cloud) -> Iterator[WebProcess]:
    """Give the page, and three lamps that wait."""
    make_lamps(cloud)
    with WebProcess(cloud) as running:
        yield running
