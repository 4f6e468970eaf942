"""The trainer's view: seeding of each step, the loss, the scores of a validation, the optimiser, what is kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.data.dataset import Sample
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import SUPERVISED, LossConfig, MethodConfig
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.protocols.splits import ClassSplit
from clipteacher.teachers.teacher import Frozen, TeacherTokens
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.module import TrainingModule
from clipteacher.training.optimizer import OptimizerConfig, learning_rate_factor

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*barebones"),
    pytest.mark.filterwarnings("ignore:The 'val_dataloader' does not have many workers"),
]

WIDTH = 8
SPLIT = ClassSplit(names=("sky", "grass", "sun", "house"), unseen=("sun",))
PLM = PLMConfig(prototypes="synthesizer", windows=(2, 4), iterations=2, fusion_threshold=0.9, heads=2, feedforward=16)
LOSSES = MethodConfig.paper().losses
# The colours of the drawn photos, in the first three channels.
COLOURS = {"sky": (90, 160, 240), "grass": (70, 160, 60), "sun": (250, 210, 40), "house": (170, 60, 50)}


class Student(nn.Module):
    """Half of the features are the photo's own colours, about their middle; the rest is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, WIDTH - 3, 4, stride=4)
        self.norm = nn.BatchNorm2d(WIDTH - 3)
        self.dropout = nn.Dropout(0.3)

    def forward(self, images: Tensor) -> Tensor:
        learnt = self.dropout(self.norm(self.encoder(images)))
        return torch.cat([F.avg_pool2d(images, 4) - 0.5, 0.1 * learnt], dim=1)


class Teacher(nn.Module):
    """Knows four words by their colours."""

    width = WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.tower = Frozen(nn.Conv2d(3, WIDTH, 8, stride=8))
        self.asked: list[tuple[str, ...]] = []

    def encode_image(self, images: Tensor) -> TeacherTokens:
        dense = self.tower(images)
        return TeacherTokens(dense.mean(dim=(2, 3)), dense)

    def encode_text(self, names: Sequence[str]) -> Tensor:
        self.asked.append(tuple(names))
        vectors = torch.zeros(len(names), WIDTH)
        vectors[:, :3] = torch.tensor([COLOURS[name] for name in names]) / 255 - 0.5
        return F.normalize(vectors, dim=1)

    def spec(self) -> dict[str, Any] | None:
        return {"kind": "colours"}


def make(losses: LossConfig = LOSSES, **arguments: Any) -> TrainingModule:  # noqa: ANN401
    torch.manual_seed(0)
    method = MethodConfig(glm=GLMConfig(bank_size=8), plm=PLM, losses=losses)
    return TrainingModule(Student(), Teacher(), SPLIT, method=method, **arguments)


def attach(module: TrainingModule, step: int = 0, rank: int = 0, steps: int = 100) -> None:
    """Give the module what a trainer would tell it; barebones is one that logs nothing."""
    trainer: Any = SimpleNamespace(global_step=step, global_rank=rank, estimated_stepping_batches=steps, barebones=True)
    module._trainer = trainer


