"""History can't be written over either: SQLite's `INSERT OR REPLACE` deletes without asking the triggers."""

from peewee import Database, SqliteDatabase
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the trigger; PostgreSQL has no such way."""
    if isinstance(db, SqliteDatabase):
        db.execute_sql(
            "CREATE TRIGGER history_unreplaced BEFORE INSERT ON history"
            " WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id)"
            " BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
        )
