"""Payloads: written, read back, and refused when a stranger gets them wrong."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mqtt.messages import Message, Publication
from shared.protocol.errors import BadMember, BadPayload
from shared.protocol.payloads import (
    CLEARED,
    DOWN,
    UP,
    WITHDRAWN,
    Associated,
    Association,
    Color,
    LampConfig,
    Unassociated,
    decode_association,
    decode_count,
    decode_high_water_mark,
    decode_lamp_config,
    decode_up,
)
from shared.protocol.strict_json import MAX_BYTES
from tests.shared.protocol.json_documents import (
    ASSOCIATIONS,
    CODES,
    LAMP_CONFIGS,
    NEARLY_ASSOCIATIONS,
    NEARLY_LAMP_CONFIGS,
    UNASSOCIATED,
    mutated,
    written,
)

CODE = "b71e09c4d5f64a1f9c3a2e8b7d605143"
UPS = st.sampled_from([UP, DOWN])

NO_SWITCHES = ("2", "-1", "1.0", '"1"', '"on"', '"true "', '""', "null", "[]")


@pytest.mark.parametrize(
    ("association", "payload"),
    [
        (Associated(), b'{"associated": true}'),
        (Associated("Küche"), b'{"associated": true, "name": "K\\u00fcche"}'),
        (Unassociated(CODE), b'{"associated": false, "code": "b71e09c4d5f64a1f9c3a2e8b7d605143"}'),
    ],
)
def test_an_association_is_written_as_lampi_writes_it(association: Association, payload: bytes) -> None:
    assert association.encode() == payload


def test_optional_members_appear_where_they_differ_from_their_defaults() -> None:
    assert json.loads(Unassociated(CODE, "https://lamps.example", 8, good_for=900).encode()) == {
        "associated": False,
        "code": CODE,
        "url": "https://lamps.example",
        "short_code_length": 8,
        "good_for": 900,
    }


def test_a_configuration_is_written_as_lampi_writes_it() -> None:
    config = LampConfig(Color(0.5, 1.0), 0.25, on=True, client="ui")
    assert config.encode() == b'{"color": {"h": 0.5, "s": 1.0}, "brightness": 0.25, "on": true, "client": "ui"}'
    assert LampConfig(on=False).encode() == b'{"on": false, "client": ""}'


@given(ASSOCIATIONS)
def test_an_association_that_is_written_is_read_back(association: Association) -> None:
    payload = association.encode()
    if len(payload) <= MAX_BYTES:
        assert decode_association(payload) == association


@given(LAMP_CONFIGS)
def test_a_configuration_that_is_written_is_read_back(config: LampConfig) -> None:
    payload = config.encode()
    if len(payload) <= MAX_BYTES:
        assert decode_lamp_config(payload) == config


@pytest.mark.parametrize("up", [True, False])
def test_a_state_that_is_written_is_read_back(up: bool) -> None:
    assert decode_up(b"1" if up else b"0") is up


@pytest.mark.parametrize("payload", [CLEARED, WITHDRAWN, b'{"associated": true, "name": "Hall", "withdrawn": true}'])
def test_a_cleared_or_withdrawn_message_says_nothing(payload: bytes) -> None:
    assert decode_association(payload) is None


def test_a_stock_screen_reads_a_withdrawn_message_as_one_that_closes_its_popup() -> None:
    assert json.loads(WITHDRAWN) == {"associated": True, "withdrawn": True}


def test_a_message_is_withdrawn_only_where_it_says_so() -> None:
    assert decode_association(b'{"associated": true, "withdrawn": false}') == Associated()
    payload = written({"associated": False, "code": CODE, "withdrawn": True})
    assert decode_association(payload) == Unassociated(CODE)


def test_unknown_members_are_no_fault() -> None:
    assert decode_association(b'{"associated": true, "since": [1], "code": 5}') == Associated()
    assert decode_association(b'{"associated": false, "code": "%s", "name": 5}' % CODE.encode()) == Unassociated(CODE)
    assert decode_lamp_config(b'{"on": true, "mood": null}') == LampConfig(on=True)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "'associated' is missing"),
        ({"associated": 1}, "'associated' is neither true nor false"),
        ({"associated": "false", "code": CODE}, "'associated' is neither true nor false"),
        ({"associated": None}, "'associated' is neither true nor false"),
        ({"associated": False}, "'code' is missing"),
        ({"associated": False, "code": 5}, "'code' is not a string"),
        ({"associated": False, "code": "g" + CODE[1:]}, "'code' is not 32 hexadecimal characters"),
        ({"associated": False, "code": CODE[1:]}, "'code' is not 32"),
        ({"associated": False, "code": CODE + "\n"}, "'code' is not 32"),
        ({"associated": False, "code": CODE, "url": None}, "'url' is not a string"),
        ({"associated": False, "code": CODE, "url": "\udc80"}, "'url' is not text"),
        ({"associated": False, "code": CODE, "short_code_length": 5}, "'short_code_length' is not a whole number"),
        ({"associated": False, "code": CODE, "short_code_length": 33}, "from 6 to 32"),
        ({"associated": False, "code": CODE, "short_code_length": 6.5}, "'short_code_length' is not a whole number"),
        ({"associated": False, "code": CODE, "short_code_length": True}, "'short_code_length' is not a whole number"),
        ({"associated": False, "code": CODE, "good_for": 0}, "'good_for' is not a whole number from 1"),
        ({"associated": False, "code": CODE, "good_for": 2**31}, "'good_for' is not a whole number from 1"),
        ({"associated": True, "name": 5}, "'name' is not a string"),
        ({"associated": True, "withdrawn": 1}, "'withdrawn' is neither true nor false"),
        ({"associated": True, "name": ""}, "'name' does not have 1 to 100 characters"),
        ({"associated": True, "name": "x" * 101}, "'name' does not have 1 to 100 characters"),
        ({"associated": True, "name": "\ud800"}, "'name' is not text"),
        ({"associated": False, "code": CODE, "short_code_length": "8"}, "'short_code_length' is not a whole number"),
    ],
)
def test_an_invalid_association_is_refused_with_the_reason(members: dict[str, object], reason: str) -> None:
    with pytest.raises(BadPayload, match=reason) as refusal:
        decode_association(written(members))
    assert CODE[:6] not in str(refusal.value)


@pytest.mark.parametrize(
    ("members", "association", "bad"),
    [
        ({"associated": True, "name": 5}, Associated(), ["name"]),
        ({"associated": True, "withdrawn": 1}, Associated(), ["withdrawn"]),
        ({"associated": False, "code": CODE, "url": 5}, Unassociated(CODE), ["url"]),
        (
            {"associated": False, "code": CODE, "url": "x", "identify": None, "good_for": 0},
            Unassociated(CODE, "x"),
            ["identify", "good_for"],
        ),
    ],
)
def test_a_reader_may_do_without_a_bad_optional_member(
    members: dict[str, object], association: Association, bad: list[str]
) -> None:
    faults: list[BadMember] = []
    assert decode_association(written(members), faults.append) == association
    assert [str(fault).split("'")[1] for fault in faults] == bad


def test_a_code_of_unknown_length_is_refused_all_the_same() -> None:
    with pytest.raises(BadPayload, match="short_code_length"):
        decode_association(written({"associated": False, "code": CODE, "short_code_length": 5}), lambda _bad: None)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    payload = b'{"associated": false, "code": "%s", "short_code_length": 8.0}' % CODE.encode()
    assert decode_association(payload) == Unassociated(CODE, short_code_length=8)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"color": [0, 1]}, "'color' is not an object"),
        ({"color": None}, "'color' is not an object"),
        ({"color": {"h": 0.5}}, "'s' is missing"),
        ({"color": {"h": "0.5", "s": 1}}, "'h' is not a number"),
        ({"color": {"h": 1.01, "s": 1}}, "'h' is not from 0 to 1"),
        ({"brightness": -0.01}, "'brightness' is not from 0 to 1"),
        ({"brightness": True}, "'brightness' is not a number"),
        ({"brightness": 10**400}, "'brightness' is not from 0 to 1"),
        *((json.loads(f'{{"on": {on}}}'), "'on' is neither true nor false") for on in NO_SWITCHES),
        ({"client": None}, "'client' is not a string"),
        ({"client": "\ud800"}, "'client' is not text"),
    ],
)
def test_an_invalid_configuration_is_refused_with_the_reason(members: dict[str, object], reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        decode_lamp_config(written(members))


@pytest.mark.parametrize("on", [True, 1, "true", "True", "TRUE"])
@pytest.mark.parametrize("off", [False, 0, "false", "False", "FALSE"])
def test_a_switch_is_read_as_lamps_in_the_wild_write_it(on: object, off: object) -> None:
    color = {"h": 0.5, "s": 1}
    assert decode_lamp_config(written({"on": on, "color": color})) == LampConfig(on=True, color=Color(0.5, 1))
    assert decode_lamp_config(written({"on": off})) == LampConfig(on=False)


def test_a_code_in_upper_case_is_read_in_lower_case() -> None:
    assert decode_association(written({"associated": False, "code": CODE.upper()})) == Unassociated(CODE)


def test_a_reader_may_do_without_a_bad_member_of_a_configuration() -> None:
    faults: list[BadMember] = []
    members = {"on": "maybe", "color": {"h": 0.5}, "brightness": 0.5, "client": 5}
    assert decode_lamp_config(written(members), faults.append) == LampConfig(brightness=0.5)
    assert [str(fault).split("'")[1] for fault in faults] == ["s", "on", "client"]


@pytest.mark.parametrize("payload", [b"1e999", b"-1e999"])
def test_a_number_beyond_all_floats_is_out_of_range(payload: bytes) -> None:
    with pytest.raises(BadPayload, match="not from 0 to 1"):
        decode_lamp_config(b'{"brightness": %s}' % payload)


@pytest.mark.parametrize("payload", [b"", b"2", b"10", b"1\n", b" 1", b"true", b'"1"', b"\x01", b"\xd9\xa1"])
def test_a_state_is_one_character(payload: bytes) -> None:
    with pytest.raises(BadPayload, match="neither '1' nor '0'"):
        decode_up(payload)


@given(
    st.binary()
    | mutated(ASSOCIATIONS.map(lambda said: said.encode()))
    | mutated(LAMP_CONFIGS.map(lambda said: said.encode()))
    | mutated(UPS)
    | (NEARLY_ASSOCIATIONS | NEARLY_LAMP_CONFIGS).map(written)
)
def test_no_payload_raises_anything_but_bad_payload(payload: bytes) -> None:
    for decode in (decode_association, decode_lamp_config, decode_up, decode_high_water_mark, decode_count):
        with contextlib.suppress(BadPayload):
            decode(payload)


@given(mutated(UNASSOCIATED.map(lambda said: said.encode())))
def test_no_refusal_quotes_the_payload(payload: bytes) -> None:
    try:
        decode_association(payload)
    except BadPayload as refusal:
        longest_quotable = 5  # of hexadecimal characters in a row: fewer than a short code
        text = str(refusal)
        quoted = {payload[start : start + 6] for start in range(len(payload) - longest_quotable)}
        assert not any(piece.isalnum() and not piece.isalpha() and piece in text.encode() for piece in quoted)


@given(CODES)
def test_no_repr_shows_a_code_or_a_payload(code: str) -> None:
    said = Unassociated(code)
    shown = (
        f"{said!r} {said} {Message('topic', said.encode(), retained=True)!r}"
        f"{Publication('topic', said.encode(), qos=2, retain=True)!r}"
    )
    assert code not in shown
    assert "associated'" not in shown
