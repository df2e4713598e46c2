"""The AsyncAPI document says what the code does, no more and no less."""

from typing import Any

import pytest
import yaml

from shared.protocol import topics
from shared.protocol.strict_json import MAX_BYTES, MAX_DEPTH
from tests.shared.protocol.json_documents import written
from tests.shared.protocol.test_schemas import VALIDATORS, decoder_accepts
from tests.support.contract import SCHEMAS, read_asyncapi

ASYNCAPI = yaml.safe_load(read_asyncapi())
PREFIX = topics.lamp_prefix("{deviceId}")
DELIVERIES = {
    "associated": topics.ASSOCIATED,
    "setConfig": topics.SET_CONFIG,
    "changed": topics.CHANGED,
    "reset": topics.RESET,
    "connection": topics.CONNECTION,
    "highWaterMark": topics.MARK_DELIVERY,
    "probe": topics.PROBE_DELIVERY,
    "cloudState": topics.STATE_DELIVERY,
}


def resolved(reference: str) -> Any:
    place: Any = ASYNCAPI
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place


def references(place: Any) -> list[str]:
    if isinstance(place, dict):
        own = [place["$ref"]] if "$ref" in place else []
        return own + [found for inner in place.values() for found in references(inner)]
    return [found for inner in place for found in references(inner)] if isinstance(place, list) else []


def test_the_asyncapi_document_is_of_the_version_that_readers_know() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"


def test_channels_are_the_topics_of_the_code() -> None:
    assert {name: channel["address"] for name, channel in ASYNCAPI["channels"].items()} == {
        "presence": topics.presence("{deviceId}"),
        "provisionedPresence": topics.provisioned_presence("{deviceId}"),
        "strippedPresence": topics.stripped_presence("{deviceId}"),
        "associated": topics.associated(PREFIX),
        "setConfig": topics.set_config(PREFIX),
        "changed": topics.changed(PREFIX),
        "reset": topics.reset(PREFIX),
        "connection": topics.connection(PREFIX, "{clientName}"),
        "highWaterMark": topics.HIGH_WATER_MARK,
        "probe": topics.PROBE,
        "cloudState": topics.STATE,
    }


def test_every_parameter_of_an_address_is_described() -> None:
    for channel in ASYNCAPI["channels"].values():
        in_address = {piece.split("}")[0] for piece in channel["address"].split("{")[1:]}
        assert set(channel.get("parameters", {})) == in_address


def test_messages_are_published_as_the_code_publishes_them() -> None:
    sent = set()
    for operation in ASYNCAPI["operations"].values():
        channel = operation["channel"]["$ref"].removeprefix("#/channels/")
        if operation["action"] == "send" and "resence" not in channel:  # any quality of service will do
            binding = operation["bindings"]["mqtt"]
            assert topics.Delivery(binding["qos"], binding["retain"]) == DELIVERIES[channel]
            sent.add(channel)
        else:
            assert "bindings" not in operation
    assert sent == set(DELIVERIES)


def test_every_channel_has_a_sender_and_a_receiver() -> None:
    for side, action in (("cloud", "receive"), ("cloud", "send"), ("lamp", "receive"), ("lamp", "send")):
        found = [
            name
            for name, operation in ASYNCAPI["operations"].items()
            if name.startswith(side) and operation["action"] == action
        ]
        assert found
        for name in found:
            assert ASYNCAPI["operations"][name]["tags"] == [{"$ref": f"#/components/tags/{side}"}]
    used = {operation["channel"]["$ref"].split("/")[-1] for operation in ASYNCAPI["operations"].values()}
    assert used == set(ASYNCAPI["channels"])


def test_every_reference_resolves() -> None:
    found = references(ASYNCAPI)
    assert {reference for reference in found if not reference.startswith("#/")} == {
        f"./schemas/{name}.schema.json" for name in SCHEMAS
    }
    for reference in found:
        if reference.startswith("#/"):
            assert resolved(reference)


@pytest.mark.parametrize(
    ("message", "schema"),
    [
        ("associated", "associated"),
        ("lampConfig", "lamp_config"),
        ("resetRequest", "reset_request"),
        ("highWaterMark", "high_water_mark"),
    ],
)
def test_examples_of_messages_are_valid(message: str, schema: str) -> None:
    for example in ASYNCAPI["components"]["messages"][message]["examples"]:
        VALIDATORS[schema].validate(example["payload"])
        assert decoder_accepts(schema, written(example["payload"]))


def test_the_limits_in_the_description_are_those_of_the_code() -> None:
    description = " ".join(ASYNCAPI["info"]["description"].split())
    assert f"larger than {MAX_BYTES} bytes, nested more than {MAX_DEPTH} deep," in description
