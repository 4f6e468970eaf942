"""Masks in MATLAB files, read with scipy: SBD's and PASCAL Context's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat  # type: ignore[import-untyped]

from clipteacher.data.files import DataError


def read_sbd_mask(path: Path) -> NDArray[np.uint8]:
    """Read `GTcls.Segmentation` of a file in SBD's `cls/`.

    Source: torchvision, `datasets/sbd.py`; mmseg, `tools/dataset_converters/voc_aug.py`.

    Returns:
        VOC's ids (H, W), uint8, 0 = background, 1..20.

    Raises:
        DataError: The file cannot be read, or is not such a mask.
    """
    values = _loaded(path, "GTcls")
    try:
        mask = np.asarray(values[0]["Segmentation"][0])
    except (IndexError, KeyError, ValueError) as error:
        raise DataError(
            f"{path}: got a GTcls without Segmentation ({error}), expected a file of SBD's cls/. Unpack it from "
            "benchmark.tgz again; files of inst/ are different."
        ) from error
    return _checked(path, mask, 255).astype(np.uint8)


def read_label_map(path: Path) -> NDArray[np.uint16]:
    """Read `LabelMap` of PASCAL Context's 459-label files.

    Source: CAT-Seg, `datasets/prepare_pascal_context_459.py` and other public readers of `trainval/*.mat`.

    Returns:
        Raw ids (H, W), uint16, 1..459.

    Raises:
        DataError: The file cannot be read, or is not such a mask.
    """
    return _checked(path, np.asarray(_loaded(path, "LabelMap")), 65535).astype(np.uint16)


def _loaded(path: Path, key: str) -> Any:  # noqa: ANN401 (any MATLAB variable)
    """Load one variable."""
    try:
        content = loadmat(path)
    except Exception as error:  # scipy raises many kinds of errors on broken bytes
        raise DataError(
            f"{path}: cannot be read ({type(error).__name__}: {error}), expected a whole .mat file. Unpack it again."
        ) from error
    if key not in content:
        found = ", ".join(name for name in content if not name.startswith("__")) or "nothing"
        raise DataError(f"{path}: got {found}, expected the variable {key}. Unpack the archive of this data set again.")
    return content[key]


def _checked(path: Path, mask: NDArray[Any], largest: int) -> NDArray[Any]:
    """Check that a variable is a mask of whole numbers."""
    if mask.ndim != 2 or mask.dtype.kind not in "ui" or mask.size == 0 or mask.min() < 0 or mask.max() > largest:
        raise DataError(
            f"{path}: got an array {mask.shape} of {mask.dtype}, expected labels (H, W), whole numbers 0..{largest}. "
            "Unpack it again."
        )
    return mask
