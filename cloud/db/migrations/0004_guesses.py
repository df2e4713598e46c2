"""Rate limits and audit log: short code lengths, counts of live codes and of wrong ones, the policy, the log.

From here on, short codes are unique at their own length, and triggers on the lamp table maintain the number of live
codes. A migration that rebuilds the lamp table (which SQLite requires to change a column) must recreate its triggers.
"""

from peewee import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    CharField,
    Database,
    DateTimeField,
    DoubleField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)
from playhouse.migrate import SchemaMigrator

_SQLITE = """
CREATE TRIGGER lampi_counted AFTER INSERT ON lampi WHEN NEW.user_id IS NULL BEGIN
    INSERT INTO live_codes VALUES (substr(NEW.code_issued_at, 1, 13) || ':00:00', NEW.short_code_length, 1)
        ON CONFLICT (hour, short_code_length) DO UPDATE SET lamps = lamps + 1;
END;
CREATE TRIGGER lampi_discounted AFTER DELETE ON lampi WHEN OLD.user_id IS NULL BEGIN
    UPDATE live_codes SET lamps = lamps - 1
        WHERE hour = substr(OLD.code_issued_at, 1, 13) || ':00:00' AND short_code_length = OLD.short_code_length;
    DELETE FROM live_codes WHERE lamps = 0
        AND hour = substr(OLD.code_issued_at, 1, 13) || ':00:00' AND short_code_length = OLD.short_code_length;
END;
CREATE TRIGGER lampi_recounted_old AFTER UPDATE OF user_id, code_issued_at, short_code_length ON lampi
WHEN OLD.user_id IS NULL BEGIN
    UPDATE live_codes SET lamps = lamps - 1
        WHERE hour = substr(OLD.code_issued_at, 1, 13) || ':00:00' AND short_code_length = OLD.short_code_length;
    DELETE FROM live_codes WHERE lamps = 0
        AND hour = substr(OLD.code_issued_at, 1, 13) || ':00:00' AND short_code_length = OLD.short_code_length;
END;
CREATE TRIGGER lampi_recounted_new AFTER UPDATE OF user_id, code_issued_at, short_code_length ON lampi
WHEN NEW.user_id IS NULL BEGIN
    INSERT INTO live_codes VALUES (substr(NEW.code_issued_at, 1, 13) || ':00:00', NEW.short_code_length, 1)
        ON CONFLICT (hour, short_code_length) DO UPDATE SET lamps = lamps + 1;
END;
CREATE TRIGGER history_unchanged BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_undeleted BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
"""

