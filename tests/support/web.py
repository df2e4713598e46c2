"""The web page as a program on a free port, and a real browser."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.support.cloud import Cloud
from tests.support.pages import PASSWORD
from tests.support.waiting import DEADLINE_SECONDS, wait_until

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_ADDRESS = re.compile(r"Listening on (http://\S+)")


class WebProcess:
    """`lampi-cloud web` in a process, on a free loopback port."""

    def __init__(self, cloud: Cloud, *options: str, port: int = 0) -> None:
        self._cloud = cloud
        self._options = ("--port", str(port), *options)
        self.log_file = cloud.folder / "web.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> Self:
        """Start it, and wait until it says where it is."""
        before = len(self.log()) if self.log_file.exists() else 0
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cloud", "web", *self._options],
                env=self._cloud.environment,
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        wait_until(lambda: self._ended() or _ADDRESS.search(self.log(), before), "the page to say where it is")
        found = _ADDRESS.findall(self.log(), before)
        assert found, f"the page did not start:\n{self.log()}"
        self.url = found[-1]
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def log(self) -> str:
        return self.log_file.read_text()

    def stop(self) -> int:
        """Stop it as supervisord does, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(DEADLINE_SECONDS)

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and not self._ended():
            try:
                self.stop()
            finally:
                self._process.kill()


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Give a headless Chromium, the distribution's, with a home of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    home = os.environ | {"HOME": str(folder)}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, env={name: value for name, value in home.items() if value}
        )
        try:
            yield browser
        finally:
            browser.close()


def sign_up(page: Page, url: str, name: str = "ada", say: Callable[[str], str] = str) -> None:
    """Create an account as a person does; ``say`` translates to the language of the page."""
    page.goto(f"{url}/sign-up")
    create_account(page, name, say)


def create_account(page: Page, name: str, say: Callable[[str], str] = str) -> None:
    """Fill in the form for a new account, and send it."""
    page.get_by_label(say("Username")).fill(name)
    page.get_by_label(say("Password"), exact=True).fill(PASSWORD)
    follow(page.get_by_role("button", name=say("Create account")))


def follow(leads: Locator) -> None:
    """Click what leads to a page, and return when that page is there, whole: a click alone does not wait for it."""
    with leads.page.expect_navigation():
        leads.click()
