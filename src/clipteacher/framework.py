"""CLIPTeacher: one batch in, named losses out. The paper's main figure (arXiv 2310.02296) as a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.distillation import DistillationConfig, distill
from clipteacher.glm import GLM, GLMConfig
from clipteacher.losses.classification import pixel_cross_entropy, prototype_bce
from clipteacher.losses.nel import dice, sigmoid_focal
from clipteacher.pixel_logits import foreign_cosines, pixel_logits
from clipteacher.plm.fused_labels import FusedLabels
from clipteacher.plm.module import PLM, PLMConfig
from clipteacher.protocols.splits import IGNORE
from clipteacher.students.protocol import check_student
from clipteacher.teachers.protocol import Teacher, TeacherTokens, check_teacher

# Inside the framework ids may pass 255 (seen and latent ones together), so ignored pixels get an id that none can have.
IGNORE_INDEX = -1


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss terms, L = glm·L_GLM + focal + dice + ce + bce·L_BCE, and the scales of the pixel logits.

    A term of weight 0 is not computed.

    Attributes:
        glm: Weight of L_GLM.
        focal: Weight of NEL's sigmoid focal term; ZegCLIP has 100.
        dice: Weight of NEL's dice term; ZegCLIP has 1.
        ce: Weight of the pixel cross-entropy.
        bce: Weight of L_BCE, which PLM's synthesizer alone has.
        alpha: α, scale of the text logits.
        beta: β, scale of the latent logits, which are cosines.
        foreign_latents: Whether the latent prototypes of the batch's other images are further negatives of seen pixels
            in the cross-entropy. They stand for classes that are not seen, of which one image alone shows few or none.
        ignored_are_negatives: Whether NEL takes ignored pixels as negatives of every id, as ZegCLIP does.
    """

    glm: float = 1.0
    focal: float = 100.0
    dice: float = 1.0
    ce: float = 1.0
    bce: float = 1.0
    alpha: float = 1.0
    beta: float = 10.0
    foreign_latents: bool = False
    ignored_are_negatives: bool = True


