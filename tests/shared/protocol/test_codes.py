"""The format of codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.protocol.codes import CODE_LENGTH, grouped, is_association_code

CODE = "b71e09c4d5f64a1f9c3a2e8b7d605143"


def test_a_code_is_32_lower_case_hexadecimal_characters() -> None:
    assert is_association_code(CODE)
    assert len(CODE) == CODE_LENGTH


@pytest.mark.parametrize("text", ["", CODE[:-1], CODE + "0", CODE.upper(), CODE[:-1] + "g", CODE + "\n", " " + CODE])
def test_anything_else_is_none(text: str) -> None:
    assert not is_association_code(text)


@pytest.mark.parametrize(
    ("short_code", "shown"),
    [
        ("b71e09", "b71 e09"),
        ("b71e09c", "b71e 09c"),
        ("b71e09c4", "b71e 09c4"),
        ("b71e09c4d", "b71 e09 c4d"),
        (CODE, "b71e 09c4 d5f6 4a1f 9c3a 2e8b 7d60 5143"),
    ],
)
def test_a_short_code_is_shown_in_groups(short_code: str, shown: str) -> None:
    assert grouped(short_code) == shown


@given(st.text("0123456789abcdef", min_size=6, max_size=32))
def test_grouping_loses_nothing(short_code: str) -> None:
    groups = grouped(short_code).split(" ")
    assert "".join(groups) == short_code
    assert all(1 <= len(group) <= 4 for group in groups)
