"""Log formatting, shared by all programs: one line for each record."""

import json
import logging
import time
from datetime import UTC, datetime

from shared.protocol.errors import quoted

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FORMATS = ("text", "json")

_DEVICE_ID = "device_id"


def parse_level(text: str) -> str:
    """Return the name of a log level.

    Raises:
        ValueError: there is no such level.
    """
    level = text.strip().upper()
    if level not in LEVELS:
        raise ValueError(f"{quoted(text)} is none of {', '.join(LEVELS)}")
    return level


def parse_format(text: str) -> str:
    """Return the name of a log format.

    Raises:
        ValueError: there is no such format.
    """
    log_format = text.strip().lower()
    if log_format not in FORMATS:
        raise ValueError(f"{quoted(text)} is none of {', '.join(FORMATS)}")
    return log_format


def about(device_id: str) -> dict[str, str]:
    """Return the ``extra`` for a record about one lamp; the JSON format has its id as a separate member."""
    return {_DEVICE_ID: device_id}


class JsonFormatter(logging.Formatter):
    """Formats each record as a JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record with its timestamp (UTC, milliseconds), level, logger and message."""
        instant = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "time": instant.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if hasattr(record, _DEVICE_ID):
            fields[_DEVICE_ID] = getattr(record, _DEVICE_ID)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def start_logging(level: str, log_format: str = "text") -> None:
    """Log to standard error: timestamp (UTC), level, logger, message."""
    formatter: logging.Formatter = JsonFormatter()
    if log_format == "text":
        formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
