"""Codes of stock screens that are in doubt: the screen may have missed that its popup was closed before.

The index is small: a code leaves it once its lamp has been connected for some minutes.
"""

from peewee import Database, SqliteDatabase
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns and the index; codes that were issued while their lamps were offline are in doubt."""
    db.execute_sql(
        f"ALTER TABLE lampi ADD COLUMN code_opened_at {'DATETIME' if isinstance(db, SqliteDatabase) else 'TIMESTAMP'}"
    )
    db.execute_sql("ALTER TABLE lampi ADD COLUMN code_openings INTEGER NOT NULL DEFAULT 0")
    db.execute_sql(
        "UPDATE lampi SET code_opened_at = code_issued_at"
        " WHERE user_id IS NULL AND stock_screen AND code_issued_offline"
    )
    db.execute_sql(
        "CREATE INDEX lampi_code_opened ON lampi (connected, code_opened_at) WHERE code_opened_at IS NOT NULL"
    )
