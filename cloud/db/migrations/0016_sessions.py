"""An index on when browser sessions began: each sign-in deletes those that are too old."""

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Create the index."""
    db.execute_sql("CREATE INDEX sign_in_started_at ON sign_in (started_at)")
