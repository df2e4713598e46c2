"""PostgreSQL's own programs: pg_dump and pg_restore."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cloud.errors import UnusableDatabase


def run(program: str, *words: str, database_url: str | None = None) -> str:
    """Run a program, with the connection if it needs one, and return its output.

    Raises:
        UnusableDatabase: the program is missing or fails.
    """
    with output_of(program, *words, database_url=database_url) as output:
        return output.read().decode(errors="replace")


@contextmanager
def output_of(program: str, *words: str, database_url: str | None = None) -> Iterator[IO[bytes]]:
    """Run a program and yield its output, to be read to the end.

    The password is passed in the environment, since command lines are public.

    Raises:
        UnusableDatabase: the program is missing or fails.
    """
    command, environment = [program], dict(os.environ)
    if database_url is not None:
        parameters = conninfo_to_dict(database_url)
        password = parameters.pop("password", None)
        command.append(f"--dbname={make_conninfo(**{name: str(value) for name, value in parameters.items()})}")
        environment |= {} if password is None else {"PGPASSWORD": str(password)}
    with tempfile.TemporaryFile() as errors:  # a full pipe would block the program
        try:
            process = subprocess.Popen(
                [*command, *words], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
        except FileNotFoundError:
            raise UnusableDatabase(f"{program} is not installed: sudo apt install postgresql-client") from None
        with process:
            assert process.stdout is not None  # noqa: S101 - a pipe, see above
            yield process.stdout
        if process.returncode != 0:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            raise UnusableDatabase(f"{program} failed: {[*lines, f'exit status {process.returncode}'][0]}")
