"""Errors of provisioning, each shown to the operator in one line."""

from cloud.errors import UserError


class NoAuthority(UserError):
    """The certificate authorities are missing or incomplete."""


class AuthorityExists(UserError):
    """The folder already has authorities; new ones would lock out all lamps."""


class BadName(UserError):
    """The name is not valid in a certificate."""


class NotProvisioned(UserError):
    """The name has no valid certificate."""


class CantWrite(UserError):
    """A file or folder can't be written."""


class NotYetRevoked(UserError):
    """Revocation recorded, but the broker has not applied it yet."""
