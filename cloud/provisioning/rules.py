"""The broker's rules for lamps, with those that are shut out."""

from collections.abc import Iterable

from shared.topics import EVERY_TOPIC

_MARK = "\n# Shut out by `lampi-cloud deprovision`, which writes what is below this line.\n"


def with_shut_out(rules: str, device_ids: Iterable[str]) -> str:
    """Return the rules with exactly these lamps shut out.

    The list of the revoked is looked at in a handshake only. Who holds a connection on which the handshake was done
    before, and does not sign in on it until after, is held by nothing but this.
    """
    kept, _, _ = rules.partition(_MARK)
    denied = "".join(f"topic deny {topic_filter}\n" for topic_filter in EVERY_TOPIC)
    shut_out = "".join(f"user {device_id}\n{denied}" for device_id in device_ids)
    return f"{kept}{_MARK}{shut_out}" if shut_out else kept
