"""What provisioning refuses, each as the one line that the person reads."""

from cloud.errors import Refusal


class NoAuthority(Refusal):
    """The certificate authorities are not there, or not whole."""


class AuthorityExists(Refusal):
    """A folder already has authorities; new ones would lock out every lamp of the old."""


class BadName(Refusal):
    """No certificate can bear this name."""


class NotProvisioned(Refusal):
    """No certificate that is still good was ever made for this name."""


class CantWrite(Refusal):
    """A file or folder can't be written."""


class StillLetIn(Refusal):
    """What was revoked is on the list, but the broker does not heed it (yet)."""
