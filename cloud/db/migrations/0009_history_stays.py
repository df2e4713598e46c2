"""Protect the audit log from `INSERT OR REPLACE`, which on SQLite deletes rows without firing the triggers."""

from peewee import Database, SqliteDatabase
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the trigger; PostgreSQL has no such statement."""
    if isinstance(db, SqliteDatabase):
        db.execute_sql(
            "CREATE TRIGGER history_unreplaced BEFORE INSERT ON history"
            " WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id)"
            " BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
        )
