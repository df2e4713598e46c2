"""Codes are indexed while they matter: as long as a lamp waits, and by what its screen shows.

Each new lamp went into an index over the codes of all lamps, at a random place: beside a million lamps that was half of
what it cost. The index over waiting lamps' short codes keeps codes unique, and is enough to find one. The index over
owners gets the instant of the association, since the codes of an owner's lamps are looked at for minutes only.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Drop the one and make the other again."""
    migrator.migrate(migrator.drop_index("lampi", "lampi_association_code"))
    db.execute_sql("DROP INDEX lampi_user_id")
    db.execute_sql("CREATE INDEX lampi_user_id ON lampi (user_id, associated_at) WHERE user_id IS NOT NULL")
