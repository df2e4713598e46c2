"""Web page: passwords, sessions, attempts, presence timestamps and the claim URL."""

import unicodedata

from peewee import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    CharField,
    Database,
    DateTimeField,
    ForeignKeyField,
    Model,
    TextField,
)
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns and the tables."""
    # Raw SQL: the migrator would rebuild the table, and SQLite refuses to drop a table that lamps reference.
    db.execute_sql("ALTER TABLE lampi_user ADD COLUMN name_key TEXT NOT NULL DEFAULT ''")
    migrator.migrate(
        migrator.add_column("lampi_user", "password_hash", TextField(null=True)),
        migrator.add_column("lampi", "presence_since", DateTimeField(null=True)),
        migrator.add_index("lampi_user", ("name_key",)),
    )

    class User(Model):
        id = AutoField()
        name = CharField(max_length=150)
        name_key = TextField()

        class Meta:
            database = db
            table_name = "lampi_user"

    for user in list(User.select()):
        folded = unicodedata.normalize("NFKC", user.name.strip()).casefold()
        User.update(name_key=unicodedata.normalize("NFKC", folded)).where(User.id == user.id).execute()
    _make_tables(db, User)


def _make_tables(db: Database, user_table: type[Model]) -> None:
    class SignIn(Model):
        token_hash = CharField(max_length=64, primary_key=True)
        user = ForeignKeyField(user_table, on_delete="CASCADE")
        started_at = DateTimeField()
        seen_at = DateTimeField(index=True)

        class Meta:
            database = db
            table_name = "sign_in"

    class Attempt(Model):
        id = BigAutoField()
        who = CharField(max_length=64)
        at = DateTimeField(index=True)

        class Meta:
            database = db
            table_name = "attempt"
            indexes = ((("who", "at"), False),)

    class WebSecret(Model):
        id = AutoField()
        secret = CharField(max_length=64)

        class Meta:
            database = db
            table_name = "web_secret"

    class ClaimAddress(Model):
        id = AutoField()
        url = TextField(null=True)
        since_version = BigIntegerField()

        class Meta:
            database = db
            table_name = "claim_address"

    db.create_tables([SignIn, Attempt, WebSecret, ClaimAddress], safe=False)
