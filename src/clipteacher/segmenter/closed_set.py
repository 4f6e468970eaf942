"""The class names fused into the network: the student as a plain closed-set network.

T (W x + b) + o = (T W) x + (T b + o): the product with the text features goes into the last layer.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from clipteacher.data.photo import Photo, read_photo
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.image import check_images, float_images, image_dtype
from clipteacher.inference.settings import TestSettings
from clipteacher.segmenter.photo_batches import segment_photos
from clipteacher.segmenter.segmentation import Segmentation
from clipteacher.segmenter.vocabulary import check_text_features

TOLERANCE: Final = 1e-3
"""Largest difference between fused and unfused logits, as a share of the largest logit; rounding makes 1e-5 or less,
a layer after the last one that is not linear some tenths."""

_SIDE = 128  # about the side in pixels of the image on which the fused network is checked


class ClosedSetSegmenter(nn.Module):
    """A student whose last layer gives one channel a class: no text feature is left, and no product with any.

    Since the last layer is linear, W' = T·W and b' = T·b give the logits T·R at once, at the cost of a network that was
    built for these classes. `network` is a module like any other: quantise it, trace it, train it further. Its own
    normalisation of the input stays inside.

    There is no file format of its own: fusing takes about a second from a model's folder; for other runtimes there is
    ONNX (`clipteacher export`).

    Deviation: there is no threshold for "none of these" here. It compares a logit with the length of the feature, and
    the features are gone.

    Args:
        student: The network, images (B, 3, H, W) to features (B, C, h, w). It is copied, and left as it was.
        class_names: Names that it answers to; a name's position is its id.
        text_features: Their text features T, (N, C).
        unseen: Those of the names that training had no masks of; for the record.
        bias: What is added to the logits, (N,), such as a Segmenter's calibration; None adds nothing. It goes into the
            last layer's own.
        settings: How photos are tested.

    Attributes:
        network: Images (B, 3, H, W), float in [0, 1], to class logits (B, N, h, w) at the network's stride.
        fused: Whether T is in the last layer. If not, it is a 1 × 1 convolution of its own, and a warning said so.

    Raises:
        ValueError: Names, text features and bias do not match in number.
    """

    def __init__(
        self,
        student: nn.Module,
        class_names: Sequence[str],
        text_features: Tensor,
        *,
        unseen: Sequence[str] = (),
        bias: Tensor | None = None,
        settings: TestSettings = TestSettings(),
    ) -> None:
        super().__init__()
        check_text_features(class_names, text_features)
        multiple = settings.pad_multiple
        side = -(-_SIDE // multiple) * multiple
        self.network, self.fused = fuse_text(student, text_features.detach().float(), bias, side=side)
        self.network.to(image_dtype(student))
        if not self.fused:
            warnings.warn(
                f"closed set: {type(student).__name__} does not end in a convolution that the names fuse into; they "
                "are a 1 x 1 convolution of their own. A method last_layer() of the network may name the layer.",
                stacklevel=3,
            )
        self.class_names = tuple(class_names)
        self.unseen = tuple(unseen)
        self.settings = settings
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Segment images (B, 3, H, W), float in [0, 1] or uint8, into class ids (B, H, W), int64 in 0..N-1.

        As `Segmenter.forward`, errors included. `network(images)` gives the logits at the network's stride.
        """
        check_images(images)
        images = float_images(images).to(image_dtype(self.network))
        return DensePrediction(self.network, images, self.settings).labels()

    def segment(self, photo: Photo, *, return_logits: bool = False) -> Segmentation:
        """Segment one photo in eval mode.

        Args:
            photo: A path, a picture of Pillow's, an array (H, W, 3) or a tensor (3, H, W): all that `read_photo` takes.
            return_logits: Return the class logits at the photo's own size too: N·H·W numbers.

        Returns:
            Ids (H, W), int64, 0..N-1, with the names.

        Raises:
            DataError: A file cannot be read.
            TypeError: The photo is none of these things.
            ValueError: As `read_photo`.
        """
        self.eval()
        (found,) = segment_photos(
            self.network,
            [read_photo(photo)],
            self.class_names,
            self.settings,
            like=next(self.network.parameters()),
            return_logits=return_logits,
        )
        return found


class TextHead(nn.Module):
    """A network with T as one more layer, a 1 × 1 convolution: what is left where T cannot be fused.

    Args:
        network: Images (B, 3, H, W) to features (B, C, h, w).
        text: T, (N, C).
        bias: o, added to the logits, (N,), or None.
    """

    def __init__(self, network: nn.Module, text: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.network = network
        self.text = nn.Conv2d(text.shape[1], text.shape[0], 1, bias=bias is not None, device=text.device)
        with torch.no_grad():
            self.text.weight.copy_(text[:, :, None, None])
            if bias is not None and self.text.bias is not None:
                self.text.bias.copy_(bias)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W), float in [0, 1], to class logits (B, N, h, w), of its weights' type."""
        logits: Tensor = self.text(self.network(images).to(self.text.weight.dtype))
        return logits


