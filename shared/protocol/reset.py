"""Resets at the lamp: what a lamp without its owner asks, and what the cloud answers.

A lamp first asks for terms, with an empty request. The cloud offers them with a ticket, as a member of the lamp's
`associated` payload, and the lamp confirms with that ticket. A ticket belongs to one ownership and is good for a few
minutes, so a request that arrives late, or again, can't take the lamp from a later owner.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from shared.protocol import json_members
from shared.protocol.errors import BadPayload
from shared.protocol.strict_json import decode_object

LONGEST_WAIT = 2**31 - 1
"""Seconds; the largest signed 32-bit integer."""
LATEST = 2**32 - 1
"""Unix time; in the year 2106."""

_TICKET = re.compile("[0-9a-f]{32}", re.ASCII)


class ResetStage(StrEnum):
    """How far a reset at the lamp has come."""

    OFFERED = "offered"
    """The lamp may confirm with the ticket."""
    REQUESTED = "requested"
    """The lamp has confirmed; it is released at ``until`` unless its owner refuses."""
    REFUSED = "refused"
    """The owner refused; the lamp can ask again from ``until`` on."""
    DENIED = "denied"
    """The operator does not allow resets at lamps."""


@dataclass(frozen=True)
class Reset:
    """The cloud's answer, a member of `associated`.

    ``wait`` is how long the owner can refuse after a confirmation, in seconds; 0 if the lamp is released at once.
    ``until`` has whole seconds.
    """

    stage: ResetStage
    ticket: str | None = None
    wait: int | None = None
    until: datetime | None = None

    def members(self) -> dict[str, object]:
        """Return the JSON object, without members that are None."""
        until = None if self.until is None else int(self.until.timestamp())
        every = {"stage": self.stage.value, "ticket": self.ticket, "wait": self.wait, "until": until}
        return {name: value for name, value in every.items() if value is not None}


def read_reset(members: dict[str, Any], name: str) -> Reset:
    """Return the answer in a member of a payload.

    Raises:
        BadPayload: it is not an object, or lacks what its stage needs.
    """
    parts = json_members.member(members, name)
    if not isinstance(parts, dict):
        raise BadPayload(f"{name!r} is not an object")
    try:
        stage = ResetStage(json_members.text(parts, "stage"))
    except ValueError:
        raise BadPayload(f"{name!r} has an unknown stage") from None
    if stage is ResetStage.OFFERED:
        return Reset(stage, _ticket(parts), json_members.whole(parts, "wait", 0, LONGEST_WAIT))
    if stage is ResetStage.DENIED:
        return Reset(stage)
    return Reset(stage, until=datetime.fromtimestamp(json_members.whole(parts, "until", 0, LATEST), UTC))


@dataclass(frozen=True)
class ResetRequest:
    """What a lamp asks; ``ticket`` confirms the offer that has it, None asks for one."""

    ticket: str | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        return json.dumps({} if self.ticket is None else {"ticket": self.ticket}).encode()


def decode_reset_request(payload: bytes) -> ResetRequest:
    """Decode the payload of a `reset` topic.

    Raises:
        BadPayload: see `decode_object`; or the ticket is not 32 lower-case hexadecimal characters.
    """
    members = decode_object(payload)
    return ResetRequest(_ticket(members) if "ticket" in members else None)


def _ticket(members: dict[str, Any]) -> str:
    ticket = json_members.text(members, "ticket")
    if not _TICKET.fullmatch(ticket):
        raise BadPayload("'ticket' is not 32 hexadecimal characters")
    return ticket
