"""The connection for lamps' states, on a real broker: watched lamps alone, the latest report, no answer from before."""

import json
from collections.abc import Iterator

import pytest

from cloud.daemon.state_link import FILTERS_A_PACKET, Report, StateLink
from tests.support.broker import Mosquitto
from tests.support.loop import device_ids
from tests.support.waiting import wait_until

LAMP, OTHER = "b827ebba0387", "b827ebba0388"
MARK = b'"cloud"'
OURS = b'{"on": true, "client": "cloud"}'
THEIRS = b'{"on": false, "client": "lamp_ui"}'


def changed(device_id: str) -> str:
    return f"devices/{device_id}/lamp/changed"


@pytest.fixture
def link(broker: Mosquitto) -> Iterator[StateLink]:
    made = StateLink(broker.url, (5, 4), mark=MARK, wake=lambda: None, again=lambda: True)
    made.start()
    yield made
    made.stop()


def follow(link: StateLink, *device_ids: str, began: str = "first") -> None:
    watched = dict.fromkeys(device_ids, began)

    def is_ready() -> bool:
        if not link.follows(watched):
            link.follow(watched)
        return all(map(link.is_ready, watched))  # not before there is a connection

    wait_until(is_ready, "the subscription")


def next_reports(link: StateLink) -> dict[str, Report]:
    wait_until(lambda: link.has_reports, "a report")
    return link.take_reports()


def test_what_a_lamp_showed_before_is_learned_and_is_no_answer(link: StateLink, broker: Mosquitto) -> None:
    broker.publish(changed(LAMP), OURS, retain=True)
    follow(link, LAMP)
    assert next_reports(link) == {LAMP: Report(OURS, retained=True, answer=None)}
    broker.publish(changed(LAMP), OURS, retain=True)
    assert next_reports(link) == {LAMP: Report(OURS, retained=False, answer=OURS)}
    assert not link.has_reports


def test_only_the_latest_report_is_kept_and_the_answer_before_it(link: StateLink, broker: Mosquitto) -> None:
    follow(link, LAMP, OTHER)
    others = [json.dumps({"brightness": number / 5000, "client": "x"}).encode() for number in range(5000)]
    broker.publish_all([(changed(LAMP), payload) for payload in [OURS, *others]])
    broker.publish(changed(OTHER), THEIRS)
    reports: dict[str, Report] = {}

    def has_all() -> bool:
        reports.update({name: report for name, report in link.take_reports().items() if name not in reports})
        return OTHER in reports

    wait_until(lambda: len(link._reports) == 2, "both lamps' reports")
    assert has_all()
    assert reports[LAMP] == Report(others[-1], retained=False, answer=OURS)


def test_lamps_that_are_no_longer_watched_are_not_heard(link: StateLink, broker: Mosquitto) -> None:
    follow(link, LAMP)
    follow(link, OTHER)
    assert not link.is_ready(LAMP)
    broker.publish(changed(LAMP), THEIRS)
    broker.publish(changed(OTHER), THEIRS)
    assert next_reports(link) == {OTHER: Report(THEIRS, retained=False, answer=None)}


def test_another_watch_learns_again_what_the_lamp_shows(link: StateLink, broker: Mosquitto) -> None:
    broker.publish(changed(LAMP), THEIRS, retain=True)
    for began in ("first", "second"):
        follow(link, LAMP, began=began)
        assert next_reports(link) == {LAMP: Report(THEIRS, retained=True, answer=None)}


def test_many_lamps_fit_into_several_packets(link: StateLink, broker: Mosquitto) -> None:
    many = list(device_ids(2 * FILTERS_A_PACKET + 1))
    follow(link, *many)
    broker.publish(changed(many[-1]), THEIRS)
    assert set(next_reports(link)) == {many[-1]}
    follow(link)


def test_a_lost_connection_may_have_missed_reports(link: StateLink, broker: Mosquitto) -> None:
    follow(link, LAMP)
    losses = link.losses
    broker.stop()
    wait_until(lambda: link.losses > losses, "the loss")
    assert not link.is_ready(LAMP)
    broker.start()
    wait_until(lambda: link.losses > losses + 1, "the connection")
    follow(link, LAMP)


def test_reports_that_could_not_be_stored_are_kept_unless_there_are_newer_ones(
    link: StateLink, broker: Mosquitto
) -> None:
    follow(link, LAMP, OTHER)
    broker.publish(changed(LAMP), THEIRS)
    reports = next_reports(link)
    link.put_back(reports)
    assert link.take_reports() == reports
    broker.publish(changed(LAMP), OURS)
    wait_until(lambda: link.has_reports, "the newer report")
    link.put_back(reports)
    assert next_reports(link) == {LAMP: Report(OURS, retained=False, answer=OURS)}


def test_without_the_lead_the_link_ends(broker: Mosquitto) -> None:
    link = StateLink(broker.url, (5, 4), mark=MARK, wake=lambda: None, again=lambda: False)
    link.start()
    follow(link, LAMP)
    broker.stop()
    wait_until(lambda: link.ended, "the end")
    link.stop()
