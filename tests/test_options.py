"""Every option does something: another value for each field and argument changes a result, and none is left out.

`tests/training/test_datamodule.py` holds the table of `FolderDataModule`.
"""

import inspect
import json
import tempfile
import typing
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import open_clip as _untyped
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.stand_ins import StandInStudent, StandInTeacher, StandInText, random_images
from torch import Tensor

from clipteacher.data.augment import Augment
from clipteacher.data.crop_box import CropBox
from clipteacher.data.dataset import Sample
from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import LossConfig, MethodConfig
from clipteacher.method.distillation import DistillationConfig
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig
from clipteacher.method.plm.naming import NamingConfig
from clipteacher.method.self_training import SelfTrainingConfig
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.protocols.splits import ClassSplit
from clipteacher.students.smp import SMPStudent
from clipteacher.teacher_cache import TeacherCache, TeacherCacheConfig
from clipteacher.teachers import imagenet
from clipteacher.teachers.imagenet import ImageNetTeacher
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.module import TrainingModule
from clipteacher.training.optimizer import OptimizerConfig, build_optimizer, learning_rate_factor

open_clip: Any = _untyped

WIDTH = 8
SPLIT = ClassSplit(names=("sky", "grass", "sun", "house"), unseen=("sun",))

WANTED = ("red barn", "pond", "cat", "old chair")

Result = dict[str, Any]


def batch(seed: int) -> Sample:
    """Two images of flat blocks, some of them not labelled."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.rand(2, 3, 4, 4, generator=generator).repeat_interleave(8, 2).repeat_interleave(8, 3)
    images = 0.8 * blocks + 0.2 * torch.rand(2, 3, 32, 32, generator=generator)
    masks = torch.randint(3, (2, 4, 4), generator=generator).repeat_interleave(8, 1).repeat_interleave(8, 2)
    masks[:, :16, :20] = 255
    names: Any = ["a", "b"]
    return Sample(images, masks, names)


GLM_BASE: dict[str, Any] = {"bank_size": 8, "keep": 0.02, "keep_steps": 1}
PLM_BASE: dict[str, Any] = {
    "windows": (2, 4),
    "iterations": 4,
    "fusion_threshold": 0.5,
    "prototypes": "synthesizer",
    "heads": 2,
    "feedforward": 16,
}
# Random text features are far from all regions: with a margin below 0, some get a name.
NAMING_BASE: dict[str, Any] = {"margin": -0.4, "background_prompts": ("sky",)}
SELF_TRAINING_BASE: dict[str, Any] = {"agreement": 0.0}  # else a few steps teach it no name
# The paper's, for they have every term.
METHOD = MethodConfig(
    GLMConfig(**GLM_BASE),
    PLMConfig(**PLM_BASE),
    MethodConfig.paper().losses,
    naming=NamingConfig(**NAMING_BASE),
    self_training=SelfTrainingConfig(**SELF_TRAINING_BASE),
)
PIPELINE_BASE: dict[str, Any] = {"short_side": 40, "mode": "slide", "crop": 24, "stride": 16}
OPTIMIZER_BASE: dict[str, Any] = {"lr": 0.05, "warmup_steps": 2}


def module_of(**arguments: Any) -> TrainingModule:  # noqa: ANN401
    torch.manual_seed(0)
    base: dict[str, Any] = {
        "student": StandInStudent(WIDTH, dropout=0.2),
        "teacher": StandInTeacher(WIDTH),
        "class_split": SPLIT,
        "method": METHOD,
        "optimizer": OptimizerConfig(**OPTIMIZER_BASE),
    }
    return TrainingModule(**base | arguments)


def step_losses(module: TrainingModule) -> Result:
    """The terms of a second step, by when the bank holds tokens."""
    terms: Result = {}
    for step in range(2):
        trainer: Any = SimpleNamespace(global_step=step, global_rank=0, estimated_stepping_batches=10)
        module._trainer = trainer
        module.on_train_batch_start(batch(step), 0)
        terms = {name: loss.detach() for name, loss in module.framework(*batch(step)[:2]).items()}
    return terms


def with_method(**parts: Any) -> Result:  # noqa: ANN401
    return step_losses(module_of(method=replace(METHOD, **parts)))


def with_wanted(**parts: Any) -> Result:  # noqa: ANN401
    """Losses of six steps in the transductive setting; self-training begins at the fourth, 30 % of ten."""
    module = module_of(wanted=WANTED, method=replace(METHOD, glm=None, **parts))
    module._trainer = trainer = SimpleNamespace(global_step=0, global_rank=0, estimated_stepping_batches=10)  # type: ignore[assignment]
    optimizer = torch.optim.SGD(module.framework.student.parameters(), lr=0.1)
    terms: Result = {}
    for step in range(6):
        trainer.global_step = step
        images, labels = batch(step)[:2]
        module.on_train_batch_start(batch(step), 0)
        losses = module.framework(images, labels, None, module._averaged(images))
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        module.optimizer_step(0, 0, optimizer)
        optimizer.zero_grad()
        terms |= {f"{name} {step}": loss.detach() for name, loss in losses.items()}
    return terms


def with_either_setting(**parts: Any) -> Result:  # noqa: ANN401
    """Naming and self-training do nothing where no name is wanted; the other modules can be switched off there."""
    transductive = not {"glm", "plm"} & parts.keys()
    return {"inductive": with_method(**parts), "transductive": with_wanted(**parts) if transductive else {}}


def with_naming(**options: Any) -> Result:  # noqa: ANN401
    return with_wanted(naming=NamingConfig(**NAMING_BASE | options))


def with_self_training(**options: Any) -> Result:  # noqa: ANN401
    return with_wanted(self_training=SelfTrainingConfig(**SELF_TRAINING_BASE | options))


def with_glm(**options: Any) -> Result:  # noqa: ANN401
    return with_method(glm=GLMConfig(**GLM_BASE | options), plm=None)


def with_plm(**options: Any) -> Result:  # noqa: ANN401
    return with_method(glm=None, plm=PLMConfig(**PLM_BASE | options))


def with_distillation(**options: Any) -> Result:  # noqa: ANN401
    return with_method(glm=None, plm=None, distillation=DistillationConfig(**options))


def with_losses(**options: Any) -> Result:  # noqa: ANN401
    """PLM leaves no pixel without a label, so what is done with those shows without it."""
    losses = replace(METHOD.losses, **options)
    return {"both": with_method(losses=losses), "GLM": with_method(plm=None, losses=losses)}


def with_settings(**options: Any) -> Result:  # noqa: ANN401
    """Labels of a photo of odd sides, and how many logits are made at once."""
    segmenter = module_of(test=TestSettings(**options)).segmenter()
    return {
        "ids": torch.from_numpy(segmenter.segment(random_images(3, 37, 50)).labels),
        "at once": segmenter.settings.max_logits,  # memory alone: tests/inference/test_dense_prediction.py measures it
    }


def with_pipeline(**options: Any) -> Result:  # noqa: ANN401
    return with_settings(pipeline=TestPipeline(**PIPELINE_BASE | options), pad_multiple=8)


def with_optimizer(**options: Any) -> Result:  # noqa: ANN401
    """Weights after seven steps down a fixed slope, the last past the schedule's end."""
    config = OptimizerConfig(**OPTIMIZER_BASE | options)
    student = StandInStudent(WIDTH)
    optimizer = build_optimizer(student, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, 6, config))
    for _ in range(7):
        for parameter in student.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        schedule.step()
    return {name: parameter.detach() for name, parameter in student.named_parameters()}


