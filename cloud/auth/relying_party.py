"""The page as browsers and authenticators know it: WebAuthn's relying party."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class RelyingParty:
    """The domain to which passkeys belong, and the origin of the pages that may ask for them."""

    domain: str
    origin: str


def relying_party(own_url: str, public_url: str | None) -> RelyingParty | None:
    """Return the relying party of a page opened under ``own_url``, or None if browsers allow no passkeys there.

    ``public_url`` is the configured claim URL, if any. A page that is opened under another name has no passkeys: they
    would belong to that name. A claim URL with an IP address, as in the local stack, names no domain and is ignored.
    """
    own, public = _party_at(own_url), _party_at(public_url or "")
    return own if public is None or public == own else None


def _party_at(url: str) -> RelyingParty | None:
    """Return the relying party at an address: a domain over HTTPS, or this machine."""
    try:
        parts = urlsplit(url)
        domain, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    is_here = domain == "localhost" or domain.endswith(".localhost")
    if not domain or _is_address(domain) or not (parts.scheme == "https" or is_here):
        return None
    at_port = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}"
    return RelyingParty(domain, f"{parts.scheme}://{domain}{at_port}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
