"""A broker that accepts a client and refuses each of its subscriptions, as wrong access rules do."""

import json
from pathlib import Path

from tests.support.broker import Mosquitto
from tests.support.ports import free_port


def deaf_broker(folder: Path) -> Mosquitto:
    """Return a broker, not yet started, that refuses every subscription."""
    folder.mkdir(parents=True, exist_ok=True)
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    allowed = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    rules, port = folder / "security.json", free_port()
    rules.write_text(json.dumps({"defaultACLAccess": allowed}))
    listener = f"listener {port} 127.0.0.1\nallow_anonymous true\n"
    return Mosquitto(folder, port, f"{listener}plugin {plugin}\nplugin_opt_config_file {rules}\n")
