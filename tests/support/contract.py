"""The machine-readable wire format: the JSON Schema of each payload, and all topics as one AsyncAPI document.

They describe what `topics` and `payloads` do; tests hold the two together.
"""

import json
from importlib.resources import files
from typing import Any

SCHEMAS = ("associated", "lamp_config", "state", "high_water_mark", "reset_request")
"""The payloads that have a schema (JSON Schema 2020-12)."""

_FOLDER = files("shared") / "protocol"


def read_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of one payload, named as in `SCHEMAS`."""
    schema: dict[str, Any] = json.loads((_FOLDER / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    return schema


def read_asyncapi() -> str:
    """Return the AsyncAPI 3.0 document (YAML); it refers to the schemas beside it as `./schemas/...`."""
    return (_FOLDER / "asyncapi.yaml").read_text(encoding="utf-8")
