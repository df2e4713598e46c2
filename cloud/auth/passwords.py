"""Password rules and hashing (argon2id); hashes of a course site are checked, too, and are outdated."""

import os
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from cloud.auth import course_passwords
from cloud.db.database import connection_returned
from cloud.errors import BadPassword, Overloaded

T = TypeVar("T")

SHORTEST = 10
LONGEST = 200
FEWEST_DIFFERENT = 5

THREADS = max(1, min(4, (os.cpu_count() or 1) - 1))
"""A core stays free for requests that need no password, and the memory is bounded: each check needs 19 MiB, which the C
library keeps for the thread."""

MOST_WAITING = 100
"""Checks under way or waiting: three to five seconds on two cores. Further ones are refused at once."""


COURSE_PLACES = 4
"""Places that the check of a course site's hash takes: it takes at least ten times as long, so fewer may wait."""


def _step_back() -> None:
    """Let all other threads run first: on Linux, each thread has a priority of its own."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords", initializer=_step_back)
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
        raise BadPassword(
            "A password must have %(shortest)s to %(longest)s characters.", shortest=SHORTEST, longest=LONGEST
        )
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
    if kept is not None and course_passwords.is_course_hash(kept):
        return _in_turn(lambda: course_passwords.fits(password, kept), COURSE_PLACES)
    try:
        _in_turn(lambda: _hasher.verify(kept or _placeholder_hash, _one_form(password)))
    except (VerifyMismatchError, InvalidHashError):
        return False
    return kept is not None


def _in_turn(work: Callable[[], T], places: int = 1) -> T:
    taken = 0
    try:
        for _ in range(places):
            if not _places.acquire(blocking=False):
                raise Overloaded
            taken += 1
        with connection_returned():
            return _threads.submit(work).result()
    finally:
        if taken:
            _places.release(taken)


def is_outdated(kept: str) -> bool:
    """Return whether a hash uses another function or outdated parameters, and should be replaced."""
    return course_passwords.is_course_hash(kept) or _hasher.check_needs_rehash(kept)


def _one_form(password: str) -> bytes:
    """Return a password's bytes in a canonical Unicode form, independent of how a keyboard composes accents."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
