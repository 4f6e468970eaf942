"""Photos and masks of any bytes: an array, or one `DataError` that names the file."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat  # type: ignore[import-untyped]
from tests.fuzz.settings import MORE, outcome, spoilt

from clipteacher.data.files import DataError, read_colours, read_image, read_values
from clipteacher.data.mat import read_label_map

READERS: dict[str, Callable[[Path], Any]] = {
    "photo": read_image,
    "mask": read_values,
    "colours": read_colours,
    "mat": read_label_map,
}


def picture(mode: str, kind: str) -> bytes:
    values = np.random.default_rng(0).integers(0, 4, (9, 7, 3) if mode == "RGB" else (9, 7)).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(values).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def mat() -> bytes:
    buffer = BytesIO()
    savemat(buffer, {"LabelMap": np.arange(20, dtype=np.uint16).reshape(4, 5)})
    return buffer.getvalue()


FORMATS = (("L", "PNG"), ("P", "PNG"), ("RGB", "PNG"), ("RGB", "JPEG"), ("1", "PNG"))
WHOLE = [mat(), *(picture(*each) for each in FORMATS)]


def check(read: Callable[[Path], Any], path: Path) -> None:
    array = outcome(lambda: read(path), path.name, DataError)
    if array is not None:
        assert array.ndim in (2, 3)
        assert array.dtype.kind == "u"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
@MORE
@given(content=st.binary(max_size=200) | st.sampled_from(WHOLE).flatmap(spoilt))
def test_any_bytes(reader: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scene.png"
    path.write_bytes(content)
    check(READERS[reader], path)


@pytest.mark.parametrize("reader", READERS)
def test_a_picture_that_says_it_is_huge(reader: str, tmp_path: Path) -> None:
    """A header of 33 bytes that declares 2^31 - 1 pixels a side: refused before anything is made room for."""
    whole = bytearray(picture("L", "PNG"))
    whole[16:24] = (2**31 - 1).to_bytes(4, "big") * 2
    (tmp_path / "bomb.png").write_bytes(whole)
    with pytest.raises(DataError, match=r"bomb\.png"):
        READERS[reader](tmp_path / "bomb.png")