def with_augment(**options: Any) -> Result:  # noqa: ANN401
    """Photos of one class nearly everywhere, cut many times."""
    augment = Augment(**{"crop_size": (16, 16)} | options)
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(256, (3, 40, 60), generator=generator, dtype=torch.uint8)
    mask = torch.zeros(40, 60, dtype=torch.uint8)
    mask[30:, 40:] = 1
    cuts: list[Tensor] = []
    for seed in range(8):
        torch.manual_seed(seed)
        cuts += augment(image, mask)
    return {str(number): cut for number, cut in enumerate(cuts)}


def with_module(**arguments: Any) -> Result:  # noqa: ANN401
    """Losses of a step, the rates, the memory's format, the labels of a photo of odd sides, and what is kept."""
    module = module_of(**arguments)
    losses = step_losses(module)
    built: Any = module.configure_optimizers()
    student: Any = module.framework.student
    ids = torch.from_numpy(module.segmenter().segment(random_images(3, 37, 50)).labels)
    rates = [group["initial_lr"] for group in built["optimizer"].param_groups]
    for _ in range(2):  # down a fixed slope, by steps that show
        for group in built["optimizer"].param_groups:
            group["lr"] = 0.1
        for parameter in module.framework.parameters():
            parameter.grad = torch.ones_like(parameter)
        module.optimizer_step(0, 0, built["optimizer"])
    return {
        "losses": losses,
        "cache": module.teacher_cache is not None,  # what it says: tests/teacher_cache
        "rates": rates,
        "channels last": student.encoder.weight.is_contiguous(memory_format=torch.channels_last),
        "ids": ids,
        "kept": module.segmenter().student.state_dict(),
    }


