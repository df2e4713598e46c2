"""`make bench` runs: each part, with so little of everything that its figures mean nothing."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.benchmarks.__main__ import QUICK, main, parts_of
from tests.benchmarks.new_lamps import KINDS


@pytest.mark.parametrize("part", parts_of(QUICK, KINDS))
def test_a_part_runs_and_keeps_its_rows(part: str, tmp_path: Path) -> None:
    kept = tmp_path / "results.md"
    ran = CliRunner().invoke(main, ["--quick", "--part", part, "--output", str(kept)], catch_exceptions=False)
    assert ran.exit_code == 0
    rows = [line for line in kept.read_text().splitlines() if re.search(r"\d.*\|.*\d", line)]
    assert any("sqlite" in row for row in rows)
    assert any("postgresql" in row for row in rows)
