"""The shipped dashboard and alert rules: held against a real daemon's metrics, by the distribution's Prometheus."""

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cloud.ops.deploy import package_files
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import presence, wait_for_code
from tests.support.ports import free_port
from tests.support.prometheus import PROMTOOL, Prometheus, dashboard, filled_in, metrics_in, panels, queries, rules
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
ALERTS_TEST = Path(__file__).with_name("alerts_test.yml")

OF_PROMETHEUS = {"up"}
"""What Prometheus itself adds to each target."""

EMPTY_WHILE_ALL_IS_WELL = ("lampi_messages_refused_total",)
"""The reasons of refusals are not known before there are any."""


def names_of(series: str) -> Iterator[str]:
    """Yield the names of all metrics in a scrape, also of those that have no samples yet."""
    for family in text_string_to_metric_families(series):
        if family.type == "counter":
            yield f"{family.name}_total"
        elif family.type == "histogram":
            yield from (f"{family.name}_{part}" for part in ("bucket", "sum", "count"))
        else:
            yield family.name


def promtool(*words: str | Path) -> str:
    done = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def prometheus(tmp_path: Path, broker: Mosquitto, cloud: Cloud) -> Iterator[Prometheus]:
    """Give a Prometheus that scrapes a running daemon with one lamp."""
    port = free_port()
    cloud.environment["LAMPI_METRICS_PORT"] = str(port)
    with cloud.daemon(), Prometheus(tmp_path / "prometheus", port) as running:
        broker.publish(presence(LAMP), b"1")
        wait_for_code(broker, LAMP)
        yield running


def test_every_metric_that_they_name_is_one_of_a_running_daemon_s(cloud: Cloud) -> None:
    port = free_port()
    cloud.environment["LAMPI_METRICS_PORT"] = str(port)
    with cloud.daemon() as daemon:
        daemon.wait_to_say("Serving metrics")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            scraped = answer.read().decode()
    known = {*names_of(scraped), *OF_PROMETHEUS}
    named = {rule["alert"]: metrics_in(rule["expr"]) for rule in rules()}
    named |= {f"{title}: {query}": metrics_in(query) for title, query in queries()}
    assert {where: unknown for where, names in named.items() if (unknown := names - known)} == {}
    assert all(named.values())


@pytest.mark.server
def test_promtool_accepts_the_rules_and_every_query(tmp_path: Path) -> None:
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", package_files.ALERTS)
    recorded = [{"record": f"panel:{number}", "expr": query} for number, (_, query) in enumerate(queries())]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    promtool("check", "rules", file)


@pytest.mark.server
def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    text = ALERTS_TEST.read_text(encoding="utf-8")
    assert {rule["alert"] for rule in rules()} - set(re.findall(r"Lampi\w+", text)) == set()
    file = tmp_path / "alerts_test.yml"
    file.write_text(text.replace("[RULES]", f"[{package_files.ALERTS}]"))
    promtool("test", "rules", file)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_happened_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert len(rule["annotations"]["summary"]) < 100
    assert len(rule["annotations"]["description"]) > 100


def test_the_dashboard_can_be_imported_anywhere() -> None:
    read = dashboard()
    assert read["id"] is None
    assert [variable["name"] for variable in read["templating"]["list"]] == ["datasource", "job"]
    every = [*panels(), *(target for panel in panels() for target in panel["targets"]), read["templating"]["list"][1]]
    assert {each["datasource"]["uid"] for each in every} == {"${datasource}"}
    assert len({panel["id"] for panel in read["panels"]}) == len(read["panels"])
    assert not any("$" in query for _, query in queries())


def test_the_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + right, at["y"] + down) for right in range(at["w"]) for down in range(at["h"])}
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.slow
def test_every_panel_shows_a_daemon_s_data_and_no_alert_fires_while_all_is_well(prometheus: Prometheus) -> None:
    for title, query in queries():
        if not any(name in query for name in EMPTY_WHILE_ALL_IS_WELL) and title != "Restarts":
            wait_until(lambda query=query: prometheus.value(query), f"data for the panel {title}: {query}")  # type: ignore[misc]
    wait_until(lambda: prometheus.value('count(lampi_lamps{state="waiting"} == 1)'), "the lamp")
    loaded = prometheus.ask("rules")["groups"][0]["rules"]
    assert [rule["name"] for rule in loaded] == [rule["alert"] for rule in rules()]
    wait_until(lambda: all(r["health"] == "ok" for r in prometheus.ask("rules")["groups"][0]["rules"]), "all rules")
    assert prometheus.value('ALERTS{alertstate="firing"}') == []


def test_metrics_are_found_in_queries() -> None:
    assert metrics_in(
        'max by (job) (a_b) < 0.5 * max by (job) (c offset 15m) and sum(rate(d{e="f g"}[5m])) > 1e3 unless on (h) i'
    ) == {"a_b", "c", "d", "i"}
    assert filled_in('x{job="$job"}[$__rate_interval]') == 'x{job="lampi"}[10s]'