# Statement-level triggers: PostgreSQL keeps every version of a row that a transaction updates repeatedly.
_POSTGRESQL = """
CREATE FUNCTION lampi_count_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live_codes AS counted
        SELECT date_trunc('hour', code_issued_at), short_code_length, count(*) FROM come
        WHERE user_id IS NULL GROUP BY 1, 2
        ON CONFLICT (hour, short_code_length) DO UPDATE SET lamps = counted.lamps + excluded.lamps;
    RETURN NULL;
END $$;
CREATE FUNCTION lampi_count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live_codes AS counted
        SELECT hour, length, sum(one) FROM (
            SELECT date_trunc('hour', code_issued_at) AS hour, short_code_length AS length, -1 AS one
                FROM gone WHERE user_id IS NULL
            UNION ALL SELECT date_trunc('hour', code_issued_at), short_code_length, 1 FROM come WHERE user_id IS NULL
        ) AS changed GROUP BY hour, length HAVING sum(one) <> 0
        ON CONFLICT (hour, short_code_length) DO UPDATE SET lamps = counted.lamps + excluded.lamps;
    DELETE FROM live_codes WHERE lamps = 0
        AND hour IN (SELECT date_trunc('hour', code_issued_at) FROM gone WHERE user_id IS NULL);
    RETURN NULL;
END $$;
CREATE FUNCTION lampi_count_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live_codes AS counted
        SELECT date_trunc('hour', code_issued_at), short_code_length, -count(*) FROM gone
        WHERE user_id IS NULL GROUP BY 1, 2
        ON CONFLICT (hour, short_code_length) DO UPDATE SET lamps = counted.lamps + excluded.lamps;
    DELETE FROM live_codes WHERE lamps = 0
        AND hour IN (SELECT date_trunc('hour', code_issued_at) FROM gone WHERE user_id IS NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER lampi_counted AFTER INSERT ON lampi
    REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION lampi_count_new();
CREATE TRIGGER lampi_discounted AFTER DELETE ON lampi
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION lampi_count_gone();
CREATE TRIGGER lampi_recounted AFTER UPDATE ON lampi
    REFERENCING OLD TABLE AS gone NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION lampi_count_changed();
CREATE FUNCTION history_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'history is append-only'; END $$;
CREATE TRIGGER history_stays BEFORE UPDATE OR DELETE ON history FOR EACH ROW EXECUTE FUNCTION history_stays();
CREATE TRIGGER history_stays_whole BEFORE TRUNCATE ON history FOR EACH STATEMENT EXECUTE FUNCTION history_stays();
"""


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the column and the tables, count existing codes, and create the triggers."""
    # Raw SQL: the migrator would rebuild SQLite's table of a million lamps twice.
    db.execute_sql("ALTER TABLE lampi ADD COLUMN short_code_length INTEGER NOT NULL DEFAULT 6")
    db.execute_sql("DROP INDEX lampi_short_code")
    db.execute_sql(
        "CREATE UNIQUE INDEX lampi_short_code ON lampi (substr(association_code, 1, short_code_length))"
        " WHERE user_id IS NULL"
    )
    _make_tables(db)
    on_sqlite = isinstance(db, SqliteDatabase)
    hour = "substr(code_issued_at, 1, 13) || ':00:00'" if on_sqlite else "date_trunc('hour', code_issued_at)"
    db.execute_sql(
        f"INSERT INTO live_codes SELECT {hour}, short_code_length, count(*) FROM lampi"  # noqa: S608 - ours
        " WHERE user_id IS NULL GROUP BY 1, 2"
    )
    db.execute_sql(
        "INSERT INTO code_policy (ttl_seconds, risk, window_seconds, guesses_per_user, guesses_per_source, shortest,"
        " longest) SELECT seconds, 0.001, 86400, 10, 100, 6, 32 FROM code_ttl"
    )
    db.execute_sql("DROP TABLE code_ttl")
    if on_sqlite:
        for statement in _SQLITE.split("\nCREATE")[1:]:
            db.execute_sql(f"CREATE{statement}")
    else:
        db.execute_sql(_POSTGRESQL)


def _make_tables(db: Database) -> None:
    class LiveCodes(Model):
        hour = DateTimeField()
        short_code_length = IntegerField()
        lamps = BigIntegerField()

        class Meta:
            database = db
            table_name = "live_codes"
            primary_key = False
            indexes = ((("hour", "short_code_length"), True),)

    class GuessCount(Model):
        id = BigAutoField()
        who = TextField()
        slot_at = DateTimeField(index=True)
        failures = BigIntegerField()
        cost = DoubleField()

        class Meta:
            database = db
            table_name = "guess_count"
            indexes = ((("who", "slot_at"), True),)

    class AnnouncedPolicy(Model):
        id = AutoField()
        ttl_seconds = BigIntegerField()
        risk = DoubleField()
        window_seconds = BigIntegerField()
        guesses_per_user = BigIntegerField()
        guesses_per_source = BigIntegerField()
        shortest = BigIntegerField()
        longest = BigIntegerField()

        class Meta:
            database = db
            table_name = "code_policy"

    class History(Model):
        id = BigAutoField()
        at = DateTimeField(index=True)
        event = TextField()
        device_id = CharField(max_length=12, null=True)
        user_name = TextField(null=True)
        reason = TextField(null=True)
        source = TextField()

        class Meta:
            database = db
            table_name = "history"
            indexes = ((("device_id", "id"), False),)

    db.create_tables([LiveCodes, GuessCount, AnnouncedPolicy, History], safe=False)
