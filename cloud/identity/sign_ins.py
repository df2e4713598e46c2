"""Who is signed in: one row for each browser, which it can show a token for. The token itself is not kept."""

import hashlib
import secrets
from datetime import datetime, timedelta

from peewee import CharField, ForeignKeyField

from cloud.database import Table, write_transaction
from cloud.instants import InstantField
from cloud.models import User

IDLE_FOR = timedelta(days=7)
"""After how long without a look at the page somebody is signed out."""

LASTS_FOR = timedelta(days=30)
"""After how long somebody is signed out whatever happens."""

NOTED_EVERY = timedelta(minutes=5)
"""How exactly it is known when somebody last looked: a write for every page would be one too many."""


class SignIn(Table):
    """One browser in which somebody is signed in."""

    token_hash = CharField(max_length=64, primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE")
    started_at: datetime = InstantField()
    seen_at: datetime = InstantField(index=True)


def begin(user: User, now: datetime) -> str:
    """Sign somebody in; return the token to show from now on."""
    token = secrets.token_urlsafe(32)
    with write_transaction():
        SignIn.delete().where((SignIn.seen_at <= now - IDLE_FOR) | (SignIn.started_at <= now - LASTS_FOR)).execute()
        SignIn.create(token_hash=_hash(token), user=user, started_at=now, seen_at=now)
    return token


def user_of(token: str, now: datetime) -> User | None:
    """Return who is signed in with a token, or None where nobody is (any more)."""
    found: SignIn | None = SignIn.select(SignIn, User).join(User).where(SignIn.token_hash == _hash(token)).get_or_none()
    if found is None or found.seen_at <= now - IDLE_FOR or found.started_at <= now - LASTS_FOR:
        return None
    if found.seen_at <= now - NOTED_EVERY:
        with write_transaction():
            SignIn.update(seen_at=now).where(SignIn.token_hash == found.token_hash).execute()
    user: User = found.user
    return user


def end(token: str) -> None:
    """Sign a browser out, wherever its token went."""
    with write_transaction():
        SignIn.delete().where(SignIn.token_hash == _hash(token)).execute()


def end_all(user: User) -> None:
    """Sign somebody out everywhere."""
    with write_transaction():
        SignIn.delete().where(SignIn.user == user).execute()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
