"""When the leader last completed a round of its work, for `status`."""

from peewee import Database, DateTimeField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, _db: Database) -> None:
    """Add the column."""
    migrate(migrator.add_column("lease", "worked_at", DateTimeField(null=True)))
