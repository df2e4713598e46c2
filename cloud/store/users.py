"""Users, who can own lamps."""

import unicodedata
from typing import Any

from peewee import AutoField, CharField, Expression, TextField

from cloud.db.database import Table
from cloud.db.name_skeletons import name_skeleton


def name_key(name: str) -> str:
    """Return the key by which users sign in: it ignores case and Unicode form."""
    folded = unicodedata.normalize("NFKC", name.strip()).casefold()
    return unicodedata.normalize("NFKC", folded)


class User(Table):
    """A user account. Without a password, the user can't sign in on the web page."""

    id = AutoField()
    name = CharField(max_length=150, unique=True)
    name_key = TextField(index=True)
    name_skeleton = TextField(index=True)
    password_hash = TextField(null=True)

    class Meta:
        """Peewee's settings; ``user`` alone is a reserved word in PostgreSQL."""

        table_name = "lampi_user"

    def __init__(self, *args: Any, **fields: Any) -> None:
        if "name" in fields:
            fields.setdefault("name_key", name_key(fields["name"]))
            fields.setdefault("name_skeleton", name_skeleton(fields["name"]))
        super().__init__(*args, **fields)

    def __repr__(self) -> str:
        return f"<User: {self.name}>"


def looks_like(name: str) -> Expression:
    """Return the condition that a user's name is the same as another, or looks like it."""
    return (User.name_key == name_key(name)) | (User.name_skeleton == name_skeleton(name))


def has_same_password(user: User) -> bool:
    """Return whether the stored password is still that of ``user``, as it was when something was verified.

    Call it in the write transaction of what was verified, so that it can't outlive a change of the password.
    """
    verified = (User.id == user.id) & (User.password_hash == user.password_hash)
    return bool(User.select().where(verified).exists())
