"""Hypothesis as these tests use it."""

from tests.shared.conftest import _hypothesis_profile

__all__ = ["_hypothesis_profile"]
