"""Password rules and hashing (argon2id)."""

import os
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from cloud.errors import BadPassword, Overloaded

T = TypeVar("T")

SHORTEST = 10
LONGEST = 200
FEWEST_DIFFERENT = 5

THREADS = min(4, os.cpu_count() or 1)
"""Each check needs 19 MiB, which the C library keeps for the thread: a few threads of their own bound the memory."""

MOST_WAITING = 100
"""Checks under way or waiting: about a second and a half on two cores. Further ones are refused at once."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
_places = threading.BoundedSemaphore(MOST_WAITING)

# OWASP's minimum recommendation (Password Storage Cheat Sheet): 19 MiB, two passes. It fits on a Raspberry Pi.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_placeholder_hash = _hasher.hash("placeholder for users without a password")


def require_usable(password: str, name: str) -> None:
    """Check a new password for a user of this name.

    Raises:
        BadPassword: it is too short, too long or too easy to guess.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadPassword(f"A password must have {SHORTEST} to {LONGEST} characters.")
    if password.casefold() == name.casefold() or len(set(password)) < FEWEST_DIFFERENT:
        raise BadPassword("This password is too easy to guess. Use a few unrelated words.")


def hashed(password: str) -> str:
    """Return the hash of a password.

    Raises:
        Overloaded: too many are waiting.
    """
    return _in_turn(lambda: _hasher.hash(_one_form(password)))


def fits(password: str, kept: str | None) -> bool:
    """Return whether a password matches a hash. Without a hash, return False after the same time.

    Raises:
        Overloaded: too many are waiting.
    """
    try:
        _in_turn(lambda: _hasher.verify(kept or _placeholder_hash, _one_form(password)))
    except (VerifyMismatchError, InvalidHashError):
        return False
    return kept is not None


def _in_turn(work: Callable[[], T]) -> T:
    if not _places.acquire(blocking=False):
        raise Overloaded
    try:
        return _threads.submit(work).result()
    finally:
        _places.release()


def is_outdated(kept: str) -> bool:
    """Return whether a hash uses outdated parameters and should be replaced."""
    return _hasher.check_needs_rehash(kept)


def _one_form(password: str) -> bytes:
    """Return a password's bytes in a canonical Unicode form, independent of how a keyboard composes accents."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
