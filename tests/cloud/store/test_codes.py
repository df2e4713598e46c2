"""Codes: generation, valid input and malformed input."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import MalformedCode
from cloud.store import codes as codes_module
from cloud.store.codes import fresh_codes, generate_association_code, read_code
from shared.protocol.codes import is_association_code


def test_a_new_code_is_32_lower_case_hexadecimal_characters() -> None:
    codes = {generate_association_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert all(is_association_code(code) for code in codes)


def deal(codes: Iterable[str], monkeypatch: pytest.MonkeyPatch) -> None:
    dealer = iter(codes)
    monkeypatch.setattr(codes_module, "_generate", lambda count: list(itertools.islice(dealer, count)))


def test_short_codes_differ_even_when_chance_is_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is a waiting lamp's, the last of the first four is as the one before."""
    shorts = ["b71e09", "aaaaaa", "cccccc", "cccccc", "dddddd", "eeeeee"]
    deal((short + f"{number:026x}" for number, short in enumerate(shorts)), monkeypatch)
    found = fresh_codes(4, 6, {"b71e09"}.intersection)
    assert {code[:6] for code, _ in found} == {"aaaaaa", "cccccc", "dddddd", "eeeeee"}
    assert {length for _, length in found} == {6}


def test_where_most_short_codes_are_taken_they_become_longer() -> None:
    """As with more lamps waiting than there are short codes: it must come to an end."""
    found = fresh_codes(100, 6, lambda drawn: {short for short in drawn if len(short) < 8})
    assert {length for _, length in found} == {8}


def test_short_codes_never_exceed_the_longest_length() -> None:
    """A stock screen shows six characters, however crowded they are."""
    found = fresh_codes(40, 6, lambda drawn: {short for short in drawn if short < "e"}, longest=6)
    assert {length for _, length in found} == {6}
    assert len({code[:6] for code, _ in found}) == 40


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("b71e09", "b71e09"),
        ("\ufeffb71\u200be0\u00ad9\u2060", "b71e09"),
        ("\uff42\uff17\uff11 \uff45\uff10\uff19", "b71e09"),
        ("B71 E09", "b71e09"),
        ("  b7-1e\t09\n", "b71e09"),
        ("b71\u2013e09\u00a0", "b71e09"),
        ("oOiIlL", "001111"),
        ("0123456789abcdef0123456789ABCDEF", "0123456789abcdef0123456789abcdef"),
    ],
)
def test_case_separators_and_lookalikes_do_not_matter(typed: str, code: str) -> None:
    assert read_code(typed) == code


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "this one has 0"),
        ("b71", "this one has 3"),
        ("b 7 1 e 0", "this one has 5"),
        ("0" * 33, "this one has 33"),
        ("b71e0g", "only the digits"),
        ("b71e0%", "only the digits"),
        ("b71e0_", "only the digits"),
        ("\u0661" * 6, "only the digits"),
        ("b71e0\x00", "only the digits"),
    ],
)
def test_what_can_not_be_a_code_is_refused_with_the_reason(typed: str, why: str) -> None:
    with pytest.raises(MalformedCode, match=why):
        read_code(typed)


@given(st.text())
def test_no_text_does_more_than_be_read_or_refused(typed: str) -> None:
    try:
        code = read_code(typed)
    except MalformedCode:
        return
    assert 6 <= len(code) <= 32
    assert set(code) <= set("0123456789abcdef")
