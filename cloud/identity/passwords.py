"""Passwords: what may be one, and the form in which one is kept (argon2id)."""

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from cloud.errors import BadPassword

SHORTEST = 10
LONGEST = 200
FEWEST_DIFFERENT = 5

_AT_ONCE = threading.BoundedSemaphore(4)
"""Each check takes its memory; a flood of sign-ins waits here instead of taking the machine's."""

# OWASP's smallest recommended setting (Password Storage Cheat Sheet): 19 MiB, two passes. A Pi can bear it.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_hash_of_nobody = _hasher.hash("a password that nobody has, for names that nobody has")


def require_usable(password: str, name: str) -> None:
    """Make sure that somebody of this name may take this password.

    Raises:
        BadPassword: it is too short or too long, or too easily guessed.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadPassword(f"A password has at least {SHORTEST} characters and at most {LONGEST}.")
    if password.casefold() == name.casefold() or len(set(password)) < FEWEST_DIFFERENT:
        raise BadPassword("That password would be guessed soon. Take a few words that only you put together.")


def hashed(password: str) -> str:
    """Return a password as it is kept."""
    with _AT_ONCE:
        return _hasher.hash(_one_form(password))


def fits(password: str, kept: str | None) -> bool:
    """Tell whether a password is the one that is kept; where none is, it takes as long to say no."""
    with _AT_ONCE:
        try:
            _hasher.verify(kept or _hash_of_nobody, _one_form(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Tell whether a password that is kept should be hashed anew, with today's setting."""
    return _hasher.check_needs_rehash(kept)


def _one_form(password: str) -> bytes:
    """Return a password's bytes, the same whichever way a keyboard composes its accents."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
