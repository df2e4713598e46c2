"""Builds that are broken on purpose: the soak is worth something only if it catches them."""

from collections.abc import Callable

from tests.soak.broken import (
    clears_with_nothing,
    crash_points,
    elsewhere,
    hand_over_by_release,
    ignored_refusals,
    lease_without_check,
    publish_before_commit,
    removal_without_version,
    requests_for_ever,
    reset_of_any_owner,
    stock_shortcuts,
)

SABOTAGES: dict[str, Callable[[], None]] = {
    "publish-before-commit": publish_before_commit.sabotage,
    "removal-without-version": removal_without_version.sabotage,
    "lease-without-check": lease_without_check.sabotage,
    "paused-leader-unfenced": lease_without_check.sabotage_fence,
    "ignored-refusals": ignored_refusals.sabotage,
    "clears-with-nothing": clears_with_nothing.sabotage,
    "codes-without-reopening": stock_shortcuts.sabotage_reopening,
    "bridges-without-names": stock_shortcuts.sabotage_names,
    "hand-over-by-release": hand_over_by_release.sabotage,
    "reset-of-any-owner": reset_of_any_owner.sabotage,
    "requests-of-former-owners": requests_for_ever.sabotage_owners,
    "requests-without-expiry": requests_for_ever.sabotage_expiry,
    "crash-points": crash_points.sabotage,
    "paused-in-transaction": crash_points.sabotage_transaction,
    "elsewhere": elsewhere.sabotage,
}
