"""The trainer's view of CLIPTeacher: one step, one validation, one optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from clipteacher.data.crop_box import separate
from clipteacher.data.dataset import Sample
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.inference.image import float_images
from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import MethodConfig
from clipteacher.method.framework import CLIPTeacher
from clipteacher.protocols.splits import ClassSplit
from clipteacher.protocols.wanted import with_wanted
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teacher_cache import TeacherCache, TeacherCacheConfig
from clipteacher.training.average import StudentAverage, check_ema
from clipteacher.training.optimizer import OptimizerConfig, build_optimizer, learning_rate_factor
from clipteacher.training.pooled_confusion import PooledConfusion
from clipteacher.training.seen_gate import check_seen_gate
from clipteacher.training.trainer_checks import check_precision
from clipteacher.utils.distributed import TOGETHER


class TrainingModule(LightningModule):
    """Trains a student under a teacher.

    Args:
        student: The network, see `clipteacher.students.student.Student`.
        teacher: The frozen teacher, see `clipteacher.teachers.teacher.Teacher`.
        class_split: Seen and unseen names; training takes the seen ones alone. The command line gives it the data's.
        wanted: Names that training knows by word alone, see `CLIPTeacher`. The command line gives it the data's.
        method: GLM, PLM, losses and distillation, each a switch: `--model.method.glm null` leaves GLM out. `--preset`
            gives the defaults.
        teacher_cache: Options of the teacher cache: the teacher sees each photo once, and tokens of crops are cut out
            of the photo's. None runs the teacher in each step.
        optimizer: Options of the optimiser and its schedule.
        channels_last: Keep images and convolutions channels-last in memory, which is faster on most hardware.
        test: How photos are tested; kept with the trained student. It plays no part in training.
        seen_gate: How far a gate for seen names, fitted to the training photos after the last step, sets labelled
            pixels apart from those without a label, in the loss's logits, see `clipteacher.training.seen_gate`; 3.6 is
            the best known value (`clipteacher.inference.seen_gate.SEPARATION`). It takes the place of the calibration
            and is for words that are said after training. None fits none.
        ema: Decay of an exponential moving average of the student's weights, such as 0.99: the average is what is
            validated, scored and kept, see `clipteacher.training.average`. None keeps the weights of the last step.
        seed: Seed of what is drawn inside a step (dropout). The command line gives it that of `seed_everything`.

    Raises:
        TypeError: Student or teacher is not what it must be.
        ValueError: The student's channels are not the teacher's width, `ema` or `seen_gate` is out of its range, or
            there are a gate and wanted names.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        class_split: ClassSplit,
        *,
        method: MethodConfig = MethodConfig(),
        teacher_cache: TeacherCacheConfig | None = None,
        optimizer: OptimizerConfig = OptimizerConfig(),
        channels_last: bool = True,
        test: TestSettings = TestSettings(),
        seen_gate: float | None = None,
        ema: float | None = None,
        seed: int = 0,
        wanted: Sequence[str] = (),
    ) -> None:
        super().__init__()
        check_ema(ema)
        check_seen_gate(seen_gate, wanted)
        self.framework = CLIPTeacher(
            student,
            teacher,  # type: ignore[arg-type]  # a module that is one
            class_split.seen,
            method,
            wanted=wanted,
        )
        self.teacher_cache: TeacherCache | None = None
        if teacher_cache is not None and method.needs_teacher:
            self.teacher_cache = TeacherCache(self.framework.teacher, teacher_cache)
        self.class_split = class_split
        self.optimizer_config = optimizer
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.framework.to(memory_format=self.memory_format)
        self.average = StudentAverage(self.framework.student, ema) if ema is not None else None
        self.predictor: StudentAverage | None = None
        if self.framework.wanted and method.self_training is not None:
            self.predictor = StudentAverage(self.framework.student, method.self_training.ema)
        self.test, self.seen_gate = test, seen_gate
        self.seed = seed
        self.names = with_wanted(class_split.names, self.framework.wanted)
        self.confusion = PooledConfusion(len(self.names), len(class_split.names))
        self._validated: list[Segmenter] = []  # a list hides it from the module's own parameters

    @property
    def kept_student(self) -> nn.Module:
        """The student that is scored and kept, images (B, 3, H, W) to features (B, C, h, w): the average, if any."""
        return self.framework.student if self.average is None else self.average.module

    def on_fit_start(self) -> None:
        """Check that the weights have the precision that everything here computes with."""
        check_precision(str(self.trainer.precision))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (Lightning's own)
        """Take the optimiser's step, and the average's after it, before any checkpoint is written."""
        super().optimizer_step(*args, **kwargs)
        for average in (self.average, self.predictor):
            if average is not None:
                average.update_parameters(self.framework.student)

    def on_train_batch_start(self, batch: Sample, batch_idx: int) -> None:
        """Seed each step by its number, so that a resumed run draws what the whole run would have drawn."""
        # Knuth's multiplier keeps the streams of neighbouring seeds apart; the rank gives each device its own dropout.
        torch.manual_seed(((self.seed * 2654435761 + self.global_step) * 1024 + self.global_rank) % 2**63)

    def training_step(self, batch: Sample, batch_idx: int) -> Tensor:
        """Return the summed loss of a batch of photos (B, 3, H, W) and labels (B, H, W); logs every term.

        What is logged is the mean over ranks, which is the loss of the whole batch.
        """
        images, tokens = float_images(batch.image).contiguous(memory_format=self.memory_format), None
        if self.teacher_cache is not None:
            tokens = self.teacher_cache.tokens(images, separate(batch.crop_box))
        losses = self.framework(images, batch.mask, tokens, self._averaged(images))
        terms = torch.stack(list(losses.values()))
        logged = TOGETHER.mean(terms)  # every rank logs the same, so that what watches the loss acts alike on all
        self.log_dict({f"loss/{name}": value for name, value in zip(losses, logged, strict=True)})
        self.log("loss", logged.sum(), prog_bar=True)
        return terms.sum()

    @torch.no_grad()
    def _averaged(self, images: Tensor) -> Tensor | None:
        """Return the averaged student's features (B, C, h, w), once self-training has begun."""
        config = self.framework.method.self_training
        if self.predictor is None or config is None:
            return None
        start = config.start * int(self.trainer.estimated_stepping_batches)
        if self.global_step < max(1, start):
            return None
        features: Tensor = self.predictor.module.eval()(images)
        return features.float()

    def on_validation_start(self) -> None:
        """Encode all names, unseen ones too: they are for the scores alone and leave nothing behind in training."""
        self._validated = [self.segmenter().to(self.device)]

    def validation_step(self, batch: Sample, batch_idx: int) -> None:
        """Count one test photo into the pooled confusion, labelled as the trained segmenter labels it."""
        images = float_images(batch.image).contiguous(memory_format=self.memory_format)
        self.confusion.update(batch.mask, self._validated[0](images))

    def on_validation_epoch_end(self) -> None:
        """Log the scores."""
        result = compute_metrics(self.confusion.matrix(), self.class_split)
        self.confusion.reset()
        self._validated = []
        values = {"pAcc": result.pAcc, "S": result.mIoU_seen, "U": result.mIoU_unseen, "hIoU": result.hIoU}
        self.log_dict({f"val/{name}": value for name, value in values.items()}, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build AdamW and its schedule over the trainer's steps."""
        config, steps = self.optimizer_config, int(self.trainer.estimated_stepping_batches)
        optimizer = build_optimizer(self.framework, config)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, steps, config))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def segmenter(self) -> Segmenter:
        """Return the student with the text features of all names, classes and wanted: what is kept of a run."""
        return self.framework.segmenter(self.names, settings=self.test, student=self.kept_student)
