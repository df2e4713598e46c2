"""Whether people can create accounts themselves, as the web page announces it."""

from peewee import AutoField, BooleanField

from cloud.db.database import Table, run_sql, write_transaction


class SignUp(Table):
    """The single row with the web page's setting, which the length of new codes depends on."""

    id = AutoField()
    is_open = BooleanField()

    class Meta:
        table_name = "sign_up"


def announce(is_open: bool) -> None:
    """Store whether sign-up is open, for all processes.

    Of several pages the last one counts. A page that creates an account announces again that sign-up is open, so an
    open page among closed ones goes unnoticed for one account at most.
    """
    if announced() == is_open:
        return
    with write_transaction():
        if not SignUp.update(is_open=is_open).execute():
            SignUp.create(is_open=is_open)


def announced() -> bool:
    """Return whether sign-up is open. Before the first announcement no page has run, and only operators add users."""
    rows = run_sql("SELECT is_open FROM sign_up")
    return bool(rows and rows[0][0])
