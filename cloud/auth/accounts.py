"""Accounts: sign-up, sign-in and password changes.

Each function that checks or sets a password raises `Overloaded` if too many are doing so.
"""

import unicodedata
from datetime import datetime, timedelta

from fontTools.unicodedata import script_extension

from cloud.auth import passwords, sessions
from cloud.db.database import connection_returned, write_transaction
from cloud.errors import BadUserName, WrongPassword
from cloud.rate_limit import attempts
from cloud.rate_limit.attempts import Limit
from cloud.store import audit_log
from cloud.store.audit_log import AuditEvent
from cloud.store.users import User, name_key

SHORTEST_NAME = 2
LONGEST_NAME = 40

_ANY_SCRIPT = {"Zyyy", "Zinh"}
"""ISO 15924 codes of characters that belong to all scripts, or inherit the script of their neighbour."""

_SYSTEMS = {
    "Hani": {"Hanb", "Jpan", "Kore"},
    "Hira": {"Jpan"},
    "Kana": {"Jpan"},
    "Hang": {"Kore"},
    "Bopo": {"Hanb"},
}
"""Writing systems that use several scripts (UTS 39, "augmented script sets")."""

_WRONG_CURRENT = "Incorrect current password."

_QUARTER = timedelta(minutes=15)
_HOUR = timedelta(hours=1)


def sign_up(name: str, password: str, source: str, now: datetime) -> User:
    """Create an account; ``source`` is the client's address.

    The rules for names are stricter than for operators (`claiming.add_user`). A name that differs from an existing
    one only in case or Unicode form counts as taken. Mixed scripts are rejected: a Cyrillic letter in a Latin name can
    imitate another user's name.

    Raises:
        BadUserName: the name is too short, too long, taken, or has characters that are not allowed.
        BadPassword: see `passwords.require_usable`.
        TooManyAttempts: too many accounts were created from this address in the last hour.
    """
    name = unicodedata.normalize("NFKC", name).strip()
    _require_plain(name)
    passwords.require_usable(password, name)
    # A rejected sign-up reveals that the name is taken, so attempts have a limit of their own.
    limits = [Limit(("sign up", source), 20, _HOUR), Limit(("try name", source), 200, _HOUR)]
    created, _tried = attempts.spend(limits, now)
    kept = _hashed(password)  # slow, so before taking the write lock
    with write_transaction():
        is_taken = User.select().where(User.name_key == name_key(name)).exists()
        if not is_taken:
            user: User = User.create(name=name, password_hash=kept)
            audit_log.write(AuditEvent.USER_ADDED, now, source, user_name=name)
    if is_taken:
        attempts.refund([created])
        raise BadUserName(f"The username {name} is taken. Choose another.")
    return user


def sign_in(name: str, password: str, source: str, now: datetime) -> User:
    """Return the user with this name and password. `sessions.begin` checks again that the password is still the same.

    An unknown name, a user without a password and a wrong password give the same error after the same time.

    Raises:
        WrongPassword: the name or the password is wrong, or the password was changed meanwhile.
        TooManyAttempts: too many attempts with this name or from this address.
    """
    key = name_key(name)
    spent = attempts.spend(
        [
            Limit(("sign in", key, source), 5, _QUARTER),
            Limit(("sign in from", source), 30, _QUARTER),
            Limit(("sign in as", key), 100, _HOUR),  # across all addresses; high, because anyone can exhaust it
        ],
        now,
    )
    user = _known_as(name)
    if not _fits(password, user and user.password_hash) or user is None:
        raise WrongPassword
    attempts.refund(spent)
    if passwords.is_outdated(user.password_hash):
        _replace(user, _hashed(password))
    return user


def change_password(user: User, current: str, new: str, now: datetime) -> None:
    """Change a password after checking the current one, and sign the user out everywhere.

    Raises:
        WrongPassword: the current password is wrong, or was changed meanwhile.
        BadPassword: see `passwords.require_usable`.
        TooManyAttempts: the current password was wrong too often.
    """
    spent = attempts.spend([Limit(("change password", str(user.id)), 5, _QUARTER)], now)
    if not _fits(current, user.password_hash):
        raise WrongPassword(_WRONG_CURRENT)
    attempts.refund(spent)
    passwords.require_usable(new, user.name)
    kept = _hashed(new)  # slow, so before taking the write lock
    with write_transaction():
        try:
            _replace(user, kept)
        except WrongPassword:
            raise WrongPassword(_WRONG_CURRENT) from None
        sessions.end_all(user)


def set_password(user: User, password: str) -> None:
    """Set a user's password and sign them out everywhere. Their API tokens (`cloud.auth.api_tokens`) stay valid.

    Tokens are issued by an operator, not by password, and revoking them would stop programs at every password change.

    Raises:
        BadPassword: see `passwords.require_usable`.
    """
    passwords.require_usable(password, user.name)
    user.password_hash = _hashed(password)  # slow, so before taking the write lock
    with write_transaction():
        user.save(only=[User.password_hash])
        sessions.end_all(user)


def _hashed(password: str) -> str:
    with connection_returned():
        return passwords.hashed(password)


def _fits(password: str, kept: str | None) -> bool:
    with connection_returned():
        return passwords.fits(password, kept)


def _replace(user: User, kept: str) -> None:
    """Store a new hash, if the one that was verified is still the user's."""
    with write_transaction():
        verified = (User.id == user.id) & (User.password_hash == user.password_hash)
        if not User.update(password_hash=kept).where(verified).execute():
            raise WrongPassword
    user.password_hash = kept


def _known_as(name: str) -> User | None:
    """Return the user for a sign-in name: an exact match, or the only match ignoring case."""
    if not name.strip().isprintable():
        return None  # not every database accepts such text in a query
    named: list[User] = list(User.select().where(User.name_key == name_key(name)).order_by(User.id))
    exact = [user for user in named if user.name == name.strip()]
    return exact[0] if exact else named[0] if len(named) == 1 else None


def _require_plain(name: str) -> None:
    if not SHORTEST_NAME <= len(name) <= LONGEST_NAME:
        raise BadUserName(f"A username must have {SHORTEST_NAME} to {LONGEST_NAME} characters.")
    if not all(unicodedata.category(character)[0] in "LMN" or character in "._-" for character in name):
        raise BadUserName("A username can contain only letters, digits, dots, hyphens and underscores.")
    if not _has_one_script(name):
        raise BadUserName("A username can't mix letters from different scripts.")


def _has_one_script(name: str) -> bool:
    """Return whether all letters can belong to one writing system: a "single script" of Unicode's UTS 39."""
    possible: set[str] | None = None
    for character in name:
        scripts = script_extension(character)
        if scripts & _ANY_SCRIPT:
            continue
        for script, systems in _SYSTEMS.items():
            if script in scripts:
                scripts = scripts | systems
        possible = scripts if possible is None else possible & scripts
    return possible is None or bool(possible)
