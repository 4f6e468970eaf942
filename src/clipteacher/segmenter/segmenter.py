"""After training: the student, the names it answers to, and how it is tested. No teacher is needed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from clipteacher.data.photo import Photo
from clipteacher.inference.calibration import calibration_bias
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.image import check_images, float_images, image_dtype
from clipteacher.inference.seen_gate import SeenGate, gated_text, net_calibration
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.inference.threshold import check_threshold
from clipteacher.protocols.splits import check_seen
from clipteacher.protocols.words import folded, read_words, tidy
from clipteacher.segmenter.closed_set import ClosedSetSegmenter
from clipteacher.segmenter.photo_batches import read_batches, segment_photos
from clipteacher.segmenter.pretrained import Pretrained
from clipteacher.segmenter.segmentation import Segmentation
from clipteacher.segmenter.text_cache import CachedText
from clipteacher.segmenter.vocabulary import check_names, check_text_features, encode_names
from clipteacher.teachers.teacher import Teacher, TextEncoder, ZeroShotTeacher


class Segmenter(Pretrained):
    """A trained student with its class names: photos in, names of their pixels out.

    `from_pretrained` loads one, `CLIPTeacher.segmenter` and `clipteacher.train` make one.

    Args:
        student: The network, images (B, 3, H, W) to features (B, C, h, w).
        class_names: Names that it answers to; a name's position is its id. All names are kept as
            `clipteacher.protocols.words.tidy` writes them.
        text_features: Their text features, (N, C).
        unseen: Those of the names that training had no masks of; for the record.
        seen: All names that training saw, also those it does not answer to; None is those of `class_names` that are not
            `unseen`.
        wanted: All names that training knew by word alone (the transductive setting); for the record.
        settings: How photos are tested. The calibration is subtracted from the logits of seen names; other names keep
            theirs, whether training held them back or they are new words.
        gate: What is added to the logits of seen names, pixel by pixel, see `clipteacher.inference.seen_gate`; None is
            nothing.
        text_spec: Description of the teacher's text tower, for names to come; None where there is none.
        text_cache: Keep text features of new names on disk, see `clipteacher.segmenter.text_cache`.
        record: What else is known of the model, ready for JSON, such as its protocol and scores; it is saved with it.

    Raises:
        ValueError: Names and text features do not match in number, or a name is both seen and unseen.

    Example:
        >>> segmenter = Segmenter(nn.Identity(), ["red", "green", "blue"], torch.eye(3))
        >>> segmenter.segment(torch.tensor([0.9, 0.1, 0.2]).view(3, 1, 1).expand(3, 2, 2)).areas
        {'red': 1.0, 'green': 0.0, 'blue': 0.0}
    """

    text_features: Tensor
    bias: Tensor | None

    def __init__(
        self,
        student: nn.Module,
        class_names: Sequence[str],
        text_features: Tensor,
        *,
        unseen: Sequence[str] = (),
        seen: Sequence[str] | None = None,
        wanted: Sequence[str] = (),
        settings: TestSettings = TestSettings(),
        gate: SeenGate | None = None,
        text_spec: Mapping[str, Any] | None = None,
        text_cache: bool = True,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_text_features(class_names, text_features)
        self.student = student
        self.class_names, self.unseen = tuple(map(tidy, class_names)), tuple(map(tidy, unseen))
        others = (name for name in self.class_names if name not in self.unseen)
        self.seen = tuple(others) if seen is None else tuple(map(tidy, seen))
        self.wanted = tuple(map(tidy, wanted))
        check_seen(self.seen, (*self.unseen, *self.wanted))
        self.settings, self.gate = settings, gate
        self.text_spec = dict(text_spec) if text_spec is not None else None
        self.text_cache = text_cache
        self.record = dict(record or {})
        self._text: CachedText | None = None
        self.register_buffer("text_features", text_features.detach().float(), persistent=False)
        self.register_buffer("bias", self._bias(self.class_names), persistent=False)

    @classmethod
    def from_teacher(
        cls, teacher: Teacher, class_names: Sequence[str] | str, *, settings: TestSettings = TestSettings()
    ) -> Self:
        """Return the zero-shot teacher by itself as a segmenter (MaskCLIP-style): what a student is compared with.

        Args:
            teacher: Any teacher.
            class_names: Names that it answers to, as `segment` takes them.
            settings: How photos are tested.

        Raises:
            TypeError, ValueError: As `clipteacher.segmenter.vocabulary.check_names`.
        """
        names = check_names(class_names)
        return cls(ZeroShotTeacher(teacher), names, teacher.encode_text(names), seen=(), settings=settings)

    @property
    def classifier(self) -> TextClassifier:
        """The class names as a classifier: text features (N, C) with gate and calibration, without a threshold."""
        return self._classifier(self.class_names, self.text_features)

    def forward(self, images: Tensor) -> Tensor:
        """Segment images (B, 3, H, W), float in [0, 1] or uint8, into class ids (B, H, W), int64 in 0..N-1.

        Raises:
            TypeError: It is no tensor.
            ValueError: As `clipteacher.inference.image.check_images`.
        """
        check_images(images)
        images = float_images(images).to(image_dtype(self.student))
        return DensePrediction(self.student, images, self.settings).labels(self.classifier)

    def segment(
        self,
        photo: Photo,
        class_names: Sequence[str] | str | None = None,
        *,
        threshold: float | None = None,
        background_prompts: Sequence[str] | str = (),
        return_logits: bool = False,
    ) -> Segmentation:
        """Segment one photo in eval mode.

        Args:
            photo: A path, a picture of Pillow's, an array (H, W, 3) or a tensor (3, H, W): all that
                `clipteacher.data.photo.read_photo` takes.
            class_names: N names, any words, in a list or in one text, "cat, old chair", which is read as on a command
                line, see `clipteacher.protocols.words.read_words`; None is the model's own vocabulary.
            threshold: Least cosine, in [-1, 1], between a pixel's feature and its best name; below it the pixel is
                none of the names. None sets no least. The calibration is subtracted before: a seen name then needs a
                cosine of threshold + calibration / |R|.
            background_prompts: Words that compete with the names, given in the same way; where one of them is the best,
                the pixel is none of the names. Those among the names count as names:
                `background_prompts=segmenter.class_names` is a good start.
            return_logits: Return the names' logits, less the calibration, at the photo's own size too: N·H·W numbers.

        Returns:
            Ids (H, W), int64, 0..N-1 or `NONE` = -1, with the names. Without `threshold` and `background_prompts`
            every pixel has a name.

        Raises:
            DataError: A file cannot be read.
            TypeError: The photo is none of these things, or a name is no string.
            ValueError: As `read_photo` and `with_names`, or `threshold` is no cosine.
        """
        (found,) = self.segment_batch(
            [photo],
            class_names,
            threshold=threshold,
            background_prompts=background_prompts,
            return_logits=return_logits,
        )
        return found

    def segment_batch(
        self,
        photos: Iterable[Photo],
        class_names: Sequence[str] | str | None = None,
        *,
        threshold: float | None = None,
        background_prompts: Sequence[str] | str = (),
        return_logits: bool = False,
        batch_size: int = 8,
    ) -> list[Segmentation]:
        """Segment photos of any sizes in eval mode; neighbours of one size go through the network together.

        Args:
            photos: Each as `segment` takes it; an iterator may read them as it goes.
            class_names: As `segment`.
            threshold: As `segment`.
            background_prompts: As `segment`.
            return_logits: As `segment`.
            batch_size: Photos that are read at once.

        Returns:
            What `segment` returns for each, to rounding: ids (H, W) with the names.

        Raises:
            DataError: As `segment`.
            TypeError: As `segment`, or `photos` is one photo.
            ValueError: As `segment`, or `batch_size` is not positive.
        """
        check_threshold(threshold)
        model = self if class_names is None else self.with_names(class_names)
        asked = set(map(folded, model.class_names))
        others = [name for name in read_words(background_prompts, "background_prompts") if folded(name) not in asked]
        text_features = model.text_features
        if others:
            text_features = torch.cat([text_features, self._encode(others).to(text_features)])
        classifier = self._classifier((*model.class_names, *others), text_features, threshold)
        found: list[Segmentation] = []
        for some in read_batches(photos, batch_size):
            self.eval()
            found += segment_photos(
                self.student,
                some,
                model.class_names,
                self.settings,
                classifier,
                like=text_features.to(image_dtype(self.student)),
                return_logits=return_logits,
            )
        return found

    def with_names(self, class_names: Sequence[str] | str, text_encoder: TextEncoder | None = None) -> Segmenter:
        """Return a segmenter that shares the student and answers to other names.

        Args:
            class_names: Any words, as `segment` takes them. Those of the model's own vocabulary need no text tower;
                text features of others are kept in memory and, unless `text_cache` is off, on disk, so that the tower
                is built for new words alone.
            text_encoder: Text tower for the others; None builds the one that the teacher had.

        Raises:
            TypeError, ValueError: As `clipteacher.segmenter.vocabulary.encode_names`.
        """
        names = check_names(class_names)
        return self._like(class_names=names, text_features=self._encode(names, text_encoder))

    def with_settings(self, **changes: Any) -> Segmenter:  # noqa: ANN401 (the fields of TestSettings)
        """Return a segmenter that shares the student and the names, and is tested in another way.

        Args:
            **changes: Fields of `TestSettings` with their new values, such as `calibration=0.3`.

        Raises:
            TypeError: There is no such field.
            ValueError: A value is out of its range.
        """
        return self._like(settings=replace(self.settings, **changes))

    def to_closed_set(self, class_names: Sequence[str] | str | None = None) -> ClosedSetSegmenter:
        """Fuse names into the student: a plain closed-set network with one channel a class.

        Args:
            class_names: N names, any words, as `segment` takes them; None is the model's own vocabulary.

        Returns:
            The network, a copy that shares nothing with this one: the same prediction, at the cost of a network that
            was built for N classes.

        Raises:
            TypeError, ValueError: As `with_names`.
        """
        model = self if class_names is None else self.with_names(class_names)
        return ClosedSetSegmenter(
            model.student,
            model.class_names,
            model.classifier.text_features,
            unseen=model.unseen,
            bias=model.bias,
            settings=model.settings,
        )

    def with_gate(self, gate: SeenGate | None) -> Segmenter:
        """Return a segmenter that shares the student and the names, and has another gate for seen names, or none.

        Args:
            gate: See `clipteacher.inference.seen_gate`.
        """
        return self._like(gate=gate)

    def _classifier(
        self, class_names: Sequence[str], text_features: Tensor, threshold: float | None = None
    ) -> TextClassifier:
        """Return names with their text features (N, C) as a classifier, with gate and calibration."""
        gated = gated_text(text_features, class_names, self.seen, self.gate)
        return TextClassifier(gated, self._bias(class_names), threshold)

    def _bias(self, class_names: Sequence[str]) -> Tensor | None:
        """What is added to the logits of names, (N,), on the CPU, or None: the gate's offset, less the calibration."""
        return calibration_bias(class_names, self.seen, net_calibration(self.settings.calibration, self.gate))

    def _encode(self, class_names: Sequence[str], text_encoder: TextEncoder | None = None) -> Tensor:
        """Return the text features (N, C) of names, on the CPU, as `with_names` explains."""
        known = dict(zip(self.class_names, self.text_features.cpu(), strict=True))
        if text_encoder is None and self.text_spec is not None:
            if self._text is None or self._text.spec() != self.text_spec:
                self._text = CachedText(self.text_spec, on_disk=self.text_cache)
            text_encoder = self._text
        return encode_names(class_names, known, self.text_spec, text_encoder)

    def _like(self, **changes: Any) -> Segmenter:  # noqa: ANN401 (the entries of SavedModel)
        """Return a segmenter of the same student on the same device, without a record and with other entries."""
        saved = replace(self._saved(), record={}, **changes)
        saved = replace(saved, unseen=[name for name in saved.class_names if name in self.unseen])
        other = Segmenter(**vars(saved), text_cache=self.text_cache)
        other._text = self._text
        return other.to(self.text_features.device)
