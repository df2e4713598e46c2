"""Lines are as even as their number allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamp_ui.geometry.text_wrap import count_lines, even_width


@pytest.mark.parametrize(
    ("words", "width", "lines", "even"),
    [
        ([], 100.0, 0, 1.0),
        ([40.0], 100.0, 1, 40.0),
        ([40.0, 40.0], 100.0, 1, 85.0),
        ([30.0, 30.0, 30.0], 70.0, 2, 65.0),
        ([20.0, 20.0, 20.0, 20.0], 72.0, 2, 45.0),  # two and two, not three and one
        ([20.0, 20.0, 20.0, 20.0], 100.0, 2, 45.0),  # also where one line would do
        ([150.0, 20.0], 100.0, 2, 100.0),  # what is too wide stays so
    ],
)
def test_no_word_stands_alone_that_need_not(words: list[float], width: float, lines: int, even: float) -> None:
    found = even_width(words, 5.0, width, lines)
    assert count_lines(words, 5.0, found) == lines
    assert even <= found <= 1.03 * even


@given(st.lists(st.floats(1, 100)), st.floats(1, 10), st.floats(10, 500))
def test_it_never_takes_more_lines(words: list[float], space: float, width: float) -> None:
    lines = count_lines(words, space, width)
    found = even_width(words, space, width, lines)
    assert found <= width
    assert count_lines(words, space, found) == lines
