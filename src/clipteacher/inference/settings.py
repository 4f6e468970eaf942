"""How a photo is tested, as one frozen object: size, windows, padding, tile and calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clipteacher.inference.calibration import check_calibration
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.protocols.protocol import TestPipeline

MAX_LOGITS: Final = 2**22
"""Class logits that are brought to full size at once: 16 MiB of float32, where CPUs were fastest."""

MOST_PADDING: Final = 1024
"""Largest `pad_multiple` in pixels; a photo of one pixel is padded to as much."""

MOST_LOGITS: Final = 2**30
"""Largest `max_logits`: 4 GiB of float32."""


@dataclass(frozen=True)
class TestSettings:
    """How photos are tested. It is saved with a trained student.

    Attributes:
        pipeline: Size and windows in which the network sees a photo; the default is the whole photo at its own size.
            One that is too large to be seen whole is made smaller, see `clipteacher.inference.placement.input_size`.
        pad_multiple: What the network is given is padded with black at the right and bottom to a multiple of this,
            which most encoders require; the padding is cut off again.
        max_logits: Class logits that are brought to full size, or looked at, at once: memory against speed. It changes
            no label, but for rounding where there are more names than channels.
        calibration: γ of calibrated stacking, which is subtracted from the logits of the names that training saw, see
            `clipteacher.inference.calibration`. The best value differs between data sets: chosen on held-out classes,
            0.3 raises hIoU on MSRC-21 from 50.7 to 60.2, and nothing helps on the drawn world
            (docs/research/lab_book.md).

    Raises:
        ValueError: A value is out of its range.
    """

    __test__ = False  # not a test, whatever pytest makes of the name

    pipeline: TestPipeline = OWN_SIZE
    pad_multiple: int = 32
    max_logits: int = MAX_LOGITS
    calibration: float = 0.0

    def __post_init__(self) -> None:
        """Check every value."""
        check_calibration(self.calibration)
        if type(self.pad_multiple) is not int or not 1 <= self.pad_multiple <= MOST_PADDING:
            raise ValueError(f"pad_multiple: got {self.pad_multiple!r}, expected a whole number in 1..{MOST_PADDING}.")
        if type(self.max_logits) is not int or not 1 <= self.max_logits <= MOST_LOGITS:
            raise ValueError(
                f"max_logits: got {self.max_logits!r}, expected a whole number in 1..{MOST_LOGITS}. Leave it out for "
                f"{MAX_LOGITS}."
            )
