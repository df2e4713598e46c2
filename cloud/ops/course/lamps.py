"""Choosing the lamps of a course site that come, with their owners, names and codes."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cloud.db.timestamps import NEVER
from cloud.errors import BadLampName
from cloud.ops.course.report import Report
from cloud.ops.course.site import CourseLamp
from cloud.ops.course.users import ChosenUsers
from cloud.services.ownership import lamp_name
from cloud.store.lamps import DEFAULT_NAME
from shared.protocol.codes import SHORT_CODE_LENGTH, is_association_code
from shared.protocol.device_id import is_device_id
from shared.protocol.errors import quoted

_BECOMES_NEW = "When it connects, it is registered without an owner, and shows a code."


@dataclass(frozen=True)
class NewLamp:
    """A lamp to add. ``owner`` is a user's name, ``code`` is None if it needs a new one."""

    device_id: str
    name: str
    code: str | None = field(repr=False)
    created_at: datetime
    owner: str | None


@dataclass(frozen=True)
class LampsHere:
    """This database's lamps: the names of their owners by device id, and the short codes of the unclaimed."""

    owners: Mapping[str, str | None]
    short_codes: Collection[str]


def short_code(code: str) -> str:
    """Return the characters of a code that a stock screen shows."""
    return code[:SHORT_CODE_LENGTH]


def choose_lamps(
    lamps: Iterable[CourseLamp],
    users: ChosenUsers,
    here: LampsHere,
    now: datetime,
    report: Report,
) -> list[NewLamp]:
    """Choose the lamps to add: those that are not here, and whose owners come or are here."""
    lamps = list(lamps)
    spellings = Counter(lamp.device_id.lower() for lamp in lamps)
    exact = {lamp.device_id for lamp in lamps}
    taken, chosen = set(here.short_codes), []
    for lamp in lamps:
        device_id = lamp.device_id.lower()
        if not is_device_id(device_id):
            report.left_out.append(f"lamp {quoted(lamp.device_id)}: its id is not 12 hexadecimal characters.")
        elif spellings[device_id] > 1 and (lamp.device_id != device_id or device_id not in exact):
            report.left_out.append(f"lamp {lamp.device_id}: the site has this id in another case, too.")
        elif device_id in here.owners:
            report.counts["lamps here"] += 1
            _note_other_owner(device_id, here.owners[device_id], users.name_of(lamp.owner_id), report)
        elif lamp.owner_id is not None and lamp.owner_id not in users.names and lamp.owner_id not in users.parked:
            owner = users.left_out.get(lamp.owner_id)
            why = (
                "its owner is not among the site's users."
                if owner is None
                else f"its owner {quoted(owner)} was left out."
            )
            report.left_out.append(f"lamp {device_id}: {why} {_BECOMES_NEW}")
        else:
            chosen.append(_new_lamp(lamp, users.name_of(lamp.owner_id), taken, now, report))
    report.counts["lamps"] = len(chosen)
    report.counts["owned"] = sum(lamp.owner is not None for lamp in chosen)
    return chosen


def _new_lamp(lamp: CourseLamp, owner: str | None, taken: set[str], now: datetime, report: Report) -> NewLamp:
    device_id = lamp.device_id.lower()
    code: str | None = lamp.code.lower()
    if code is None or not is_association_code(code) or (owner is None and short_code(code) in taken):
        code = None
        if owner is None:
            report.notes.append(f"lamp {device_id} gets a new code; restart its screen if it runs the stock software")
    elif owner is None:
        taken.add(short_code(code))
    created_at = lamp.created_at if lamp.created_at is not None and NEVER < lamp.created_at <= now else now
    return NewLamp(device_id, _name_of(lamp, device_id, report), code, created_at, owner)


def _name_of(lamp: CourseLamp, device_id: str, report: Report) -> str:
    try:
        return lamp_name(lamp.name)
    except BadLampName:
        report.notes.append(
            f"lamp {device_id} is named {DEFAULT_NAME}, as its name {quoted(lamp.name)} is not printable"
        )
        return DEFAULT_NAME


def _note_other_owner(device_id: str, owner: str | None, course_owner: str | None, report: Report) -> None:
    if course_owner is not None and course_owner != owner:
        is_here = "has no owner here" if owner is None else f"belongs to {owner} here"
        report.notes.append(f"lamp {device_id} {is_here}, and to {course_owner} on the site; it stays as it is")
