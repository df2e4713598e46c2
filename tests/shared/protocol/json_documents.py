"""JSON documents as strangers might send them: anything, and what nearly fits."""

import json
from typing import Any

from hypothesis import strategies as st

from shared.protocol.payloads import LONGEST_GOOD_FOR, LONGEST_LAMP_NAME, Associated, Color, LampConfig, Unassociated

FRACTIONS = st.floats(0, 1)
CODES = st.text("0123456789abcdef", min_size=32, max_size=32)

UNASSOCIATED = st.builds(
    Unassociated,
    CODES,
    st.none() | st.text(),
    st.integers(6, 32),
    st.none() | st.text(),
    st.none() | st.integers(1, LONGEST_GOOD_FOR),
)
LAMP_CONFIGS = st.builds(
    LampConfig,
    color=st.none() | st.builds(Color, FRACTIONS, FRACTIONS),
    brightness=st.none() | FRACTIONS,
    on=st.none() | st.booleans(),
    client=st.text(),
)
ASSOCIATIONS = UNASSOCIATED | st.builds(Associated, st.none() | st.text(min_size=1, max_size=LONGEST_LAMP_NAME))

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=7,
)


def _with_more(documents: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda more, known: {**more, **known}, st.dictionaries(st.text(), ANYTHING), documents)


NEARLY_ASSOCIATIONS = _with_more(
    st.fixed_dictionaries(
        {},
        optional={
            "associated": st.booleans() | ANYTHING,
            "code": CODES | CODES.map(str.upper) | st.text("0123456789abcdefg\n", min_size=31, max_size=33) | ANYTHING,
            "url": st.text() | ANYTHING,
            "identify": st.text() | ANYTHING,
            "good_for": st.integers(0, 2) | st.sampled_from([2**31 - 1, 2**31, 1.5]) | ANYTHING,
            "name": st.text(max_size=101) | ANYTHING,
            "short_code_length": st.integers(5, 33) | st.sampled_from([6.0, 6.5, 32.0, 33.0]) | ANYTHING,
        },
    )
)
_NEARLY_FRACTIONS = FRACTIONS | st.floats(-0.1, 1.1) | st.integers(-1, 2) | st.booleans() | ANYTHING
NEARLY_LAMP_CONFIGS = _with_more(
    st.fixed_dictionaries(
        {},
        optional={
            "color": _with_more(
                st.fixed_dictionaries({}, optional={"h": _NEARLY_FRACTIONS, "s": _NEARLY_FRACTIONS}),
            )
            | ANYTHING,
            "brightness": _NEARLY_FRACTIONS,
            "on": st.booleans() | st.sampled_from([0, 1, 2, 1.0, "true", "False", "on"]) | ANYTHING,
            "client": st.text() | ANYTHING,
        },
    )
)


def written(document: Any) -> bytes:
    """Return a document as JSON."""
    return json.dumps(document).encode()


@st.composite
def mutated(draw: st.DrawFn, payloads: st.SearchStrategy[bytes]) -> bytes:
    """Return a payload in which a few stretches were replaced by random bytes."""
    payload = bytearray(draw(payloads))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(payload)))
        end = draw(st.integers(start, min(len(payload), start + 4)))
        payload[start:end] = draw(st.binary(max_size=4))
    return bytes(payload)
