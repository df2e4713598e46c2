"""Users, who can own lamps."""

import unicodedata
from typing import Any

from peewee import AutoField, CharField, TextField

from cloud.db.database import Table


def name_key(name: str) -> str:
    """Return a key that is equal for names that look the same: it ignores case and Unicode form."""
    folded = unicodedata.normalize("NFKC", name.strip()).casefold()
    return unicodedata.normalize("NFKC", folded)


class User(Table):
    """A user account. Without a password, the user can't sign in on the web page."""

    id = AutoField()
    name = CharField(max_length=150, unique=True)
    name_key = TextField(index=True)
    password_hash = TextField(null=True)

    class Meta:
        """Peewee's settings; ``user`` alone is a reserved word in PostgreSQL."""

        table_name = "lampi_user"

    def __init__(self, *args: Any, **fields: Any) -> None:
        if "name" in fields:
            fields.setdefault("name_key", name_key(fields["name"]))
        super().__init__(*args, **fields)

    def __repr__(self) -> str:
        return f"<User: {self.name}>"
