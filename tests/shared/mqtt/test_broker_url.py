"""Broker URLs."""

import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mqtt.broker_url import BrokerUrl, parse_broker_url

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("mqtt://localhost", BrokerUrl("localhost", 1883)),
        ("mqtts://localhost", BrokerUrl("localhost", 8883, tls=True)),
        ("MQTT://Broker.Example:1884/", BrokerUrl("broker.example", 1884)),
        (" mqtt://localhost:1\n", BrokerUrl("localhost", 1)),
        ("mqtt://[::1]:1883", BrokerUrl("::1", 1883)),
        ("mqtt://192.0.2.1:65535", BrokerUrl("192.0.2.1", 65535)),
        ("mqtt://ann@localhost", BrokerUrl("localhost", 1883, username="ann")),
        ("mqtt://ann:pw@localhost", BrokerUrl("localhost", 1883, username="ann", password="pw")),
        ("mqtt://a%40b:p%2F%3A%25@localhost", BrokerUrl("localhost", 1883, username="a@b", password="p/:%")),
        ("mqtt://ann:p@w@localhost", BrokerUrl("localhost", 1883, username="ann", password="p@w")),
        ("mqtt://@localhost", BrokerUrl("localhost", 1883)),
    ],
)
def test_what_a_url_names(text: str, broker: BrokerUrl) -> None:
    assert parse_broker_url(text) == broker


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must start with"),
        ("localhost:1883", "must start with"),
        ("http://localhost", "must start with"),
        ("mqtt://", "has no host"),
        ("mqtt://:1883", "has no host"),
        ("mqtt://localhost:0", "port"),
        ("mqtt://localhost:65536", "port"),
        ("mqtt://localhost:-1", "port"),
        ("mqtt://localhost:http", "port"),
        ("mqtt://localhost/topic", "more parts than"),
        ("mqtt://localhost?x", "more parts than"),
        ("mqtt://localhost#x", "more parts than"),
        ("mqtt://[::1", "not a URL"),
        (f"mqtt://{'a' * 70}.com", "host"),
        ("mqtt://a..b", "host"),
        ("mqtt://.example.com", "host"),
        ("mqtt://my broker", "host"),
        ("mqtt://a\0b", "host"),
        (f"mqtt://:{SECRET}@localhost", "no user"),
        ("mqtt://ann:%ff@localhost", "UTF-8"),
        ("mqtt://ann\udcff@localhost", "UTF-8"),
    ],
)
def test_what_is_no_broker_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refusal:
        parse_broker_url(text)
    assert not isinstance(refusal.value, UnicodeError)


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt://ann:{SECRET}/x@localhost",
        f"mqtt://ann:{SECRET}#x@localhost",
        f"mqtt://ann:{SECRET}?x@localhost",
        f"mqtt://ann:{SECRET}[@localhost",
        f"mqtt://ann:{SECRET}\u2100@localhost",
        f"mqtt://ann:{SECRET}%ff@localhost",
        f"mqtt://ann:{SECRET}@localhost:x",
        f"mqtt://ann:{SECRET}@localhost/x",
        f"http://ann:{SECRET}@localhost",
        f"mqtt://ann:{SECRET}@",
    ],
)
def test_no_refusal_quotes_the_password(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        parse_broker_url(text)
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@pytest.mark.parametrize(
    ("broker", "shown"),
    [
        (BrokerUrl("localhost", 1883), "mqtt://localhost:1883"),
        (BrokerUrl("::1", 8883, tls=True), "mqtts://[::1]:8883"),
        (BrokerUrl("localhost", 1883, username="ann"), "mqtt://ann@localhost:1883"),
        (BrokerUrl("localhost", 1883, username="ann", password=SECRET), "mqtt://ann:***@localhost:1883"),
        (BrokerUrl("localhost", 1883, username="a\n@b"), "mqtt://a%0A%40b@localhost:1883"),
    ],
)
def test_how_it_is_shown(broker: BrokerUrl, shown: str) -> None:
    assert str(broker) == shown


@given(st.text("abcdefg0123456789:/@%#", min_size=8))
def test_the_password_is_never_shown(password: str) -> None:
    broker = BrokerUrl("host.example", 1883, username="ann", password=f"~{password}")
    assert f"~{password}" not in f"{broker} {broker!r}"


@given(st.text())
def test_a_broker_or_a_value_error_and_never_a_host_that_breaks_the_resolver(text: str) -> None:
    try:
        broker = parse_broker_url(f"mqtt://{text}")
    except ValueError as refusal:
        assert not isinstance(refusal, UnicodeError)  # noqa: PT017 - what pytest.raises can't say
        return
    with contextlib.suppress(OSError):
        socket.getaddrinfo(broker.host, broker.port, flags=socket.AI_NUMERICHOST)  # asks no network
