"""Rate limit for a user's changes to lamps: associating, offering, releasing, renaming, and lighting up a screen.

Without it, a loop would fill the audit log, which the database refuses to prune, and the webhook's queue.
"""

from datetime import timedelta

from cloud.errors import TooManyChanges
from cloud.rate_limit.token_bucket import BucketTable, TokenBucket

BURST = 600
"""Changes that a full bucket allows: light up, associate and rename 200 lamps without a pause."""

REFILL = timedelta(seconds=12)
"""Time until a bucket allows another change: 300 an hour."""


class ChangeBucket(BucketTable):
    class Meta:
        table_name = "change_bucket"


_bucket = TokenBucket(ChangeBucket, BURST, REFILL, TooManyChanges)
require_allowed, count = _bucket.require_allowed, _bucket.count
