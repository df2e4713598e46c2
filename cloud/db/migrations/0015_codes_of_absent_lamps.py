"""Record which codes were issued while their lamp was offline: they are valid for longer.

The index on unassociated lamps' codes is split in two, since the two kinds expire after different times.
"""

from peewee import Database, SqliteDatabase
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the column and replace the index."""
    # Raw SQL: the migrator would rebuild SQLite's table of a million lamps.
    no = "0" if isinstance(db, SqliteDatabase) else "FALSE"
    db.execute_sql(f"ALTER TABLE lampi ADD COLUMN code_issued_offline BOOLEAN NOT NULL DEFAULT {no}")
    db.execute_sql("DROP INDEX lampi_waiting_since")
    waiting = "ON lampi (code_issued_at) WHERE user_id IS NULL AND"
    db.execute_sql(f"CREATE INDEX lampi_waiting_since {waiting} NOT code_issued_offline")
    db.execute_sql(f"CREATE INDEX lampi_offline_since {waiting} code_issued_offline")
