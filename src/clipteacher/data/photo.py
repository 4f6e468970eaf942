"""Any kind of photo as one array: RGB, upright, 8 bits or floats in [0, 1]."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipteacher.data.files import DataError, decoded, over_white, picture_name, rgb

if TYPE_CHECKING:
    from torch import Tensor

Photo: TypeAlias = "str | PathLike[str] | Image.Image | NDArray[Any] | Tensor"
"""A path, a Pillow picture, an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), or a tensor (3, H, W)."""

MAX_PIXELS: Final = 89_478_485
"""Pixels of the largest file that is decoded, Pillow's own limit for decompression bombs: 256 MiB of RGB."""

_SLACK: Final = 1e-3  # resizing and arithmetic overshoot 0..1 by rounding
_DEEP: Final = 65535  # white with 16 bits


def read_photo(photo: Photo, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Read a photo from a file, a picture, an array or a tensor.

    Grey becomes RGB. Transparency is laid over white, as viewers show it. Of an animation, the first frame is read.
    Deep channels are scaled, never clipped: 16-bit grey keeps its depth as floats; of 16-bit colour in a file, only
    the 8 higher bits are read, as Pillow does. Colour profiles are not applied.

    Args:
        photo: A path; a Pillow picture, turned upright as a file is; an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4), uint8 in 0..255, uint16 in 0..65535 or floating point in [0, 1], the fourth channel opacity; or
            a tensor (3, H, W), or with 1 or 4 channels, of these types, on any device.
        max_pixels: Refuse a file or a Pillow picture with more pixels before it is decoded.

    Returns:
        (H, W, 3), RGB: uint8 in 0..255 for 8-bit photos, else float32 in [0, 1].

    Raises:
        DataError: A file cannot be read completely, or has more than `max_pixels`; the message names it.
        TypeError: It is none of these.
        ValueError: An array or a tensor has another shape or type, is empty, or holds NaN or values out of range.

    Example:
        >>> read_photo(np.full((2, 2), 255, dtype=np.uint8)).shape, read_photo(np.zeros((2, 2, 3))).dtype
        ((2, 2, 3), dtype('float32'))
    """
    if isinstance(photo, str | PathLike | Image.Image):
        return _picture_array(decoded(photo, upright=True, max_pixels=max_pixels), picture_name(photo))
    if isinstance(photo, np.ndarray):
        return _checked(photo, "photo", ValueError)
    if hasattr(photo, "detach") and hasattr(photo, "permute"):  # a tensor, recognized without importing torch
        return _tensor_array(photo)
    raise TypeError(
        f"photo: got {type(photo).__name__}, expected a path, a PIL picture, an array (H, W, 3) or a tensor (3, H, W). "
        "Give one photo at a time, or several to segment_batch; open bytes with "
        "PIL.Image.open(io.BytesIO(data))."
    )


def eight_bits(photo: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round a photo (H, W, 3) of `read_photo` to 8 bits, for drawing: the same shape, uint8, RGB, 0..255."""
    values = photo if photo.dtype == np.uint8 else np.rint(photo * 255)
    return values.astype(np.uint8, copy=False)


def _picture_array(picture: Image.Image, name: str) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Return the colours of a decoded picture, (H, W, 3)."""
    if picture.mode.startswith("I"):
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > _DEEP:
            raise DataError(
                f"{name}: got values {values.min()}..{values.max()} of mode {picture.mode}, expected 16 bits, "
                f"0..{_DEEP}. Scale them."
            )
        return _fractions(values.astype(np.uint16)[..., np.newaxis])
    if picture.mode == "F":
        return _checked(np.asarray(picture), name, DataError)
    try:
        return rgb(picture)
    except ValueError as error:
        raise DataError(
            f"{name}: got a picture of mode {picture.mode}, which Pillow cannot convert to RGB ({error}). Save it as "
            "RGB."
        ) from error


def _tensor_array(tensor: Any) -> NDArray[np.uint8] | NDArray[np.float32]:  # noqa: ANN401 (a tensor of torch's)
    """Return the colours of a tensor (3, H, W)."""
    shape = tuple(tensor.shape)
    if len(shape) != 3 or shape[0] not in (1, 3, 4) or 0 in shape:
        fix = "Put the channels first: image.permute(2, 0, 1)." if len(shape) == 3 and shape[2] == 3 else _fix(shape)
        raise ValueError(f"photo: got a tensor of shape {shape}, expected (3, H, W). {fix}")
    tensor = tensor.detach().cpu().permute(1, 2, 0)
    if tensor.is_floating_point():
        tensor = tensor.float()  # numpy has no bfloat16
    elif str(tensor.dtype) not in ("torch.uint8", "torch.uint16"):
        raise ValueError(
            f"photo: got a tensor of {tensor.dtype}, expected floating point in [0, 1], or uint8. Convert it: "
            "image.to(torch.uint8), or image / 255."
        )
    return _checked(tensor.numpy(), "photo", ValueError)


def _checked(array: NDArray[Any], name: str, error: type[ValueError]) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Check an array and give it three channels, (H, W, 3); `name` and `error` are for messages."""
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        fix = "Put the channels last: array.transpose(1, 2, 0)." if first else _fix(array.shape)
        raise error(f"{name}: got an array of shape {array.shape}, expected (H, W, 3). {fix}")
    if array.dtype == np.uint8:
        if array.shape[2] == 4:
            return over_white(array)
        return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else np.ascontiguousarray(array)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return _fractions(array)
    if array.dtype.kind != "f":
        raise error(
            f"{name}: got an array of {array.dtype}, expected uint8 in 0..255, uint16 or floating point in [0, 1]. "
            "Convert it, such as array.astype(np.uint8)."
        )
    lowest, highest = float(array.min()), float(array.max())
    if not (lowest >= -_SLACK and highest <= 1 + _SLACK):  # written so that NaN is caught too
        if np.isnan(lowest):
            fix = "NaN is no colour: remove it."
        elif lowest >= 0 and highest <= 255:
            fix = "Divide 8-bit values by 255."
        else:
            fix = "Undo the normalization: the student does its own."
        raise error(f"{name}: got values {lowest:g}..{highest:g}, expected 0..1. {fix}")
    return _fractions(array)


def _fix(shape: tuple[int, ...]) -> str:
    """Say what to do about a photo of another shape."""
    if len(shape) == 4:
        return "Give one image at a time, or several to segment_batch."
    return "Give three channels, red, green and blue, and at least one pixel."


def _fractions(array: NDArray[Any]) -> NDArray[np.float32]:
    """Turn checked values (H, W, 1), (H, W, 3) or (H, W, 4) into floats in [0, 1], (H, W, 3), float32."""
    pixels = array.astype(np.float32, order="C")
    pixels = pixels / np.float32(_DEEP) if array.dtype.kind == "u" else pixels.clip(0, 1)
    if pixels.shape[2] == 4:
        pixels = pixels[..., :3] * pixels[..., 3:] + (1 - pixels[..., 3:])
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
