"""Checks for every test that nothing logged, in this process or into files, contains a code or a password.

Records are taken where they are made, not by a handler, since programs under test put handlers of their own in place of
all others. Of short codes those count that this process generated, or that a database of the test's has.
"""

import logging
import secrets
import traceback
from collections.abc import Iterator

import pytest

from tests.support.secrecy import secrets_in, secrets_in_logs, short_codes_of

_CODE_BYTES = 16


class Overheard:
    """What was logged, and the codes that were generated, since it was last asked."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._codes: list[str] = []

    def listen(self) -> None:
        """Hear all records and all codes of this process from now on."""
        make_record, make_code = logging.getLogRecordFactory(), secrets.token_hex

        def heard(*arguments: object, **named: object) -> logging.LogRecord:
            record = make_record(*arguments, **named)
            self._lines.append(_line(record))
            return record

        def generated(nbytes: int | None = None) -> str:
            code = make_code(nbytes)
            if nbytes == _CODE_BYTES:
                self._codes.append(code)
            return code

        logging.setLogRecordFactory(heard)
        secrets.token_hex = generated

    def secrets(self) -> list[str]:
        """Return what should not have been logged, and forget all that was heard."""
        lines, codes = self._lines[:], self._codes[:]
        self._lines.clear()
        self._codes.clear()
        return secrets_in("\n".join(lines), short_codes_of(codes)) if lines else []


def _line(record: logging.LogRecord) -> str:
    try:
        text = f"{record.name}: {record.getMessage()}"
    except (TypeError, ValueError):  # what is logged wrongly is another test's subject
        text = f"{record.msg!r} {record.args!r}"
    if record.exc_info and record.exc_info[0]:
        text += "\n" + "".join(traceback.format_exception(*record.exc_info))
    return text


_overheard = Overheard()
_overheard.listen()


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Look at all that the test had logged once it is over, and fail it where a secret is among it."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    _overheard.secrets()
    yield
    found = _overheard.secrets()
    if folder is not None:
        found += secrets_in_logs(folder)
    assert found == [], "what was logged has secrets in it"
