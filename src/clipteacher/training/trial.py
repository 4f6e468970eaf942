"""Whether a student takes the batches of training and the photos of the test: asked before the first step."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call

from clipteacher.inference.dense_prediction import DensePrediction, Network
from clipteacher.inference.settings import TestSettings
from clipteacher.utils.modes import in_mode

_ONE_VALUE = "more than 1 value per channel"  # what PyTorch's norms say about a single value


def check_training_batch(student: nn.Module, batch: int, crop_size: tuple[int, int]) -> None:
    """Check that a student in training takes a batch of crops; its tensors and mode stay as they are.

    Args:
        student: Images (B, 3, H, W) to features (B, C, h, w).
        batch: Images at once, on one device.
        crop_size: Height and width.

    Raises:
        ValueError: It does not; the message says what to change.
    """
    shape = (batch, 3, *crop_size)
    with in_mode(student, training=True):
        error = _failure(student, lambda network, like: network(like.new_zeros(shape)))
    if error is None:
        return
    told = f"student: {type(student).__name__} fails on a training batch {shape}: {_said(error)}"
    if _ONE_VALUE in str(error):
        raise ValueError(
            f"{told}. Its batch norm needs more than one value a channel. Give data.batch_size 2 or more for each "
            "device."
        ) from error
    sides = [-(-side // 32) * 32 for side in crop_size]
    larger = [side if list(crop_size) != sides else 2 * side for side in sides]
    raise ValueError(
        f"{told}. Expected crops that it takes: most encoders need multiples of 32, and several of them. Give another "
        f"data.augment.crop_size, such as {larger}."
    ) from error


def check_test_photo(student: nn.Module, size: tuple[int, int], settings: TestSettings) -> None:
    """Check that a student takes a photo as it is tested, resized, in windows and padded; it stays as it is.

    Args:
        student: Images (B, 3, H, W) to features (B, C, h, w).
        size: Height and width of a photo.
        settings: How it is tested.

    Raises:
        ValueError: It does not; the message says what to change.
    """
    with in_mode(student, training=False):
        error = _failure(
            student, lambda network, like: DensePrediction(network, like.new_zeros(1, 3, *size), settings).features[0]
        )
    if error is not None:
        raise ValueError(
            f"student: {type(student).__name__} fails on a photo of {size[1]}x{size[0]} (width x height) as it is "
            f"tested: {_said(error)}. Expected sides that it takes. Give test.pad_multiple what its encoder needs (got "
            f"{settings.pad_multiple}; most need 32), or a longer test.pipeline.short_side."
        ) from error


def _failure(student: nn.Module, run: Callable[[Network, Tensor], Tensor]) -> Exception | None:
    """Return why a student fails, None where it does not.

    It runs without computing, on the device "meta", which costs milliseconds. A network that cannot do so, or that
    fails there, is asked in earnest, in a copy.
    """
    state = {name: tensor.to("meta") for name, tensor in [*student.named_parameters(), *student.named_buffers()]}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            run(lambda images: functional_call(student, state, (images,)), torch.empty(0, device="meta"))
        except Exception:
            network = copy.deepcopy(student)
            parameter = next(network.parameters(), None)
            try:
                run(network, torch.empty(0, device=None if parameter is None else parameter.device))
            except Exception as error:
                return error
    return None


def _said(error: Exception) -> str:
    """The first line of an error, without its full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")
