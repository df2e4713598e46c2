"""Errors in received messages, and how to quote untrusted text."""


class BadMessage(ValueError):
    """A message that is ignored. Its text is the reason and never quotes the payload.

    ``kind`` labels it in metrics, ``part`` is what was ignored.
    """

    kind = "message"
    part = "a message"


class BadTopic(BadMessage):
    """A topic that does not match its subscription's format."""

    kind = "topic"


class BadPayload(BadMessage):
    """A malformed payload."""

    kind = "payload"


class BadMember(BadPayload):
    """An invalid optional member; the message was processed without it."""

    part = "a member of a message"


def quoted(text: str, longest: int = 80) -> str:
    """Return untrusted text for a log line: quoted, without control characters, truncated."""
    return repr(text if len(text) <= longest else text[:longest] + "...")
