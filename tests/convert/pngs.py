"""PNGs of less than 8 bits, which Pillow reads and does not write as grey."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def png_of_bits(values: NDArray[np.uint8], bits: int) -> bytes:
    """A grey PNG of values (H, W) below 2 to the power of `bits`."""
    height, width = values.shape
    places = np.arange(bits - 1, -1, -1)
    flat = (values[..., np.newaxis] >> places & 1).reshape(height, width * bits).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(flat, axis=1))
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
