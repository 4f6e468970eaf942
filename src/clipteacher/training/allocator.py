"""Memory of the C library on CPU training: keep what a step frees, for the next step wants it again."""

from __future__ import annotations

import ctypes
import sys

# Options of glibc's mallopt (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Stop glibc from handing freed tensors back to the system.

    By default glibc maps each large tensor separately and unmaps it when freed, so each step pays page faults for all
    its activations. `benchmarks/allocator.py` measures what that costs.

    Returns:
        Whether it was done: False where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _LARGEST))
