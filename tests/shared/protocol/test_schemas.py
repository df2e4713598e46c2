"""The machine-readable contract says what the code does, no more and no less."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shared.protocol.errors import BadPayload
from shared.protocol.payloads import (
    DOWN,
    MOST_PUBLICATIONS,
    UP,
    Association,
    HighWaterMark,
    LampConfig,
    decode_association,
    decode_high_water_mark,
    decode_lamp_config,
    decode_up,
)
from shared.protocol.reset import decode_reset_request
from shared.protocol.strict_json import MAX_BYTES, MAX_DEPTH
from tests.shared.protocol.json_documents import (
    ANYTHING,
    ASSOCIATIONS,
    LAMP_CONFIGS,
    NEARLY_ASSOCIATIONS,
    NEARLY_LAMP_CONFIGS,
    written,
)
from tests.support.contract import SCHEMAS, read_schema

CODE = "b71e09c4d5f64a1f9c3a2e8b7d605143"
TICKET = "5b8d0f3a6c1e4972b0d5a8e3f7c21946"
DECODERS: dict[str, Callable[[bytes], object]] = {
    "associated": decode_association,
    "lamp_config": decode_lamp_config,
    "state": decode_up,
    "high_water_mark": decode_high_water_mark,
    "reset_request": decode_reset_request,
}
VALIDATORS = {name: Draft202012Validator(read_schema(name)) for name in SCHEMAS}


def decoder_accepts(name: str, payload: bytes) -> bool:
    try:
        DECODERS[name](payload)
    except BadPayload:
        return False
    return True


def schema_accepts(name: str, payload: bytes) -> bool:
    document = payload.decode() if name == "state" else json.loads(payload.decode())
    return VALIDATORS[name].is_valid(document)


def depth(document: Any) -> int:
    if isinstance(document, dict | list):
        return 1 + max(map(depth, document.values() if isinstance(document, dict) else document), default=0)
    return 0


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_and_explains_itself(name: str) -> None:
    schema = read_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    assert schema["description"]
    for example in schema["examples"]:
        VALIDATORS[name].validate(example)
        assert decoder_accepts(name, example.encode() if name == "state" else written(example))


def test_every_payload_has_a_schema() -> None:
    assert set(SCHEMAS) == set(DECODERS)


@given(ASSOCIATIONS)
def test_an_association_that_is_written_is_valid(association: Association) -> None:
    assert schema_accepts("associated", association.encode())


@given(LAMP_CONFIGS)
def test_a_configuration_that_is_written_is_valid(config: LampConfig) -> None:
    assert schema_accepts("lamp_config", config.encode())


VERSIONS = st.integers(0, MOST_PUBLICATIONS)


@given(st.builds(HighWaterMark, st.text(), VERSIONS, st.lists(st.tuples(VERSIONS, VERSIONS)).map(tuple)))
def test_a_high_water_mark_that_is_written_is_valid_and_read_back(mark: HighWaterMark) -> None:
    assert schema_accepts("high_water_mark", mark.encode())
    assert decode_high_water_mark(mark.encode()) == mark


@pytest.mark.parametrize("up", [True, False])
def test_a_state_that_is_written_is_valid(up: bool) -> None:
    assert schema_accepts("state", UP if up else DOWN)


@pytest.mark.parametrize(
    ("name", "payload", "accepted"),
    [
        ("associated", '{"associated": true}', True),
        ("associated", '{"associated": true, "code": 1, "url": 2, "short_code_length": 3}', True),
        ("associated", '{"associated": true, "name": "\\ud83d\\udca1"}', True),
        ("associated", f'{{"associated": true, "name": "{"x" * 100}"}}', True),
        ("associated", f'{{"associated": true, "name": "{"x" * 101}"}}', False),
        ("associated", '{"associated": true, "name": ""}', False),
        ("associated", '{"associated": true, "name": null}', False),
        (
            "associated",
            f'{{"associated": true, "reset": {{"stage": "offered", "ticket": "{TICKET}", "wait": 0}}}}',
            True,
        ),
        ("associated", f'{{"associated": true, "reset": {{"stage": "offered", "ticket": "{TICKET}"}}}}', False),
        ("associated", '{"associated": true, "reset": {"stage": "offered", "ticket": "5B", "wait": 0}}', False),
        (
            "associated",
            f'{{"associated": true, "reset": {{"stage": "offered", "ticket": "{TICKET}", "wait": -1}}}}',
            False,
        ),
        ("associated", '{"associated": true, "reset": {"stage": "requested", "until": 1795953600, "more": 1}}', True),
        ("associated", '{"associated": true, "reset": {"stage": "requested", "until": 4294967296}}', False),
        ("associated", '{"associated": true, "reset": {"stage": "refused"}}', False),
        ("associated", '{"associated": true, "reset": {"stage": "denied", "until": "soon"}}', True),
        ("associated", '{"associated": true, "reset": {"stage": "done"}}', False),
        ("associated", '{"associated": true, "reset": {"stage": 1}}', False),
        ("associated", '{"associated": true, "reset": {}}', False),
        ("associated", '{"associated": true, "reset": null}', False),
        ("associated", f'{{"associated": false, "code": "{CODE}", "reset": 1}}', True),
        ("reset_request", "{}", True),
        ("reset_request", "[]", False),
        ("reset_request", f'{{"ticket": "{TICKET}", "more": null}}', True),
        ("reset_request", f'{{"ticket": "{TICKET}0"}}', False),
        ("reset_request", f'{{"ticket": "{TICKET}\\n"}}', False),
        ("reset_request", '{"ticket": null}', False),
        ("associated", '{"associated": false}', False),
        ("associated", f'{{"associated": false, "code": "{CODE}"}}', True),
        ("associated", f'{{"associated": false, "code": "{CODE}", "more": null}}', True),
        ("associated", f'{{"associated": false, "code": "{CODE}\\n"}}', False),
        ("associated", f'{{"associated": false, "code": "{CODE}", "url": 1}}', False),
        ("associated", f'{{"associated": false, "code": "{CODE}", "short_code_length": 6.0}}', True),
        ("associated", f'{{"associated": false, "code": "{CODE}", "short_code_length": 5}}', False),
        ("associated", f'{{"associated": false, "code": "{CODE}", "short_code_length": 32}}', True),
        ("associated", f'{{"associated": false, "code": "{CODE}", "short_code_length": 33}}', False),
        ("associated", f'{{"associated": false, "code": "{CODE}", "short_code_length": null}}', False),
        ("associated", f'{{"associated": false, "code": "{CODE}", "good_for": 1.0}}', True),
        ("associated", f'{{"associated": false, "code": "{CODE}", "good_for": 0}}', False),
        ("associated", f'{{"associated": false, "code": "{CODE}", "good_for": 2147483648}}', False),
        ("associated", f'{{"associated": false, "code": "{CODE}", "name": 5}}', True),
        ("associated", f'{{"associated": 0, "code": "{CODE}"}}', False),
        ("associated", "{}", False),
        ("associated", "[]", False),
        ("associated", "true", False),
        ("lamp_config", "{}", True),
        ("lamp_config", "null", False),
        ("lamp_config", '{"color": {"h": 0, "s": 1}}', True),
        ("lamp_config", '{"color": {"h": 0, "s": 1, "v": "x"}}', True),
        ("lamp_config", '{"color": {"h": 0}}', False),
        ("lamp_config", '{"color": {"h": -1e-9, "s": 1}}', False),
        ("lamp_config", '{"color": "red"}', False),
        ("lamp_config", '{"brightness": 1}', True),
        ("lamp_config", '{"brightness": -0.0}', True),
        ("lamp_config", '{"brightness": 1.0000001}', False),
        ("lamp_config", '{"brightness": 1e999}', False),
        ("lamp_config", '{"brightness": true}', False),
        ("lamp_config", '{"on": 2}', False),
        ("lamp_config", '{"on": 1.0}', False),
        ("lamp_config", '{"on": "on"}', False),
        ("lamp_config", '{"on": null}', False),
        ("lamp_config", '{"client": 1}', False),
        ("high_water_mark", '{"origin": "a", "version": 7}', True),
        ("high_water_mark", '{"origin": "a", "version": 7.0, "more": []}', True),
        ("high_water_mark", '{"origin": "a", "version": 7, "also": []}', True),
        ("high_water_mark", '{"origin": "a", "version": 7, "also": [[9, 12.0], [30, 20]]}', True),
        ("high_water_mark", '{"origin": "a", "version": 7, "also": [[9]]}', False),
        ("high_water_mark", '{"origin": "a", "version": 7, "also": [[9, 12, 13]]}', False),
        ("high_water_mark", '{"origin": "a", "version": 7, "also": [[9, -1]]}', False),
        ("high_water_mark", '{"origin": "a", "version": 7, "also": [[9, "12"]]}', False),
        ("high_water_mark", '{"origin": "a", "version": 7, "also": [9, 12]}', False),
        ("high_water_mark", '{"origin": "a", "version": 7, "also": null}', False),
        ("high_water_mark", '{"origin": "a", "version": 7.5}', False),
        ("high_water_mark", '{"origin": "a", "version": -1}', False),
        ("high_water_mark", '{"origin": "a", "version": 9007199254740993}', False),
        ("high_water_mark", '{"origin": "a", "version": true}', False),
        ("high_water_mark", '{"origin": null, "version": 7}', False),
        ("high_water_mark", '{"version": 7}', False),
        ("high_water_mark", '{"origin": "a"}', False),
        ("state", "1", True),
        ("state", "0", True),
        ("state", "2", False),
        ("state", "01", False),
        ("state", "1\n", False),
        ("state", "", False),
    ],
)
def test_schema_and_decoder_accept_the_same(name: str, payload: str, accepted: bool) -> None:
    assert schema_accepts(name, payload.encode()) is accepted
    assert decoder_accepts(name, payload.encode()) is accepted


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("associated", f'{{"associated": false, "code": "{CODE.upper()}"}}'),
        ("lamp_config", '{"on": 1}'),
        ("lamp_config", '{"on": "False"}'),
    ],
)
def test_what_we_never_send_is_read_all_the_same(name: str, payload: str) -> None:
    assert not schema_accepts(name, payload.encode())
    assert decoder_accepts(name, payload.encode())


def as_we_write_it(document: Any) -> Any:
    """Return a document with what a decoder tolerates in the form that the schemas have."""
    if not isinstance(document, dict):
        return document
    code, on = document.get("code"), document.get("on")
    lower = on.lower() if isinstance(on, str) else on
    switches = {"true": True, "false": False} | ({1: True, 0: False} if type(on) is int else {})
    return (
        document
        | ({"code": code.lower()} if isinstance(code, str) else {})
        | ({"on": switches[lower]} if isinstance(lower, str | int) and lower in switches else {})
    )


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("associated", '{"associated": true, "associated": true}'),
        ("associated", '{"associated": true, "more": {"a": 1, "a": 1}}'),
        ("associated", f'{{"associated": true, "more": "{"x" * MAX_BYTES}"}}'),
        ("associated", f'{{"associated": true, "more": {"[" * MAX_DEPTH}{"]" * MAX_DEPTH}}}'),
        ("associated", f'{{"associated": false, "code": "{CODE}", "url": "\\ud800"}}'),
        ("associated", '{"associated": true, "more": NaN}'),
        ("lamp_config", '{"client": "\\udfff"}'),
        ("lamp_config", '{"more": Infinity}'),
    ],
    ids=["twice", "twice inside", "size", "depth", "surrogate", "not a number", "surrogate too", "not finite"],
)
def test_what_a_schema_can_not_say_is_still_refused(name: str, payload: str) -> None:
    assert schema_accepts(name, payload.encode())
    assert not decoder_accepts(name, payload.encode())


def test_a_cleared_message_is_no_json_and_needs_no_schema() -> None:
    assert decoder_accepts("associated", b"")
    with pytest.raises(ValueError, match="Expecting value"):
        schema_accepts("associated", b"")


@given(NEARLY_ASSOCIATIONS | ANYTHING)
def test_schema_and_decoder_accept_the_same_associations(document: Any) -> None:
    payload = written(document)
    assume(len(payload) <= MAX_BYTES and depth(document) <= MAX_DEPTH)
    assert decoder_accepts("associated", payload) is schema_accepts("associated", written(as_we_write_it(document)))


@given(NEARLY_LAMP_CONFIGS | ANYTHING)
def test_schema_and_decoder_accept_the_same_configurations(document: Any) -> None:
    payload = written(document)
    assume(len(payload) <= MAX_BYTES and depth(document) <= MAX_DEPTH)
    assert decoder_accepts("lamp_config", payload) is schema_accepts("lamp_config", written(as_we_write_it(document)))


@given(st.text("01 \n") | st.text())
def test_schema_and_decoder_accept_the_same_states(text: str) -> None:
    assert decoder_accepts("state", text.encode()) is schema_accepts("state", text.encode())
