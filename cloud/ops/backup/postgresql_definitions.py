"""The definitions in a script of pg_dump."""

import re

_HEADER = re.compile(r"^--\n-- Name: (.*); Type: (.*); Schema: (.*); Owner: .*\n--\n", re.MULTILINE)
_NOT_DEFINING = re.compile(r"^(?:SET |--|\\).*\n?", re.MULTILINE)

_WITHOUT_CODE = ("COMMENT", "EXTENSION", "SCHEMA")
"""Kinds that a database's host may have added, and that have no effect: nothing of a dump is executed."""


def definitions(script: str) -> dict[str, str]:
    """Return each statement by kind and name, without whitespace and schema, which may differ between servers."""
    _, *parts = _HEADER.split(script)
    found: dict[str, str] = {}
    for name, kind, schema, body in zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=True):
        if kind not in _WITHOUT_CODE:
            statement = " ".join(_NOT_DEFINING.sub("", body).split())
            for prefix in (f'"{schema}".', f"{schema}."):  # quoted if it has other characters than a-z, 0-9 and _
                statement = statement.replace(prefix, "")
            key = f"{kind.lower()} {name}"
            found[key] = f"{found.get(key, '')}{statement}"  # names of rules and overloads can repeat
    return found
