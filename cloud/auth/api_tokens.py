"""API tokens, with which a program acts for a user over HTTP.

A token is shown once, when it is created. The database stores only its SHA-256 digest. A slow password hash would slow
down every request and add nothing, since 256 random bits can't be guessed.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from peewee import AutoField, CharField, ForeignKeyField

from cloud.db.database import Table, write_transaction
from cloud.db.timestamps import TimestampField
from cloud.errors import BadTokenName, UnknownToken
from cloud.store.lamps import User

PREFIX = "lampi_"
"""Prefix of every token, which lets people and secret scanners recognize one."""

LONGEST_NAME = 100
MOST_TOKENS = 50
USE_IS_NOTED_EVERY = timedelta(minutes=1)
"""Resolution of `last_used_at`, to avoid taking the write lock on every request."""


class ApiToken(Table):
    """A user's token, named after its purpose."""

    id = AutoField()
    user = ForeignKeyField(User, on_delete="CASCADE")
    name = CharField(max_length=LONGEST_NAME)
    digest = CharField(max_length=64, unique=True)
    created_at: datetime = TimestampField()
    last_used_at: datetime | None = TimestampField(null=True)


def make_token(user: User, name: str, now: datetime) -> str:
    """Create a token and return it. It can't be read again later.

    Raises:
        BadTokenName: the name is empty, too long or not one printable line; or the user has `MOST_TOKENS` already.
    """
    name = name.strip()
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadTokenName(f"A token name must be one line of 1 to {LONGEST_NAME} characters.")
    token = PREFIX + secrets.token_urlsafe(32)
    with write_transaction():
        if len(tokens_of(user)) >= MOST_TOKENS:
            raise BadTokenName(f"{user.name} already has {MOST_TOKENS} tokens. Revoke one first.")
        ApiToken.create(user=user, name=name, digest=_digest(token), created_at=now)
    return token


def tokens_of(user: User) -> list[ApiToken]:
    """Return a user's tokens, oldest first."""
    return list(ApiToken.select().where(ApiToken.user == user).order_by(ApiToken.id))


def revoke(user: User, number: int) -> None:
    """Revoke a user's token, effective immediately.

    Raises:
        UnknownToken: the user has no token with this number.
    """
    with write_transaction():
        if not ApiToken.delete().where((ApiToken.id == number) & (ApiToken.user == user)).execute():
            raise UnknownToken(f"{user.name} has no token {number}.")


def bearer(token: str, now: datetime) -> User | None:
    """Return the user of a valid token and record its use, or return None."""
    if not token.startswith(PREFIX) or not token.isascii():
        return None
    found: ApiToken | None = ApiToken.select(ApiToken, User).join(User).where(ApiToken.digest == _digest(token)).first()
    if found is None:
        return None
    if found.last_used_at is None or not now - USE_IS_NOTED_EVERY < found.last_used_at <= now:
        with write_transaction():
            ApiToken.update(last_used_at=now).where(ApiToken.id == found.id).execute()
    user: User = found.user
    return user


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
