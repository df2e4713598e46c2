"""Template filters and globals: URLs of static files, formatted timestamps, durations and measures."""

import hashlib
import math
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from flask import Flask, url_for

from cloud.web.language import measured, shown_duration, shown_instant
from shared.protocol.codes import grouped

_STATIC = Path(__file__).with_name("static")


def serve(app: Flask) -> None:
    """Install the filters and globals in an application."""
    app.jinja_env.filters.update(instant=shown_instant, machine_instant=machine_instant, grouped=grouped)
    app.jinja_env.filters.update(duration=shown_duration, measured=measured, seconds=seconds, countdown=countdown)
    app.jinja_env.globals["static"] = static_url
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def static_url(name: str) -> str:
    """Return the URL of a static file, with its content hash so that browsers can cache it."""
    return url_for("static", filename=name, v=_hash(name))


def machine_instant(instant: datetime) -> str:
    """Return a timestamp for the `datetime` attribute of a `time` element."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def seconds(duration: timedelta) -> int:
    """Return a duration in whole seconds, rounded up, at least one."""
    return max(1, math.ceil(duration.total_seconds()))


def countdown(duration: timedelta) -> str:
    """Return a duration as minutes and seconds, such as `14:59`."""
    return "{}:{:02}".format(*divmod(seconds(duration), 60))


@cache
def _hash(name: str) -> str:
    return hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