def fuse_text(
    student: nn.Module, text_features: Tensor, bias: Tensor | None = None, *, side: int = 128
) -> tuple[nn.Module, bool]:
    """Make the network with one channel a name whose logits are Rᵀ T + o.

    The last layer is the one that the student's method `last_layer()` returns, where it has one; else the convolution
    or linear layer that is last to run. What follows it (an interpolation, a permutation, dropout at test) must commute
    with a product over channels. That is not taken on trust: both networks are run on one random image, and where their
    logits differ by more than `TOLERANCE`, T becomes a layer of its own.

    Args:
        student: Images (B, 3, H, W) in [0, 1] to features (B, C, h, w). It is left as it was.
        text_features: T, (N, C), unit vectors, on the student's device.
        bias: o, (N,), floating point, such as a calibration; None is 0. A last layer without a bias gets one for it.
        side: Height and width in pixels of the random image, which the student must take.

    Returns:
        The network, images to logits (B, N, h, w), float32, in eval mode; and whether T was fused. It is a deep copy:
        it shares no tensor with the student, of which nothing needs to be kept.

    Raises:
        ValueError: The bias is not one number a name.
    """
    if bias is not None and bias.shape != (len(text_features),):
        raise ValueError(
            f"bias: got shape {tuple(bias.shape)}, expected ({len(text_features)},). Give one number for each name."
        )
    copied = copy.deepcopy(student).float().eval()
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(text_features)
    with torch.no_grad():
        features, last = _features_and_last(copied, image)
        expected = torch.einsum("bchw,nc->bnhw", features.float(), text_features)
        # Of the logits alone: with a large bias in it, a share of the largest would let anything pass.
        tolerance = TOLERANCE * expected.abs().max()
        if bias is not None:
            bias = bias.to(text_features)
            expected = expected + bias[:, None, None]
        if last is not None and _fuse(last, text_features, bias) and _agrees(copied, image, expected, tolerance):
            return copied, True
    return TextHead(copy.deepcopy(student).float().eval(), text_features, bias).eval(), False


def _features_and_last(network: nn.Module, image: Tensor) -> tuple[Tensor, nn.Module | None]:
    """Run a network on an image (1, 3, H, W): its features, (1, C, h, w), and its last layer that may be fused."""
    ran: list[nn.Module] = []
    layers = [module for module in network.modules() if _is_fusible(module)]
    hooks = [module.register_forward_hook(lambda layer, _given, _made: ran.append(layer)) for module in layers]
    try:
        features: Tensor = network(image)
    finally:
        for hook in hooks:
            hook.remove()
    say = getattr(network, "last_layer", None)
    last = say() if callable(say) else (ran[-1] if ran else None)
    return features, last if last in layers else None


def _is_fusible(module: nn.Module) -> bool:
    """Whether each of a layer's outputs is a product of all its inputs, so that outputs can be mixed in its weight."""
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)


def _fuse(layer: nn.Module, text: Tensor, added: Tensor | None) -> bool:
    """Fuse T (N, C) and what is added (N,) into a layer's parameters; False, and nothing done, where T does not fit."""
    weight, bias = layer._parameters.get("weight"), layer._parameters.get("bias")
    if weight is None or weight.shape[0] != text.shape[1]:  # one that is computed, as weight norm's, is no parameter
        return False
    # Products in double: the logits then differ from T·R by the rounding of float32 alone.
    product = text.double() @ weight.detach().double().flatten(1)
    layer.weight = nn.Parameter(product.view(-1, *weight.shape[1:]).to(weight))
    if bias is not None:
        mixed = text.double() @ bias.detach().double()
        layer.bias = nn.Parameter((mixed if added is None else mixed + added.double()).to(bias))
    elif added is not None:
        layer.bias = nn.Parameter(added.to(weight))
    if isinstance(layer, nn.Linear):
        layer.out_features = len(text)
    elif isinstance(layer, nn.Conv2d):
        layer.out_channels = len(text)
    return True


def _agrees(network: nn.Module, image: Tensor, expected: Tensor, tolerance: Tensor) -> bool:
    """Whether a network gives the expected logits (1, N, h, w) for an image (1, 3, H, W), but for a tolerance."""
    try:
        logits = network(image)
    except (RuntimeError, ValueError):  # what follows the layer was made for its number of channels
        return False
    if not isinstance(logits, Tensor) or logits.shape != expected.shape:
        return False
    return bool((logits.float() - expected).abs().max() <= tolerance)
