"""Builds that are broken on purpose: the soak is worth something only if it catches them."""

from collections.abc import Callable

from tests.soak.broken import (
    crash_points,
    elsewhere,
    ignored_refusals,
    lease_without_check,
    publish_before_commit,
    removal_without_version,
)

SABOTAGES: dict[str, Callable[[], None]] = {
    "publish-before-commit": publish_before_commit.sabotage,
    "removal-without-version": removal_without_version.sabotage,
    "lease-without-check": lease_without_check.sabotage,
    "paused-leader-unfenced": lease_without_check.sabotage_fence,
    "ignored-refusals": ignored_refusals.sabotage,
    "crash-points": crash_points.sabotage,
    "paused-in-transaction": crash_points.sabotage_transaction,
    "elsewhere": elsewhere.sabotage,
}