def with_cache(**options: Any) -> Result:  # noqa: ANN401
    """Tokens of a crop, and what is on disk then."""
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a full folder
        root = Path(name)
        config = TeacherCacheConfig(**{"folder": "tokens"} | options)
        pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "photo.png")
        cache = TeacherCache(StandInTeacher(WIDTH), replace(config, folder=str(root / config.folder)))
        place = CropBox(str(root / "photo.png"), 48, 48, 4, 8, 32, 32, flipped=True)
        cls, dense = cache.tokens(torch.zeros(1, 3, 32, 32), [place])
        kept = [path.relative_to(root).parts[0] for path in root.rglob("*.safetensors")]
        return {"cls": cls, "dense": dense, "kept": kept}


def with_student(**arguments: Any) -> Result:  # noqa: ANN401
    torch.manual_seed(0)
    base: dict[str, Any] = {"architecture": "FPN", "encoder": "tu-test_efficientnet", "channels": 4}
    student = SMPStudent(**base | arguments).eval()
    with torch.no_grad():
        return {"features": student(random_images(1, 3, 64, 64))}


def said_by(teacher: Any) -> Result:  # noqa: ANN401
    cls, dense = teacher.encode_image(random_images(1, 3, 64, 64))
    return {"cls": cls, "dense": dense, "text": teacher.encode_text(["cat", "road"])}


# Another value of every option, by what has it. Paths are filled in by the fixture `values`.
OPTIONS: dict[Any, tuple[Callable[..., Result], dict[str, Any]]] = {
    GLMConfig: (
        with_glm,
        {"normalize": False, "scale": None, "temperature": 0.5, "bank_size": 1}
        | {"keep": 1.0, "keep_steps": 50, "grid": 2},
    ),
    PLMConfig: (
        with_plm,
        {
            "windows": (8,),
            "overlap": 0.0,
            "iterations": 0,
            "fusion_threshold": 0.9,
            "center": False,
            "prototypes": "region_pooling",
            "layers": 2,
            "heads": 4,
            "feedforward": 24,
            "dropout": 0.5,
        },
    ),
    DistillationConfig: (with_distillation, {"weight": 2.0, "ignored_only": True}),
    MethodConfig: (
        with_either_setting,
        {
            "glm": None,
            "plm": None,
            "losses": LossConfig(),
            "distillation": DistillationConfig(),
            "naming": NamingConfig(margin=1.0),
            "self_training": None,
        },
    ),
    NamingConfig: (with_naming, {"margin": 1.0, "background_prompts": ("thing", "stuff"), "refinement": 0}),
    SelfTrainingConfig: (with_self_training, {"start": 0.0, "ema": 0.0, "agreement": 1.0}),
    TestSettings: (
        with_settings,
        {"pipeline": TestPipeline(**PIPELINE_BASE), "pad_multiple": 8, "max_logits": 1000, "calibration": 5.0},
    ),
    TestPipeline: (with_pipeline, {"short_side": 30, "mode": "whole", "crop": 32, "stride": 8}),
    LossConfig: (
        with_losses,
        {
            "glm": 2.0,
            "focal": 50.0,
            "dice": 2.0,
            "ce": 0.0,
            "bce": 3.0,
            "alpha": 4.0,
            "beta": 2.0,
            "cross_image_negatives": True,
            "ignored_are_negatives": False,
            "class_weights": {"house": 5.0},
        },
    ),
    TeacherCacheConfig: (with_cache, {"folder": "other", "gigabytes": 1e-9, "parts": 2, "short_side": 96}),
    OptimizerConfig: (
        with_optimizer,
        {
            "lr": 0.1,
            "encoder_lr_factor": 0.1,
            "weight_decay": 0.5,
            "warmup_steps": 4,
            "power": 2.0,
            "min_factor": 0.5,
        },
    ),
    Augment: (
        with_augment,
        {
            "crop_size": (16, 20),
            "scale": (1.0, 1.0),
            "base_size": 30,
            "cat_max_ratio": 1.0,
            "flip": 0.0,
            "photometric": 0.0,
        },
    ),
    TrainingModule: (
        with_module,
        {
            "student": StandInStudent(WIDTH, dropout=0.2, seed=1),
            "teacher": StandInTeacher(WIDTH, seed=8),
            "class_split": ClassSplit(names=SPLIT.names, unseen=("house",)),
            "method": MethodConfig.recommended(),
            "teacher_cache": TeacherCacheConfig("tokens"),
            "optimizer": OptimizerConfig(lr=1.0),
            "channels_last": False,
            "test": TestSettings(calibration=5.0),
            "ema": 0.5,
            "seed": 1,
            "wanted": WANTED,
        },
    ),
    SMPStudent: (
        with_student,
        {
            "architecture": "Unet",
            "encoder": "tu-test_resnet",
            "channels": 5,
            "weights": "encoder.safetensors",
            "mean": (0.1, 0.2, 0.3),
            "std": (1.0, 1.0, 1.0),
            "options": {"decoder_pyramid_channels": 64},
        },
    ),
    ImageNetTeacher: (
        lambda **arguments: said_by(ImageNetTeacher(**arguments)),
        {"scale": 1.0, "ridge": 50.0, "templates": ["the {}"]},
    ),
    OpenClipTeacher: (
        lambda **arguments: said_by(OpenClipTeacher(**arguments)),
        {
            "model": "quick.json",
            "pretrained": "other.safetensors",
            "dense": "tokens",
            "templates": ["the {}"],
            "image_size": 32,
            "precision": "bf16",
        },
    ),
}

