"""Settings for the property tests of this package."""

import pytest
from hypothesis import settings


@pytest.fixture(autouse=True, scope="session")
def _hypothesis_profile(request: pytest.FixtureRequest) -> None:
    settings.load_profile(request.config.getoption("--hypothesis-profile") or "shared")
