"""Recovery codes, passkeys, and the browser of each session."""

from peewee import AutoField, BigIntegerField, CharField, Database, DateTimeField, ForeignKeyField, Model, TextField
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Create the tables, and add the column; the browsers of earlier sessions are unknown."""

    class User(Model):
        class Meta:
            database = db
            table_name = "lampi_user"

    class RecoveryCode(Model):
        digest = CharField(max_length=64, primary_key=True)
        user = ForeignKeyField(User, on_delete="CASCADE")

        class Meta:
            database = db
            table_name = "recovery_code"

    class Passkey(Model):
        id = AutoField()
        user = ForeignKeyField(User, on_delete="CASCADE")
        name = CharField(max_length=100)
        credential_id = TextField(unique=True)
        user_handle = CharField(max_length=86)
        public_key = TextField()
        sign_count = BigIntegerField()
        created_at = DateTimeField()
        last_used_at = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "passkey"

    db.create_tables([RecoveryCode, Passkey], safe=False)
    # Raw SQL: the migrator would rebuild SQLite's table.
    db.execute_sql("ALTER TABLE sign_in ADD COLUMN user_agent TEXT NOT NULL DEFAULT ''")
