"""Chromium as people use it, with one tab in front and the others hidden: Playwright keeps all of its tabs visible."""

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import DEADLINE_SECONDS
from tests.support.web import CHROMIUM, FLAGS

_COMMANDS, _ANSWERS = 3, 4
"""The file descriptors of Chromium's remote debugging."""


class Tab:
    """One tab."""

    def __init__(self, browser: "TabbedBrowser", target: str) -> None:
        self._browser, self._target = browser, target
        self._session = browser.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def evaluate(self, script: str) -> Any:
        """Return what a script returns in the page, None while there is none."""
        answer = self._browser.send("Runtime.evaluate", self._session, expression=script, returnByValue=True)
        return answer.get("result", {}).get("value")

    @property
    def text(self) -> str:
        return self.evaluate("document.body?.innerText") or ""

    @property
    def is_visible(self) -> bool:
        return bool(self.evaluate("document.visibilityState") == "visible")

    @property
    def is_loaded(self) -> bool:
        return bool(self.evaluate("document.readyState") == "complete")

    def bring_to_front(self) -> None:
        self._browser.send("Target.activateTarget", targetId=self._target)

    def close(self) -> None:
        self._browser.send("Target.closeTarget", targetId=self._target)


class TabbedBrowser:
    """A headless Chromium with one window, driven by the DevTools protocol over pipes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._received = b""

    def open(self, url: str, cookie: str = "") -> Tab:
        """Open a tab in front of the others; ``cookie`` is ``name=value``."""
        if cookie:
            name, _, value = cookie.partition("=")
            self.send("Storage.setCookies", cookies=[{"name": name, "value": value, "url": url}])
        return Tab(self, self.send("Target.createTarget", url=url)["targetId"])

    def send(self, method: str, session: str = "", /, **parameters: object) -> dict[str, Any]:
        """Return the result of a command, {} if it failed."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        os.write(self._to, json.dumps(command | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            while b"\0" not in self._received:
                came = os.read(self._from, 65536)
                assert came, "Chromium has ended"
                self._received += came
            answer, _, self._received = self._received.partition(b"\0")
            if (parsed := json.loads(answer)).get("id") == self._number:
                return dict(parsed.get("result", {}))

    def __enter__(self) -> Self:
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        # The shell gives the descriptors their numbers: a function between fork and exec is unsafe with threads.
        script = f'exec "$@" {_COMMANDS}<&{commands} {_ANSWERS}>&{answers}'
        options = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self._folder}"]
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", script, "bash", CHROMIUM, *FLAGS, *options],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(self._folder)},
        )
        os.close(commands)
        os.close(answers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(DEADLINE_SECONDS)
        finally:
            self._process.kill()
            os.close(self._to)
            os.close(self._from)
