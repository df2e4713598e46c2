"""Accounts: who may sign up under what name, and who somebody is that comes with a name and a password."""

import unicodedata
from datetime import datetime, timedelta

from cloud import history
from cloud.database import write_transaction
from cloud.errors import BadUserName, WrongPassword
from cloud.guessing import attempts
from cloud.guessing.attempts import Limit
from cloud.history import Event
from cloud.identity import passwords, sign_ins
from cloud.users import User, name_key

SHORTEST_NAME = 2
LONGEST_NAME = 40

_WRITTEN_TOGETHER = {"CJK", "HIRAGANA", "KATAKANA"}

_QUARTER = timedelta(minutes=15)
_HOUR = timedelta(hours=1)


def sign_up(name: str, password: str, source: str, now: datetime) -> User:
    """Make an account for a person who asks for one on the web; ``source`` is the address they come from.

    Names are looser for an operator (`association.add_user`). Here, one that is another's but for case or the form
    of its characters is taken; and one that mixes scripts is refused: a Cyrillic letter among Latin ones makes a name
    that looks like another's.

    Raises:
        BadUserName: see above; or it is too short or too long.
        BadPassword: see `passwords.require_usable`.
        TooManyAttempts: many accounts were made from there in the last hour.
    """
    name = unicodedata.normalize("NFKC", name).strip()
    _require_plain(name)
    passwords.require_usable(password, name)
    attempts.spend([Limit(("sign up", source), 20, _HOUR)], now)
    kept = passwords.hashed(password)  # before the write lock is taken: it takes long
    with write_transaction():
        if User.select().where(User.name_key == name_key(name)).exists():
            raise BadUserName(f"The name {name} is taken. Please choose another.")
        user: User = User.create(name=name, password_hash=kept)
        history.write(Event.USER_ADDED, now, source, user_name=name)
    return user


def sign_in(name: str, password: str, source: str, now: datetime) -> User:
    """Return the user with this name and password.

    A name that nobody has, one that has no password, and a wrong password are told in the same words, after the same
    time.

    Raises:
        WrongPassword: they do not go together.
        TooManyAttempts: it was tried too often, under this name or from there.
    """
    key = name_key(name)
    spent = attempts.spend(
        [
            Limit(("sign in", key, source), 5, _QUARTER),
            Limit(("sign in from", source), 30, _QUARTER),
            Limit(("sign in as", key), 100, _HOUR),  # from many addresses; high, since anybody can use it up
        ],
        now,
    )
    user = _known_as(name)
    if not passwords.fits(password, user and user.password_hash) or user is None:
        raise WrongPassword
    attempts.give_back(spent)
    if passwords.is_outdated(user.password_hash):
        _keep(user, password)
    return user


def change_password(user: User, present: str, new: str, now: datetime) -> None:
    """Give somebody who knows the present password another, and sign them out everywhere.

    Raises:
        WrongPassword: the present one is another.
        BadPassword: see `passwords.require_usable`.
        TooManyAttempts: the present one was wrong too often.
    """
    spent = attempts.spend([Limit(("change password", str(user.id)), 5, _QUARTER)], now)
    if not passwords.fits(present, user.password_hash):
        raise WrongPassword("That is not your present password.")
    attempts.give_back(spent)
    set_password(user, new)


def set_password(user: User, password: str) -> None:
    """Give somebody a password, and sign them out everywhere; their tokens (`cloud.identity.tokens`) stay.

    No password makes a token, an operator does, and programs in the field would stand still with each new password.

    Raises:
        BadPassword: see `passwords.require_usable`.
    """
    passwords.require_usable(password, user.name)
    with write_transaction():
        _keep(user, password)
        sign_ins.end_all(user)


def _keep(user: User, password: str) -> None:
    user.password_hash = passwords.hashed(password)
    user.save(only=[User.password_hash])


def _known_as(name: str) -> User | None:
    """Return who signs in under a name: the one who is called exactly so, else the only one but for case."""
    if not name.strip().isprintable():
        return None  # not every database can be asked for such a name
    named: list[User] = list(User.select().where(User.name_key == name_key(name)).order_by(User.id))
    exact = [user for user in named if user.name == name.strip()]
    return exact[0] if exact else named[0] if len(named) == 1 else None


def _require_plain(name: str) -> None:
    if not SHORTEST_NAME <= len(name) <= LONGEST_NAME:
        raise BadUserName(f"A name has at least {SHORTEST_NAME} characters and at most {LONGEST_NAME}.")
    if not all(unicodedata.category(character)[0] in "LMN" or character in "._-" for character in name):
        raise BadUserName("A name has only letters, digits, full stops, hyphens and underscores.")
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in name if letter.isalpha()}
    if len(scripts) > 1 and not scripts <= _WRITTEN_TOGETHER:
        raise BadUserName("The letters of a name are all of one script.")
