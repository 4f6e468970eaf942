"""A vocabulary compiled in: the student with its names as a plain closed-set network."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clipteacher.data.photo import Photo, read_photo
from clipteacher.folding import fold_text
from clipteacher.inference.image import image_tensor
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.scores import MAX_SCORES, class_labels, class_logits
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmentation import Segmentation


class CompiledSegmenter(nn.Module):
    """A student whose last layer gives one channel a name: no text vector is left, and no product with any.

    Since the last layer is linear, W' = T·W and b' = T·b give the scores T·R at once, at the cost of a network that was
    built for these names. `network` is a module like any other: quantise it, trace it, train it further. Its own
    normalisation of the input stays inside.

    There is no file format of its own: compiling takes about a second from a model's folder, and for elsewhere
    there is ONNX (`clipteacher export`).

    Deviation: there is no threshold for "none of these" here. It compares a score with the length of the feature, and
    the features are gone.

    Args:
        student: The network, images (B, 3, H, W) to features (B, C, h, w). It is copied, and left as it was.
        names: Names that it is to answer to; a name's position is its id.
        vectors: Their text vectors T, (N, C).
        unseen: Those of the names that training never saw; for the record.
        bias: What is added to the names' scores, (N,), such as a Segmenter's seen offset; None adds nothing. It goes
            into the last layer's own.
        pad_multiple: Input sides are padded to a multiple of this in `segment`.
        pipeline: Size and windows in which the network sees a photo in `segment`.
        max_scores: As `Segmenter`.

    Attributes:
        network: Images (B, 3, H, W) to class scores (B, N, h, w).
        folded: Whether T is in the last layer. If not, it is a 1 × 1 convolution of its own, and a warning said so.

    Raises:
        ValueError: Names, vectors and bias do not match in number.
    """

    def __init__(
        self,
        student: nn.Module,
        names: Sequence[str],
        vectors: Tensor,
        *,
        unseen: Sequence[str] = (),
        bias: Tensor | None = None,
        pad_multiple: int = 32,
        pipeline: TestPipeline = OWN_SIZE,
        max_scores: int = MAX_SCORES,
    ) -> None:
        super().__init__()
        if vectors.ndim != 2 or len(vectors) != len(names):
            raise ValueError(f"compiled: got {len(names)} names and vectors {tuple(vectors.shape)}, expected (N, C)")
        self.network, self.folded = fold_text(student, vectors.detach().float(), pad_multiple, bias)
        if not self.folded:
            warnings.warn(
                f"compile: {type(student).__name__} does not end in a convolution that the names fold into; they are a "
                "1 x 1 convolution of their own. A method last_layer() of the network may name the layer.",
                stacklevel=3,
            )
        self.names = tuple(names)
        self.unseen = tuple(unseen)
        self.pad_multiple = pad_multiple
        self.pipeline = pipeline
        self.max_scores = max_scores
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W), float in [0, 1], to class scores (B, N, h, w) at the network's stride.

        H and W are what the student takes; `segment` pads.
        """
        scores: Tensor = self.network(images)
        return scores

    @torch.inference_mode()
    def segment(self, photo: Photo, *, scores: bool = False) -> Segmentation:
        """Segment one photo in eval mode.

        Args:
            photo: A path, a picture of Pillow's, an array (H, W, 3) or a tensor (3, H, W): all that `read_photo` takes.
            scores: Return the class scores at the photo's own size too: N·H·W numbers.

        Returns:
            Ids (H, W), int64, 0..N-1, with the names.

        Raises:
            DataError: A file cannot be read.
            TypeError: The photo is none of these things.
            ValueError: As `read_photo`.
        """
        self.eval()
        parameter = next(self.network.parameters())
        images = image_tensor(read_photo(photo)).unsqueeze(0).to(parameter)
        given = (self.network, len(self.names), images, self.pad_multiple, self.pipeline)
        if not scores:
            return Segmentation(class_labels(*given, max_scores=self.max_scores)[0].cpu().numpy(), self.names)
        found = class_logits(*given, max_scores=self.max_scores)[0]
        return Segmentation(found.argmax(dim=0).cpu().numpy(), self.names, found.cpu().numpy())
