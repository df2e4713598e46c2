"""Rate limit for a user's requests to lamps: to show their state, which begins a watch, and to change it.

Without it, a loop of one user would keep the write lock and the daemon busy.
"""

from datetime import timedelta

from cloud.errors import TooManyRequests
from cloud.rate_limit.token_bucket import BucketTable, TokenBucket

BURST = 100
"""Requests that a full bucket allows."""

REFILL = timedelta(milliseconds=50)
"""Time until a bucket allows another request: 20 a second, for two people who move sliders."""


class StateBucket(BucketTable):
    class Meta:
        table_name = "state_bucket"


_bucket = TokenBucket(StateBucket, BURST, REFILL, TooManyRequests)
require_allowed, count = _bucket.require_allowed, _bucket.count
