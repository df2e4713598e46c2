"""Template filters and globals: URLs of static files and formatted timestamps."""

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path

from flask import Flask, url_for

from shared.protocol.codes import grouped

_STATIC = Path(__file__).with_name("static")


def serve(app: Flask) -> None:
    """Install the filters and globals in an application."""
    app.jinja_env.filters.update(instant=shown_instant, machine_instant=machine_instant, grouped=grouped)
    app.jinja_env.globals["static"] = static_url
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def static_url(name: str) -> str:
    """Return the URL of a static file, with its content hash so that browsers can cache it."""
    return url_for("static", filename=name, v=_hash(name))


def shown_instant(instant: datetime) -> str:
    """Return a timestamp in UTC for people, the fallback where no script shows local time."""
    return f"{instant.day} {instant:%B %Y, %H:%M} UTC"


def machine_instant(instant: datetime) -> str:
    """Return a timestamp for the `datetime` attribute of a `time` element."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


@cache
def _hash(name: str) -> str:
    return hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
