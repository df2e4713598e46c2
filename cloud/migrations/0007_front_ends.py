"""What other front ends need: until when a lamp shows which one it is."""

from peewee import Database, DateTimeField
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Add the column."""
    migrator.migrate(migrator.add_column("lampi", "identify_until", DateTimeField(null=True)))
    db.execute_sql("CREATE INDEX lampi_identify_until ON lampi (identify_until) WHERE identify_until IS NOT NULL")
