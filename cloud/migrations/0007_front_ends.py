"""What other front ends need: until when a lamp shows which one it is, and tokens."""

from peewee import CharField, Database, DateTimeField, ForeignKeyField, Model
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Add the column and the table."""

    class User(Model):
        class Meta:
            database = db
            table_name = "lampi_user"

    class ApiToken(Model):
        user = ForeignKeyField(User, on_delete="CASCADE")
        name = CharField(max_length=100)
        digest = CharField(max_length=64, unique=True)
        created_at = DateTimeField()
        last_used_at = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "api_token"

    migrator.migrate(migrator.add_column("lampi", "identify_until", DateTimeField(null=True)))
    db.execute_sql("CREATE INDEX lampi_identify_until ON lampi (identify_until) WHERE identify_until IS NOT NULL")
    db.create_tables([ApiToken], safe=False)
