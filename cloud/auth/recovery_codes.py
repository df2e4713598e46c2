"""Recovery codes: each lets a user who forgot the password set a new one, once.

Only digests are stored. A slow password hash would add nothing, since 80 random bits can't be guessed; the user's id in
the digest keeps a thief of the database from guessing at the codes of all users at once.
"""

import hashlib
import secrets
from datetime import datetime

from peewee import CharField, ForeignKeyField

from cloud.auth.sign_in_limits import HOUR
from cloud.db.database import Table, write_transaction
from cloud.errors import WrongPassword
from cloud.rate_limit import attempts
from cloud.rate_limit.attempts import Limit
from cloud.store import audit_log
from cloud.store.audit_log import AuditEvent
from cloud.store.users import User, has_same_password

CODES = 10
_GROUPS = 4
_GROUP_LENGTH = 4

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, without letters that look like digits."""

_READ_AS = str.maketrans("oil", "011", " -")


class RecoveryCode(Table):
    """A code that has not been used."""

    digest = CharField(max_length=64, primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE")


def make_codes(user: User, now: datetime, source: str) -> list[str]:
    """Replace a user's codes, and return the new ones. They can't be read again later.

    ``user`` is as it was when the current password was verified.

    Raises:
        WrongPassword: the password was changed meanwhile.
        TooManyAttempts: the codes were replaced too often.
    """
    codes = [_random_code() for _ in range(CODES)]
    made = attempts.spend([Limit(("recovery codes made", str(user.id)), 10, HOUR)], now)
    with write_transaction():
        is_current = has_same_password(user)
        if is_current:
            remove_codes(user)
            RecoveryCode.insert_many([{"digest": _digest(user, code), "user": user} for code in codes]).execute()
            audit_log.write(AuditEvent.RECOVERY_CODES_MADE, now, source, user_name=user.name)
    if not is_current:
        attempts.refund(made)
        raise WrongPassword("Incorrect current password.")
    return codes


def codes_left(user: User) -> int:
    """Return how many codes a user has."""
    return int(RecoveryCode.select().where(RecoveryCode.user == user).count())


def fits(user: User | None, typed: str) -> bool:
    """Return whether a user has this code. For None, return False after the same time."""
    return bool(RecoveryCode.select().where(RecoveryCode.digest == _digest(user, typed)).exists())


def use(user: User, typed: str) -> bool:
    """Delete a user's code; return whether there was one. Call it in the write transaction of what the code allows."""
    return bool(RecoveryCode.delete().where(RecoveryCode.digest == _digest(user, typed)).execute())


def remove_codes(user: User) -> None:
    """Delete all codes of a user; call it in a write transaction."""
    RecoveryCode.delete().where(RecoveryCode.user == user).execute()


def _random_code() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def _digest(user: User | None, typed: str) -> str:
    code = typed.strip().lower().translate(_READ_AS)
    return hashlib.sha256(f"recovery code\0{user.id if user else 0}\0{code}".encode("utf-8", "replace")).hexdigest()
