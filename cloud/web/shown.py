"""What templates need beside what a page hands them: static files under their hashes, and how things are written."""

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path

from flask import Flask, url_for

from shared.codes import grouped

_STATIC = Path(__file__).with_name("static")


def serve(app: Flask) -> None:
    """Give an application's templates what they need."""
    app.jinja_env.filters.update(instant=shown_instant, machine_instant=machine_instant, grouped=grouped)
    app.jinja_env.globals["static"] = static_url
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def static_url(name: str) -> str:
    """Return the address of a file of ours; another one when the file changes, so that browsers may keep it."""
    return url_for("static", filename=name, v=_hash(name))


def shown_instant(instant: datetime) -> str:
    """Return an instant as a person reads it where no script can put it into their own time zone."""
    return f"{instant.day} {instant:%B %Y, %H:%M} UTC"


def machine_instant(instant: datetime) -> str:
    """Return an instant as the `time` element has it."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


@cache
def _hash(name: str) -> str:
    return hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
