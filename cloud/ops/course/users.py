"""Choosing the users of a course site that come, by name and password."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cloud.auth import user_names
from cloud.auth.course_passwords import MOST_ROUNDS, is_course_hash
from cloud.errors import BadUserName
from cloud.ops.course.report import Report
from cloud.ops.course.site import CourseUser
from cloud.store.users import name_key
from shared.protocol.errors import quoted

PARKED = "parked_device_user"
"""The account that owns the unclaimed lamps on a course site. No one can sign in with it."""


@dataclass(frozen=True)
class UserHere:
    """A user of the same name in this database. ``is_imported``: an earlier import added it."""

    name: str
    is_imported: bool


@dataclass(frozen=True)
class NewUser:
    """A user to add, under the id that it has on the site."""

    course_id: int
    name: str
    password_hash: str | None = field(repr=False)


@dataclass
class ChosenUsers:
    """The users to add, and by their ids on the site: the names here, who was left out, and who is the parked user."""

    new: list[NewUser] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    left_out: dict[int, str] = field(default_factory=dict)
    parked: set[int] = field(default_factory=set)

    def name_of(self, owner_id: int | None) -> str | None:
        """Return the name here of a lamp's owner, or None for an unclaimed lamp or an owner who was left out."""
        return None if owner_id is None else self.names.get(owner_id)


def names_of(users: Iterable[CourseUser]) -> dict[int, str | BadUserName]:
    """Return each user's name in the form in which it is stored, or why there is none.

    This takes a second for 20,000 users, so do it outside of a transaction.
    """
    names: dict[int, str | BadUserName] = {}
    for user in users:
        try:
            names[user.id] = user_names.normalized_of_course(user.name)
        except BadUserName as refusal:
            names[user.id] = refusal
    return names


def choose_users(
    users: Iterable[CourseUser],
    names: Mapping[int, str | BadUserName],
    here: Mapping[str, list[UserHere]],
    report: Report,
) -> ChosenUsers:
    """Choose users; ``here`` has this database's by `name_key`.

    Of names that differ by case only, the first active user's comes: others would be signed in as each other. A user
    here whom no import has added is another person until an operator knows better, and gets no one's lamps.
    """
    chosen = ChosenUsers()
    taken: dict[str, str] = {}
    for user in sorted(users, key=lambda each: (not each.is_active, each.id)):
        if _is_parked(user):
            chosen.parked.add(user.id)
            continue
        name = names[user.id]
        refusal = name if isinstance(name, BadUserName) else _taken(name, taken, here.get(name_key(name), []))
        if isinstance(name, BadUserName) or refusal is not None:
            chosen.left_out[user.id] = user.name
            report.left_out.append(f"user {quoted(user.name)}: {refusal}")
            continue
        taken[name_key(name)] = user.name
        chosen.names[user.id] = name
        if here.get(name_key(name)):
            report.counts["users here"] += 1
            continue
        without = _why_without_password(user)
        if without is not None:
            report.notes.append(
                f"user {name} comes without a password ({without}); 'lampi-cloud user password {name}' sets one"
            )
        chosen.new.append(NewUser(user.id, name, user.password if without is None else None))
    report.counts["users"] = len(chosen.new)
    return chosen


def _taken(name: str, taken: Mapping[str, str], here: Iterable[UserHere]) -> str | None:
    """Return why a name can't be added, or None."""
    if name_key(name) in taken:
        return f"The site has {quoted(taken[name_key(name)])}, too, which is the same name here."
    for other in here:
        if other.name != name:
            return f"There is a user {other.name} here, which is the same name."
        if not other.is_imported:
            return (
                "There is a user of this name here, who did not come from a course site. If they are the same person, "
                "give them their lamps with 'lampi-cloud associate'."
            )
    return None


def _is_parked(user: CourseUser) -> bool:
    return user.name == PARKED and not (user.is_active and is_course_hash(user.password))


def _why_without_password(user: CourseUser) -> str | None:
    if not user.is_active:
        return "the account is inactive on the site"
    if is_course_hash(user.password):
        return None
    algorithm, is_hash, _ = user.password.partition("$")
    if not is_hash or user.password.startswith("!"):
        return "it has none on the site"
    if algorithm != "pbkdf2_sha256":
        return f"the site keeps it as {quoted(algorithm, 30)}, not as pbkdf2_sha256"
    return f"its hash is malformed or has more than {MOST_ROUNDS:,} rounds"
