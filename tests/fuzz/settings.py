"""How the fuzz tests draw: the same examples each time, few enough for every run of the tests."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

FEW, MORE = (
    settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        # The folder of a test is shared by its examples, each of which writes its file anew.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    for examples in (12, 60)
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from(["smp", "openclip", "minilm", "/etc/passwd", "package:os", "hf-hub:a/b", "../x", "sky"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
"""Whatever a JSON file may hold."""


@st.composite
def spoilt(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw a file that was whole: cut, with bytes changed, with bytes put in, or with its first bytes alone left."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["change", "cut", "insert", "zero"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = draw(st.binary(max_size=12))
            case _:
                data[at : at + 16] = bytes(len(data[at : at + 16]))
    return bytes(data)


def outcome(read: Callable[[], Any], name: str, *kinds: type[Exception]) -> Any:  # noqa: ANN401 (what `read` gives)
    """Return what a reader gives, or None where it refuses as it should: by an error that has the name."""
    try:
        return read()
    except kinds as error:
        if name not in str(error):
            raise
        return None
