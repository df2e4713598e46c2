"""Requests for a reset, and the cloud's answers: what is written is read back."""

from datetime import UTC, datetime

import pytest

from shared.protocol import topics
from shared.protocol.errors import BadMember
from shared.protocol.payloads import Associated, decode_association
from shared.protocol.reset import Reset, ResetRequest, ResetStage, decode_reset_request

TICKET = "5b8d0f3a6c1e4972b0d5a8e3f7c21946"
UNTIL = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "answer",
    [
        Reset(ResetStage.OFFERED, TICKET, 86400),
        Reset(ResetStage.OFFERED, TICKET, 0),
        Reset(ResetStage.REQUESTED, until=UNTIL),
        Reset(ResetStage.REFUSED, until=UNTIL),
        Reset(ResetStage.DENIED),
    ],
    ids=lambda answer: answer.stage,
)
def test_an_answer_is_read_back(answer: Reset) -> None:
    assert decode_association(Associated("Kitchen", answer).encode()) == Associated("Kitchen", answer)


@pytest.mark.parametrize("request_", [ResetRequest(), ResetRequest(TICKET)])
def test_a_request_is_read_back(request_: ResetRequest) -> None:
    assert decode_reset_request(request_.encode()) == request_


def test_an_answer_of_a_later_release_is_left_out_and_reported() -> None:
    bad: list[BadMember] = []
    payload = b'{"associated": true, "name": "Kitchen", "reset": {"stage": "postponed"}}'
    assert decode_association(payload, bad.append) == Associated("Kitchen")
    assert [str(each) for each in bad] == ["'reset' has an unknown stage"]


@pytest.mark.parametrize(
    "topic",
    [
        "devices/B827EBBA0387/lamp/reset",
        "devices/b827ebba0387/lamp/reset/more",
        "devices/b827ebba038/lamp/reset",
        "lamp/reset",
    ],
)
def test_only_a_lamp_s_own_topic_names_it(topic: str) -> None:
    assert topics.parse_reset(topics.reset(topics.lamp_prefix("b827ebba0387"))) == "b827ebba0387"
    assert topics.parse_reset(topic) is None