def batch() -> Sample:
    generator = torch.Generator().manual_seed(1)
    masks = torch.randint(3, (2, 8, 8), generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
    masks[:, :12, :12] = 255
    names: Any = ["a", "b"]
    return Sample(torch.rand(2, 3, 32, 32, generator=generator), masks, names)


def drawn(seed: int, step: int, rank: int = 0) -> list[float]:
    module = make(seed=seed)
    attach(module, step, rank)
    torch.manual_seed(99)
    module.on_train_batch_start(batch(), 0)
    return torch.rand(4).tolist()


def test_each_step_draws_by_its_number_alone() -> None:
    assert drawn(seed=1, step=5) == drawn(seed=1, step=5)
    keys = [(seed, step, rank) for seed in (0, 1, 2) for step in (0, 1, 2, 50) for rank in (0, 1, 7)]
    assert len({tuple(drawn(*key)) for key in keys}) == len(keys)


def test_a_large_seed_is_taken_too() -> None:
    assert drawn(seed=2**32 - 1, step=10**6) != drawn(seed=2**32 - 2, step=10**6)


def test_a_step_drops_the_same_whenever_it_is_taken() -> None:
    losses = []
    for before in (3, 8):
        module = make()
        attach(module, step=17)
        torch.manual_seed(before)
        module.on_train_batch_start(batch(), 0)
        losses.append(module.training_step(batch(), 0))
    assert torch.equal(*losses)


def test_the_loss_is_the_sum_of_the_named_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    module = make(replace(LOSSES, glm=2.0, focal=20.0))
    logged: dict[str, Tensor] = {}
    monkeypatch.setattr(module, "log", lambda name, value, **_: logged.__setitem__(name, value))
    monkeypatch.setattr(module, "log_dict", lambda values, **_: logged.update(values))
    attach(module)
    module.on_train_batch_start(batch(), 0)
    total = module.training_step(batch(), 0)
    assert total.requires_grad
    terms = {"loss/glm", "loss/focal", "loss/dice", "loss/ce", "loss/bce"}
    assert logged.keys() == terms | {"loss"}
    assert not any(value.requires_grad for value in logged.values())
    torch.testing.assert_close(sum(logged[name] for name in terms), total.detach())
    assert torch.equal(logged["loss"], total.detach())

    plain = make(replace(LOSSES, glm=2.0, focal=20.0))
    attach(plain)
    plain.on_train_batch_start(batch(), 0)
    for name, value in plain.framework(*batch()[:2]).items():
        torch.testing.assert_close(logged[f"loss/{name}"], value.detach(), rtol=1e-4, atol=1e-5)


@pytest.fixture
def validated(folder: Path, tmp_path: Path) -> tuple[TrainingModule, FolderDataModule, list[dict[str, Tensor]]]:
    """A module that the trainer has validated twice in a row, and the metrics of each time."""
    module, data = make(), FolderDataModule(folder, ["sun"], batch_size=2, workers=0)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    metrics = []
    for _ in range(2):
        trainer.validate(module, data, verbose=False)
        metrics.append(dict(trainer.callback_metrics))
    return module, data, metrics


def test_scores_of_a_validation_are_those_of_evaluate(
    validated: tuple[TrainingModule, FolderDataModule, list[dict[str, Tensor]]],
) -> None:
    module, data, metrics = validated
    confusion = pooled_confusion(module.segmenter(), (data.val_set[i] for i in range(len(data.val_set))))
    expected = compute_metrics(confusion, SPLIT)
    assert all(value > 0.2 for value in expected.IoU.values()), "a test worth its name predicts every class"
    named = {
        "val/pAcc": expected.pAcc,
        "val/S": expected.mIoU_seen,
        "val/U": expected.mIoU_unseen,
        "val/hIoU": expected.hIoU,
    }
    for found in metrics:
        assert {name: float(value) for name, value in found.items()} == pytest.approx(named)


def test_a_validation_tests_as_the_kept_student_is_tested(folder: Path) -> None:
    pipeline = TestPipeline(short_side=50, mode="slide", crop=48, stride=32)
    data = FolderDataModule(folder, ["sun"], batch_size=2, workers=0)
    data.setup("fit")
    samples = [data.val_set[i] for i in range(len(data.val_set))]
    found = []
    for test in (TestSettings(), TestSettings(pipeline), TestSettings(pipeline, max_logits=3000)):
        module = make(test=test).eval()
        module.on_validation_start()
        with torch.no_grad():
            for image, mask, name, _ in samples:
                batch_of_one: Any = Sample(image[None], mask[None], [name])  # type: ignore[arg-type]
                module.validation_step(batch_of_one, 0)
        found.append(module.confusion.compute())
        segmenter = module.segmenter()
        assert segmenter.settings == test
        assert torch.equal(found[-1], pooled_confusion(segmenter, samples))
    assert not torch.equal(found[0], found[1])
    assert torch.equal(found[1], found[2])
    with pytest.raises(ValueError, match="max_logits: got 0"):
        TestSettings(max_logits=0)


def test_a_validation_leaves_nothing_behind(
    validated: tuple[TrainingModule, FolderDataModule, list[dict[str, Tensor]]],
) -> None:
    module, _, _ = validated
    fresh = make()
    assert torch.equal(module.framework.text_features, fresh.framework.text_features)
    assert len(module.framework.text_features) == 3
    assert not module.confusion.confusion.any()
    state, before = module.state_dict(), fresh.state_dict()
    assert state.keys() == before.keys()
    assert all(torch.equal(state[name], before[name]) for name in before)


def test_unseen_names_are_encoded_for_the_scores_alone() -> None:
    teacher = Teacher()
    module = TrainingModule(Student(), teacher, SPLIT, method=SUPERVISED)
    assert teacher.asked == [("sky", "grass", "house")]
    attach(module)
    module.on_train_batch_start(batch(), 0)
    module.training_step(batch(), 0)
    assert len(teacher.asked) == 1
    module.on_validation_start()
    assert teacher.asked[1:] == [SPLIT.names]


def test_optimiser_has_every_parameter_at_its_rate() -> None:
    config = OptimizerConfig(lr=0.02, encoder_lr_factor=0.25, weight_decay=0.1, warmup_steps=4)
    module = make(optimizer=config)
    attach(module, steps=10)
    built: Any = module.configure_optimizers()
    names = {parameter: name for name, parameter in module.named_parameters()}
    scheduler = built["lr_scheduler"]["scheduler"]
    found = {
        names[parameter]: (rate, group["weight_decay"])
        for rate, group in zip(scheduler.base_lrs, built["optimizer"].param_groups, strict=True)
        for parameter in group["params"]
    }
    assert found.keys() == set(names.values())
    assert not [name for name in found if "teacher" in name]
    for name, parameter in module.named_parameters():
        rate = 0.005 if ".encoder." in name else 0.02
        assert found[name] == pytest.approx((rate, 0.1 if parameter.ndim > 1 else 0.0)), name
    assert {name for name in found if ".encoder." in name} == {
        "framework.student.encoder.weight",
        "framework.student.encoder.bias",
    }


def test_schedule_runs_over_the_trainers_steps() -> None:
    config = OptimizerConfig(lr=0.02, encoder_lr_factor=0.25, warmup_steps=4)
    module = make(optimizer=config)
    attach(module, steps=10)
    built: Any = module.configure_optimizers()
    optimizer, schedule = built["optimizer"], built["lr_scheduler"]
    assert schedule["interval"] == "step"
    for step in range(11):
        rates = sorted({group["lr"] for group in optimizer.param_groups})
        factor = learning_rate_factor(step, 10, config)
        assert rates == pytest.approx([0.005 * factor, 0.02 * factor] if factor else [0])
        optimizer.step()
        schedule["scheduler"].step()


def test_segmenter_holds_all_names() -> None:
    module = make(test=TestSettings(pad_multiple=64))
    segmenter = module.segmenter()
    assert segmenter.student is module.framework.student
    assert segmenter.class_names == SPLIT.names
    assert segmenter.unseen == ("sun",)
    assert segmenter.text_spec == {"kind": "colours"}
    assert segmenter.settings.pad_multiple == 64
    assert torch.equal(segmenter.text_features, Teacher().encode_text(SPLIT.names))


@pytest.mark.parametrize("channels_last", [True, False])
def test_memory_format_changes_no_number(channels_last: bool) -> None:
    module, other = make(channels_last=channels_last), make(channels_last=not channels_last)
    student: Any = module.framework.student
    assert student.encoder.weight.is_contiguous(memory_format=torch.channels_last) is channels_last
    losses = []
    for each in (module, other):
        attach(each.eval())  # dropout draws in the order of memory
        losses.append(each.training_step(batch(), 0))
    torch.testing.assert_close(*losses, rtol=1e-3, atol=1e-4)


def test_wrong_students_and_teachers_show_at_once() -> None:
    with pytest.raises(ValueError, match="student: got 5 channels, expected 8"):
        TrainingModule(nn.Conv2d(3, 5, 1), Teacher(), SPLIT)
    with pytest.raises(TypeError, match="teacher: got Identity without width"):
        TrainingModule(Student(), nn.Identity(), SPLIT)
