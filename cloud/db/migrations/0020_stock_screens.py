"""Stock screens: which lamps may have one, and when to publish a code that waits until the popup has closed.

The code of an unassociated lamp with a stock screen never expires, so its lamp is counted in an hour of the far future
(`cloud.db.timestamps.FAR_FUTURE`) instead of that in which the code was issued; the triggers of 0004 are replaced. Such
lamps leave the indexes on codes that expire.
"""

from peewee import Database, SqliteDatabase
from playhouse.migrate import SchemaMigrator

_FAR_FUTURE = "'9999-12-31 23:00:00'"
_SQLITE_HOUR = (
    f"CASE WHEN {{row}}.stock_screen THEN {_FAR_FUTURE} ELSE substr({{row}}.code_issued_at, 1, 13) || ':00:00' END"
)
_OLD, _NEW = _SQLITE_HOUR.format(row="OLD"), _SQLITE_HOUR.format(row="NEW")

_SQLITE_ADD = f"""
    INSERT INTO live_codes VALUES ({_NEW}, NEW.short_code_length, 1)
        ON CONFLICT (hour, short_code_length) DO UPDATE SET lamps = lamps + 1;
END"""  # noqa: S608 - names of ours
_SQLITE_SUBTRACT = f"""
    UPDATE live_codes SET lamps = lamps - 1 WHERE hour = {_OLD} AND short_code_length = OLD.short_code_length;
    DELETE FROM live_codes WHERE lamps = 0 AND hour = {_OLD} AND short_code_length = OLD.short_code_length;
END"""  # noqa: S608
_CHANGED = "AFTER UPDATE OF user_id, code_issued_at, short_code_length, stock_screen ON lampi"
_SQLITE = {
    "lampi_counted": f"AFTER INSERT ON lampi WHEN NEW.user_id IS NULL BEGIN {_SQLITE_ADD}",
    "lampi_discounted": f"AFTER DELETE ON lampi WHEN OLD.user_id IS NULL BEGIN {_SQLITE_SUBTRACT}",
    "lampi_recounted_old": f"{_CHANGED} WHEN OLD.user_id IS NULL BEGIN {_SQLITE_SUBTRACT}",
    "lampi_recounted_new": f"{_CHANGED} WHEN NEW.user_id IS NULL BEGIN {_SQLITE_ADD}",
}

_HOUR = f"CASE WHEN stock_screen THEN timestamp {_FAR_FUTURE} ELSE date_trunc('hour', code_issued_at) END"
_POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION lampi_count_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live_codes AS counted
        SELECT {_HOUR}, short_code_length, count(*) FROM come WHERE user_id IS NULL GROUP BY 1, 2
        ON CONFLICT (hour, short_code_length) DO UPDATE SET lamps = counted.lamps + excluded.lamps;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION lampi_count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live_codes AS counted
        SELECT hour, length, sum(one) FROM (
            SELECT {_HOUR} AS hour, short_code_length AS length, -1 AS one FROM gone WHERE user_id IS NULL
            UNION ALL SELECT {_HOUR}, short_code_length, 1 FROM come WHERE user_id IS NULL
        ) AS changed GROUP BY hour, length HAVING sum(one) <> 0
        ON CONFLICT (hour, short_code_length) DO UPDATE SET lamps = counted.lamps + excluded.lamps;
    DELETE FROM live_codes WHERE lamps = 0 AND hour IN (SELECT {_HOUR} FROM gone WHERE user_id IS NULL);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION lampi_count_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live_codes AS counted
        SELECT {_HOUR}, short_code_length, -count(*) FROM gone WHERE user_id IS NULL GROUP BY 1, 2
        ON CONFLICT (hour, short_code_length) DO UPDATE SET lamps = counted.lamps + excluded.lamps;
    DELETE FROM live_codes WHERE lamps = 0 AND hour IN (SELECT {_HOUR} FROM gone WHERE user_id IS NULL);
    RETURN NULL;
END $$;
"""  # noqa: S608


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns, and replace the indexes and the triggers. No lamp has stock treatment yet."""
    on_sqlite = isinstance(db, SqliteDatabase)
    # Raw SQL: the migrator would rebuild SQLite's table of a million lamps, and lose its triggers.
    db.execute_sql(f"ALTER TABLE lampi ADD COLUMN stock_screen BOOLEAN NOT NULL DEFAULT {0 if on_sqlite else 'FALSE'}")
    db.execute_sql(f"ALTER TABLE lampi ADD COLUMN code_due_at {'DATETIME' if on_sqlite else 'TIMESTAMP'}")
    db.execute_sql("CREATE INDEX lampi_code_due ON lampi (code_due_at, device_id) WHERE code_due_at IS NOT NULL")
    db.execute_sql("ALTER TABLE code_policy ADD COLUMN stock_screens TEXT NOT NULL DEFAULT 'auto'")
    for index, kind in (
        ("lampi_waiting_since", "NOT code_issued_offline"),
        ("lampi_offline_since", "code_issued_offline"),
    ):
        db.execute_sql(f"DROP INDEX {index}")
        expiring = f"WHERE user_id IS NULL AND {kind} AND NOT stock_screen"
        db.execute_sql(f"CREATE INDEX {index} ON lampi (code_issued_at) {expiring}")
    if not on_sqlite:
        db.execute_sql(_POSTGRESQL)
        return
    for name, trigger in _SQLITE.items():
        db.execute_sql(f"DROP TRIGGER {name}")
        db.execute_sql(f"CREATE TRIGGER {name} {trigger}")
