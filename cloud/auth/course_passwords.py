"""Password hashes that users bring from a LAMPI course site: PBKDF2, as Django keeps them.

Such a hash is replaced at the user's first sign-in. Until then a check takes longer than those of other users, so it
tells that the name exists.
"""

import base64
import hashlib
import hmac
import re

MOST_ROUNDS = 2_000_000
"""A check of so many takes 0.7 seconds. Django 6.0 makes 1.2 million; more could keep the threads from other users."""

_LONGEST = 200
_HASH = re.compile(r"pbkdf2_sha256\$([1-9][0-9]{0,6})\$([^$\s]+)\$([A-Za-z0-9+/]{43}=)")


def is_course_hash(kept: str) -> bool:
    """Return whether a stored hash is one of a course site that `fits` can check."""
    found = _HASH.fullmatch(kept) if len(kept) <= _LONGEST and kept.isprintable() else None
    return found is not None and int(found[1]) <= MOST_ROUNDS


def fits(password: str, kept: str) -> bool:
    """Return whether a password matches a hash that `is_course_hash` accepts. This takes as long as its rounds do."""
    _algorithm, rounds, salt, digest = kept.split("$")
    # The text as it was typed, as Django has hashed it: no Unicode normalization.
    written = hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "surrogatepass"), salt.encode(), int(rounds))
    return hmac.compare_digest(written, base64.b64decode(digest))
