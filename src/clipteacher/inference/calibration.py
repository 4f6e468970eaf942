"""Calibration: a constant γ that is subtracted from the logits of the names that training saw (calibrated stacking).

A student learns from masks of the seen names and of no others, so at test the seen ones score too high. ZegCLIP and its
descendants subtract 0.1 from every seen score, in no table's caption. Here the constant is an option with a name, 0 by
default, and it is printed with every score that was measured with it. It needs no text and no training. Choose it on
seen names that are held out in turn (`clipteacher calibrate`), never on unseen ones.

Source: calibrated stacking, arXiv 1605.04253.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # an ONNX file is calibrated without PyTorch
    from torch import Tensor


def check_calibration(calibration: float) -> None:
    """Check a calibration constant.

    Raises:
        ValueError: It is no number, not finite, or larger than float32 holds.
    """
    number = isinstance(calibration, int | float) and not isinstance(calibration, bool)
    if not number or not abs(calibration) <= float(np.finfo(np.float32).max):  # NaN is not
        raise ValueError(
            f"calibration: got {calibration!r}, expected a finite number of float32. Give 0 for none, or such as 0.1."
        )


def calibration_array(
    class_names: Sequence[str], seen: Collection[str], calibration: float
) -> NDArray[np.float32] | None:
    """Return what is added to the logits of names: -γ where training saw the name, else 0.

    Deviation: ZegCLIP subtracts after the sigmoid, where scores are in 0..1. Logits here are Rᵀ T, of no fixed range,
    so its 0.1 is no value to take over.

    Args:
        class_names: N names.
        seen: Names that the model was trained on.
        calibration: γ, in units of a logit Rᵀ T. Below 0 it favours the seen names.

    Returns:
        (N,), float32; None where nothing would change, so that logits keep their bits.

    Raises:
        ValueError: It is no finite number.

    Example:
        >>> calibration_array(["sky", "cat"], {"sky"}, 0.5).tolist()
        [-0.5, 0.0]
        >>> calibration_array(["sky", "cat"], {"sky"}, 0.0) is None
        True
    """
    check_calibration(calibration)
    if not calibration or not any(name in seen for name in class_names):
        return None
    return np.array([-float(calibration) if name in seen else 0.0 for name in class_names], dtype=np.float32)


def calibration_bias(class_names: Sequence[str], seen: Collection[str], calibration: float) -> Tensor | None:
    """Return `calibration_array` as a tensor: (N,), float32, on the CPU, or None.

    Raises:
        ValueError: The calibration is no finite number.

    Example:
        >>> calibration_bias(["sky", "cat"], {"sky"}, 0.5).tolist()
        [-0.5, 0.0]
    """
    import torch

    values = calibration_array(class_names, seen, calibration)
    return None if values is None else torch.from_numpy(values)


def calibration_entry(calibration: float) -> dict[str, float]:
    """Return the calibration as an entry for a report; empty where it is 0.

    Example:
        >>> calibration_entry(0.1), calibration_entry(0)
        ({'calibration': 0.1}, {})
    """
    return {"calibration": float(calibration)} if calibration else {}
