"""The class names fused into the network: the student as a plain closed-set network."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from torch import Tensor, nn

from clipteacher.data.photo import Photo, read_photo
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.settings import TestSettings
from clipteacher.segmenter.fuse_text import fuse_text
from clipteacher.segmenter.photo_batches import segment_photos
from clipteacher.segmenter.segmentation import Segmentation
from clipteacher.segmenter.vocabulary import check_text_features

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
        unseen: Those of the names that training never saw; for the record.
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

        As `Segmenter.forward`. `network(images)` gives the logits at the network's stride.
        """
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