ELSEWHERE: dict[Any, set[str]] = {
    OpenClipTeacher: {"tokenizer"},  # needs files of the hub: tests/teachers/test_openclip_families.py
    TrainingModule: {"seen_gate"},  # needs photos: tests/training/test_seen_gate.py
}


def options_of(owner: Any) -> set[str]:  # noqa: ANN401
    return {field.name for field in fields(owner)} if is_dataclass(owner) else set(inspect.signature(owner).parameters)


@pytest.mark.parametrize("owner", OPTIONS, ids=lambda owner: owner.__name__)
def test_no_option_is_left_out(owner: Any) -> None:  # noqa: ANN401
    assert OPTIONS[owner][1].keys() | ELSEWHERE.get(owner, set()) == options_of(owner)


def test_no_group_of_options_is_left_out() -> None:
    """What the trainer's two classes take as a dataclass, and the dataclasses in those, are in the table."""

    def groups_of(owner: Any) -> set[Any]:  # noqa: ANN401
        hints = typing.get_type_hints(owner if is_dataclass(owner) else owner.__init__).values()
        own = {part for hint in hints for part in (hint, *typing.get_args(hint)) if is_dataclass(part)}
        return own.union(*map(groups_of, own))

    groups = groups_of(TrainingModule) | groups_of(FolderDataModule)
    assert groups - {ClassSplit} == {owner for owner in OPTIONS if is_dataclass(owner)}


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory, tiny_clip: tuple[Path, Path]) -> dict[str, dict[str, Any]]:
    """Base arguments by owner where some are needed, and the files behind the table's names."""
    root = tmp_path_factory.mktemp("options")
    torch.manual_seed(5)
    save_file(timm.create_model("test_efficientnet").state_dict(), root / "encoder.safetensors")
    config = json.loads(tiny_clip[0].read_text())
    save_file(open_clip.CLIP(**config).state_dict(), root / "other.safetensors")
    (root / "quick.json").write_text(json.dumps(config | {"quick_gelu": True}))
    files = {name: str(root / name) for name in ("encoder.safetensors", "other.safetensors", "quick.json")}
    return {"files": files, "OpenClipTeacher": {"model": str(tiny_clip[0]), "pretrained": str(tiny_clip[1])}}


@pytest.fixture
def _small_imagenet_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights and hashed words in place of ImageNetTeacher's packages."""

    class Words(StandInText):
        def __init__(self, templates: Sequence[str]) -> None:
            super().__init__(WIDTH)
            self.templates = tuple(templates)

        def encode_text(self, names: Sequence[str]) -> Tensor:
            return super().encode_text([template.format(name) for name in names for template in self.templates])

    torch.manual_seed(0)
    state = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    monkeypatch.setattr(imagenet, "lite0_weights", lambda: state)
    monkeypatch.setattr(imagenet, "MiniLMText", Words)


def differ(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether results differ by more than rounding."""
    if isinstance(one, dict):
        return one.keys() != other.keys() or any(differ(one[name], other[name]) for name in one)
    if isinstance(one, Tensor):
        return one.shape != other.shape or not torch.allclose(one.double(), other.double(), rtol=1e-4, atol=1e-6)
    return bool(one != other)


@pytest.mark.usefixtures("_small_imagenet_teacher")
@pytest.mark.parametrize(
    ("owner", "option"),
    [
        pytest.param(owner, option, id=f"{owner.__name__}.{option}")
        for owner, (_, table) in OPTIONS.items()
        for option in table
    ],
)
def test_each_option_changes_a_result(owner: Any, option: str, values: dict[str, dict[str, Any]]) -> None:  # noqa: ANN401
    run, table = OPTIONS[owner]
    base = values.get(owner.__name__, {})
    other = table[option]
    if isinstance(other, str):
        other = values["files"].get(other, other)
    plain = run(**base)
    assert not differ(plain, run(**base)), "the same values give the same result"
    assert differ(plain, run(**base | {option: other}))
