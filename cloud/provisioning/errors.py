"""Errors of provisioning, each shown to the operator in one line."""

from cloud.errors import Refusal


class NoAuthority(Refusal):
    """The certificate authorities are missing or incomplete."""


class AuthorityExists(Refusal):
    """The folder already has authorities; new ones would lock out all lamps."""


class BadName(Refusal):
    """The name is not valid in a certificate."""


class NotProvisioned(Refusal):
    """The name has no valid certificate."""


class CantWrite(Refusal):
    """A file or folder can't be written."""


class StillLetIn(Refusal):
    """Revocation recorded, but the broker has not applied it yet."""
