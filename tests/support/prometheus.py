"""A real Prometheus that scrapes a daemon, and the PromQL of the shipped dashboard and alert rules."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from cloud.ops.deploy import package_files
from tests.support.broker import listens
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_SECONDS, wait_until

PROMETHEUS = shutil.which("prometheus") or "prometheus"
PROMTOOL = shutil.which("promtool") or "promtool"

SCRAPE_SECONDS = 1

RATE_INTERVAL = "10s"
"""What Grafana makes of `$__rate_interval` for so short a scrape interval, or a little more."""

_CONFIGURATION = """\
global: {{scrape_interval: {seconds}s, evaluation_interval: {seconds}s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: lampi
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""

_KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool"}


def rules() -> list[dict[str, Any]]:
    """Return the shipped alert rules."""
    groups = yaml.safe_load(package_files.ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """Return the shipped dashboard."""
    read: dict[str, Any] = json.loads(package_files.DASHBOARD.read_text(encoding="utf-8"))
    return read


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels, without the rows' titles."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Yield the title and each query of the dashboard's panels, as Prometheus takes it."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], filled_in(target["expr"])
    for annotation in dashboard()["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], filled_in(annotation["expr"])


def filled_in(query: str) -> str:
    """Return a query of the dashboard with Grafana's variables replaced."""
    return query.replace("$job", "lampi").replace("$__rate_interval", RATE_INTERVAL)


def metrics_in(query: str) -> set[str]:
    """Return the names of the metrics in a PromQL expression."""
    without_labels = re.sub(
        r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(?:by|without|on|ignoring|group_left|group_right) *\([^)]*\)', " ", query
    )
    words = re.findall(r"(?<![\w.:])[a-zA-Z_:][\w:]*\b(?! *\()", without_labels)
    return set(words) - _KEYWORDS


class Prometheus:
    """A Prometheus of the distribution on a loopback port, with the shipped rules; its job `lampi` is one daemon."""

    def __init__(self, folder: Path, metrics_port: int) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        text = _CONFIGURATION.format(seconds=SCRAPE_SECONDS, rules=package_files.ALERTS, port=metrics_port)
        (folder / "prometheus.yml").write_text(text)

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of Prometheus' HTTP API."""
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=DEADLINE_SECONDS) as answer:
            return json.load(answer)["data"]

    def value(self, query: str) -> list[float]:
        """Return the current values of a query, one for each series."""
        return [float(series["value"][1]) for series in self.ask("query", query=query)["result"]]

    def __enter__(self) -> Self:
        command = [
            PROMETHEUS,
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]
        with (self._folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process = self._process
        wait_until(lambda: listens(self._port) or process.poll() is not None, "Prometheus to listen", 60)
        assert process.poll() is None, (self._folder / "prometheus.log").read_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)
