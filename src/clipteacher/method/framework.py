"""CLIPTeacher: one batch in, named losses out. The paper's main figure (arXiv 2310.02296) as a module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.inference.image import float_images
from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import MethodConfig
from clipteacher.method.distillation import distill
from clipteacher.method.glm import GLM
from clipteacher.method.losses.classification import pixel_cross_entropy, prototype_bce
from clipteacher.method.losses.loss_sum import LossSum
from clipteacher.method.losses.nel import dice, sigmoid_focal
from clipteacher.method.pixel_logits import cross_image_similarity, pixel_logits
from clipteacher.method.plm.module import PLM
from clipteacher.method.wanted_names import WantedNames
from clipteacher.protocols.splits import IGNORE, suggestion
from clipteacher.protocols.wanted import check_wanted
from clipteacher.protocols.words import read_words
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.student import check_student
from clipteacher.teachers.teacher import Teacher, TeacherTokens, check_teacher
from clipteacher.utils.distributed import ALONE, TOGETHER, Ranks
from clipteacher.utils.nearest import resize_labels
from clipteacher.utils.waits import read_number, read_places, waits

# Inside the framework ids may pass 255 (seen and latent ones together), so ignored pixels get an id that none can have.
IGNORE_INDEX = -1


class CLIPTeacher(nn.Module):
    """The student beside the frozen teacher. After training, `segmenter` keeps the student and its class names.

    In training mode, on several ranks, the batch is that of all ranks: negatives, the bank, the mean token, cross-image
    negatives and the count that each loss is divided by. So the mean over ranks of losses and gradients, which DDP
    takes, is what one process has with the whole batch, to rounding (docs/guides/scale.md). All ranks must call
    `forward` together. In evaluation mode each rank is by itself.

    Args:
        student: Any network that meets `clipteacher.students.student.Student`.
        teacher: Any object that meets `clipteacher.teachers.teacher.Teacher`.
        seen: Names of the seen classes, in the order of their training labels.
        method: The modules and their options: `MethodConfig.recommended()`, or `MethodConfig.paper()`.
        wanted: Names without masks that training may know, any words (the transductive setting): latent regions that
            the teacher finds to be of one are labelled with it. Empty is the inductive setting, in which no name but
            the seen ones is encoded here.

    Attributes:
        seen: The seen names.
        wanted: The wanted names.
        text_features: T_seen, then T_wanted, (N_s + N_w, C), float32, unit vectors.

    Raises:
        TypeError: Student or teacher is not what it must be.
        ValueError: The student's channels are not the teacher's width, no class is seen, a wanted name is seen or given
            twice, names are wanted where PLM or naming is switched off, or a weight is for no seen class.
    """

    text_features: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        student: nn.Module,
        teacher: Teacher,
        seen: Sequence[str],
        method: MethodConfig = MethodConfig(),
        *,
        wanted: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if not seen:
            raise ValueError("seen: got no class, expected at least one name to train on. Take a name out of unseen.")
        check_teacher(teacher)
        check_student(student, teacher.width)
        self.student = student
        self.teacher = teacher
        self.seen = read_words(seen, "seen")
        self.wanted = check_wanted(wanted, self.seen)
        self.method = method
        self.glm = GLM(teacher.width, method.glm) if method.glm is not None else None
        self.plm = PLM(teacher.width, method.plm) if method.plm is not None else None
        self._labels_checked = False
        self.register_buffer("text_features", teacher.encode_text(self.seen + self.wanted).float(), persistent=False)
        self.register_buffer("class_weights", self._class_weights(), persistent=False)
        self.wanted_names = self._wanted_names() if self.wanted else None

    def forward(
        self,
        images: Tensor,
        labels: Tensor,
        tokens: TeacherTokens | None = None,
        averaged: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the losses of one batch.

        Args:
            images: (B, 3, H, W), float in [0, 1], or uint8.
            labels: (B, H, W), integer: seen ids 0..N_s-1, 255 = ignore.
            tokens: The teacher's tokens of the images, CLS (B, C) and dense (B, C, h', w'), where they are known
                already; None runs the teacher.
            averaged: R̄, (B, C, h, w), the averaged student's features; None goes without self-training.

        Returns:
            Weighted losses by name: "glm", "focal", "dice", "ce", "bce", "distillation" (those that are switched on),
            all scalars. On several ranks their mean over the ranks is the loss of the whole batch.

        Raises:
            ValueError: A label is no seen class and not 255.

        Deviation: labels are brought to the student's stride by nearest neighbour; the logits are not brought to full
        size. That is 16 times less work at stride 4.
        """
        images = float_images(images)
        features = self.student(images).float()
        labels = self._student_labels(labels, (features.shape[2], features.shape[3]))
        ranks = TOGETHER if self.training else ALONE
        method, weights = self.method, self.method.losses
        losses: dict[str, tuple[float, LossSum]] = {}
        if method.needs_teacher:
            cls, dense = self.teacher.encode_image(images) if tokens is None else tokens
        if method.distillation is not None and method.distillation.weight:
            distilled = distill(features, dense, labels == IGNORE_INDEX, method.distillation)
            losses["distillation"] = (method.distillation.weight, distilled)
        if self.glm is not None and weights.glm:
            losses["glm"] = (weights.glm, self.glm(cls.float(), features, dense, ranks=ranks))
        pseudo = valid_mask = None
        if self.plm is not None:
            num_seen, num_names = len(self.seen), len(self.text_features)
            refinement = 0 if self.wanted_names is None else self.wanted_names.naming.refinement
            fused = self.plm.fused_labels(
                dense, labels, num_names, images, ignore_index=IGNORE_INDEX, refinement=refinement, ranks=ranks
            )
            unit = F.normalize(cls.float(), dim=1)
            prototypes = self.plm(features, dense, fused, unit, num_names, ranks=ranks)
            if weights.bce and prototypes.seen is not None:
                seen = prototypes.seen[:, :num_seen], self.text_features[:num_seen], prototypes.present[:, :num_seen]
                losses["bce"] = (weights.bce, prototype_bce(*seen))
            if self.wanted_names is not None:
                fused = self.wanted_names(fused, dense, averaged, ignore_index=IGNORE_INDEX, ranks=ranks)
            labels, pseudo, valid_mask = fused.labels, prototypes.pseudo, fused.valid_mask
        losses |= self._pixel_losses(features, labels, pseudo, valid_mask, ranks)
        # Divided once, by the count of all ranks.
        return {
            name: weight * (loss.total / ranks.divisor(loss.count, loss.minimum))
            for name, (weight, loss) in losses.items()
        }

    def segmenter(
        self,
        class_names: Sequence[str] | str = (),
        *,
        settings: TestSettings = TestSettings(),
        student: nn.Module | None = None,
    ) -> Segmenter:
        """Return what is kept after training: the student, and the class names that it answers to.

        Args:
            class_names: The names; those that training had no masks of are its unseen ones. None given: the seen and
                the wanted names.
            settings: How photos are tested.
            student: A network in place of the student, such as an average of its weights: images (B, 3, H, W) to
                features (B, C, h, w).

        Returns:
            The segmenter. It shares the student, and takes any other name later.
        """
        names = read_words(class_names) or self.seen + self.wanted
        return Segmenter(
            self.student if student is None else student,
            names,
            self.teacher.encode_text(names),
            unseen=[name for name in names if name not in self.seen],
            seen=self.seen,
            wanted=self.wanted,
            settings=settings,
            text_spec=self.teacher.spec(),
        )

    def _wanted_names(self) -> WantedNames:
        """Build what gives wanted names to pixels.

        Raises:
            ValueError: PLM or naming is switched off.
        """
        _, naming = self.method.parts_for_wanted(len(self.wanted))
        seen, wanted = self.text_features[: len(self.seen)], self.text_features[len(self.seen) :]
        prompts = naming.prompts_beside(self.seen + self.wanted)
        background = self.teacher.encode_text(prompts).to(seen) if prompts else seen[:0]
        return WantedNames(seen, wanted, background, naming, self.method.self_training, alpha=self.method.losses.alpha)

    def _class_weights(self) -> Tensor | None:
        """Return the weights of the seen classes in the pixel cross-entropy, (N_s,); None where all are 1.

        Raises:
            ValueError: A weight is for a name that is no seen class.
        """
        weights = self.method.losses.class_weights
        for name in weights:
            if name not in self.seen:
                raise ValueError(
                    f"losses.class_weights: got {name!r}, expected seen classes. {suggestion(name, self.seen)}"
                )
        return torch.tensor([weights.get(name, 1.0) for name in self.seen]) if weights else None

    def _student_labels(self, labels: Tensor, size: tuple[int, int]) -> Tensor:
        """Bring labels (B, H, W) to the student's stride, (B, h, w), int64, ignored ones as `IGNORE_INDEX`."""
        labels = resize_labels(labels, size).long()
        labels = labels.masked_fill(labels == IGNORE, IGNORE_INDEX)
        # Looking at a number waits for a GPU: there the first batch alone is looked at.
        if not waits(labels) or not self._labels_checked:
            highest = read_number(labels.max())
            if highest >= len(self.seen):
                raise ValueError(
                    f"labels: got id {highest}, expected 0..{len(self.seen) - 1} (the seen classes, renumbered) or "
                    f"{IGNORE} = ignore. Renumber them with ClassSplit.training_labels."
                )
            self._labels_checked = True
        return labels

    def _pixel_losses(
        self, features: Tensor, labels: Tensor, pseudo: Tensor | None, valid_mask: Tensor | None, ranks: Ranks
    ) -> dict[str, tuple[float, LossSum]]:
        """Compute NEL and CE of features (B, C, h, w) and fused labels (B, h, w), each with its weight."""
        weights, out = self.method.losses, {}
        logits = pixel_logits(features, self.text_features, pseudo, valid_mask, alpha=weights.alpha, beta=weights.beta)
        ids = None if valid_mask is None else F.pad(valid_mask, (len(self.text_features), 0), value=True)
        negatives = weights.ignored_are_negatives
        if weights.focal:
            focal = sigmoid_focal(
                logits, labels, ignore_index=IGNORE_INDEX, valid_mask=ids, ignored_are_negatives=negatives
            )
            out["focal"] = (weights.focal, focal)
        if weights.dice:
            overlap = dice(logits, labels, ignore_index=IGNORE_INDEX, ignored_are_negatives=negatives)
            out["dice"] = (weights.dice, overlap)
        if weights.ce:
            if weights.cross_image_negatives and pseudo is not None and valid_mask is not None:
                others = self._cross_image_logits(features, labels, pseudo, valid_mask, ranks)
                logits = torch.cat([logits, others], dim=1)
            ce = pixel_cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, class_weights=self.class_weights)
            out["ce"] = (weights.ce, ce)
        return out

    def _cross_image_logits(
        self, features: Tensor, labels: Tensor, pseudo: Tensor, valid_mask: Tensor, ranks: Ranks
    ) -> Tensor:
        """Logits (B, K, h, w) of the latent prototypes of all ranks' images; -inf where they are no negatives."""
        # This waits for a GPU: logits of all (B, M) ids, present or not, cost more.
        image, latent = read_places(valid_mask)
        prototypes, first = ranks.gather(F.normalize(pseudo[image, latent].detach(), dim=1))
        # Those of other ranks belong to no image here.
        image = F.pad(image, (first, len(prototypes) - first - len(image)), value=-1)
        others = self.method.losses.beta * cross_image_similarity(features, prototypes, image)
        # Only of seen pixels: an image may show what another's latent pixels are of.
        return others.masked_fill((labels >= len(self.seen)).unsqueeze(1), -torch.inf)
