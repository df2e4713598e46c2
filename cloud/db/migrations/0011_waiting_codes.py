"""Index codes only of unassociated lamps, by short code.

Each new lamp was inserted at a random place of an index on all lamps' codes; with a million lamps, that was half the
cost of the insert. The index on unassociated lamps' short codes keeps codes unique and suffices for lookups. The
index on owners gets the association timestamp, since codes of a user's lamps are looked up only for some minutes.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Drop one index and recreate the other."""
    migrator.migrate(migrator.drop_index("lampi", "lampi_association_code"))
    db.execute_sql("DROP INDEX lampi_user_id")
    db.execute_sql("CREATE INDEX lampi_user_id ON lampi (user_id, associated_at) WHERE user_id IS NOT NULL")
