"""SegNeXt (arXiv 2209.08575): the MSCAN encoder, the Hamburger decoder, and the student that joins them."""

from clipteacher.students.segnext.student import SegNeXtStudent

__all__ = ["SegNeXtStudent"]