class CLIPTeacher(nn.Module):
    """The student beside the frozen teacher. After training, `student` is all that is kept.

    On several ranks, in training mode, the batch is that of all ranks: negatives, the bank, the tokens' mean, foreign
    latents and the count that each loss is divided by. So the mean over ranks of losses and gradients, which DDP takes,
    is what one process has with the whole batch, to rounding (docs/scale.md). All ranks have to call `forward`
    together. In evaluation mode each rank is by itself.

    Args:
        student: Any network that meets `clipteacher.students.protocol.Student`.
        teacher: Any object that meets `clipteacher.teachers.protocol.Teacher`.
        seen: Names of the seen classes, in the order of their training labels. No other name is ever encoded here.
        glm: Knobs of GLM; None switches it off.
        plm: Knobs of PLM; None switches it off.
        distillation: Knobs of dense distillation, the baseline; None switches it off.
        losses: Weights and scales. With `glm=None, plm=None` this is the student alone.

    Attributes:
        text: T_seen, (N_s, C), float32, unit vectors.

    Raises:
        TypeError: Student or teacher is not what it must be.
        ValueError: The student's channels are not the teacher's width, or no class is seen.
    """

    text: Tensor

    def __init__(
        self,
        student: nn.Module,
        teacher: Teacher,
        seen: Sequence[str],
        *,
        glm: GLMConfig | None = GLMConfig(),
        plm: PLMConfig | None = PLMConfig(),
        distillation: DistillationConfig | None = None,
        losses: LossConfig = LossConfig(),
    ) -> None:
        super().__init__()
        if not seen:
            raise ValueError("seen: got no class, expected at least one name to train on. Take a name out of unseen.")
        check_teacher(teacher)
        check_student(student, teacher.width)
        self.student = student
        self.teacher = teacher
        self.losses = losses
        self.distillation = distillation if distillation is not None and distillation.weight else None
        self.glm = GLM(teacher.width, glm) if glm is not None else None
        self.plm = PLM(teacher.width, plm) if plm is not None else None
        self.register_buffer("text", teacher.encode_text(seen).float(), persistent=False)

    @property
    def asks_teacher(self) -> bool:
        """Whether a loss needs the teacher's tokens."""
        return bool((self.glm is not None and self.losses.glm) or self.plm is not None or self.distillation is not None)

    def forward(self, images: Tensor, labels: Tensor, tokens: TeacherTokens | None = None) -> dict[str, Tensor]:
        """Compute the losses of one batch.

        Args:
            images: (B, 3, H, W), float in [0, 1].
            labels: (B, H, W) int64: seen ids 0..N_s-1, 255 = ignore.
            tokens: What the teacher says of the images, CLS (B, C) and dense (B, C, h', w'), where that is known
                already; None asks the teacher.

        Returns:
            Weighted losses by name: "glm", "focal", "dice", "ce", "bce", "distillation" (those that are switched on),
            all scalars. On several ranks their mean over the ranks is the loss of the whole batch.

        Raises:
            ValueError: A label is no seen class and not 255.

        Deviation: labels are brought to the student's stride by nearest neighbour; the logits are not brought to full
        size. That is 16 times less work at stride 4.
        """
        features = self.student(images).float()
        labels = F.interpolate(labels[:, None].double(), size=features.shape[2:], mode="nearest-exact")[:, 0].long()
        labels = labels.masked_fill(labels == IGNORE, IGNORE_INDEX)
        if int(labels.max()) >= len(self.text):
            raise ValueError(
                f"labels: got id {int(labels.max())}, expected 0..{len(self.text) - 1} (the seen classes, renumbered) "
                f"or {IGNORE} = ignore. Renumber them with ClassSplit.training_labels."
            )
        weights, out = self.losses, {}
        fused: FusedLabels | None = None
        pseudo = exists = None
        if self.asks_teacher:
            cls, dense = self.teacher.encode_image(images) if tokens is None else tokens
        if self.distillation is not None:
            out["distillation"] = distill(
                features, dense, labels == IGNORE_INDEX, self.distillation, all_ranks=self.training
            )
        if self.glm is not None and weights.glm:
            out["glm"] = weights.glm * self.glm(cls.float(), features, dense)
        if self.plm is not None:
            num_seen = len(self.text)
            fused = self.plm.fused_labels(dense, labels, num_seen, ignore_index=IGNORE_INDEX)
            prototypes = self.plm(features, dense, fused, F.normalize(cls.float(), dim=1), num_seen)
            if weights.bce and prototypes.seen is not None:
                out["bce"] = weights.bce * prototype_bce(
                    prototypes.seen, self.text, prototypes.present, all_ranks=self.training
                )
            labels, pseudo, exists = fused.labels, prototypes.pseudo, fused.exists
        logits = pixel_logits(features, self.text, pseudo, exists, alpha=weights.alpha, beta=weights.beta)
        foreign = None
        if pseudo is not None and exists is not None and weights.foreign_latents:
            foreign = weights.beta * foreign_cosines(features, pseudo, exists, all_ranks=self.training)
            # Only of seen pixels: an image may show what another's latent pixels are of.
            foreign = foreign.masked_fill((labels >= len(self.text)).unsqueeze(1), -torch.inf)
        return out | self._pixel_losses(logits, labels, exists, foreign)

    def _pixel_losses(
        self, logits: Tensor, labels: Tensor, exists: Tensor | None, foreign: Tensor | None
    ) -> dict[str, Tensor]:
        weights, out = self.losses, {}
        if exists is not None:
            exists = F.pad(exists, (len(self.text), 0), value=True)
        negatives = weights.ignored_are_negatives
        if weights.focal:
            out["focal"] = weights.focal * sigmoid_focal(
                logits,
                labels,
                ignore_index=IGNORE_INDEX,
                exists=exists,
                ignored_are_negatives=negatives,
                all_ranks=self.training,
            )
        if weights.dice:
            out["dice"] = weights.dice * dice(
                logits,
                labels,
                ignore_index=IGNORE_INDEX,
                ignored_are_negatives=negatives,
                all_ranks=self.training,
            )
        if weights.ce:
            classes = logits if foreign is None else torch.cat([logits, foreign], dim=1)
            out["ce"] = weights.ce * pixel_cross_entropy(
                classes, labels, ignore_index=IGNORE_INDEX, all_ranks=self.training
            )
        return out
