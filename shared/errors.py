"""What can be wrong with a message that comes off the wire, and how to speak of it."""


class BadMessage(ValueError):
    """A message that is ignored; its text is the reason and never quotes the payload, its ``kind`` is to be counted.

    ``part`` is what was ignored.
    """

    kind = "message"
    part = "a message"


class BadTopic(BadMessage):
    """A topic that does not have the form its subscription promises."""

    kind = "topic"


class BadPayload(BadMessage):
    """A payload that is not what its topic carries."""

    kind = "payload"


class BadMember(BadPayload):
    """An optional member that could not be read, of a message that was processed without it."""

    part = "a member of a message"


def quoted(text: str, longest: int = 80) -> str:
    """Return a stranger's text as one line can bear it: in quotes, no control characters, not too long."""
    return repr(text if len(text) <= longest else text[:longest] + "...")
