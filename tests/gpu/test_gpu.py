"""What only a GPU can show: a step waits where it must and nowhere else, and results are a CPU's.

Skipped where there is none. `CLIPTEACHER_TEST_DEVICE=cpu` runs the tests themselves without one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.stand_ins import smooth_photo, unit_vectors
from tests.training.test_module import attach
from torch import Tensor, nn

from clipteacher.data.augment import Augment
from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.method.config import SUPERVISED, LossConfig, MethodConfig
from clipteacher.method.plm.kmeans import kmeans
from clipteacher.method.plm.module import PLMConfig
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.smp import SMPStudent
from clipteacher.teacher_cache import TeacherCacheConfig
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.training.module import TrainingModule
from clipteacher.training.optimizer import OptimizerConfig, build_optimizer

DEVICE = torch.device(os.environ.get("CLIPTEACHER_TEST_DEVICE", "cuda"))
NO_GPU = DEVICE.type == "cuda" and not torch.cuda.is_available()
pytestmark = [
    pytest.mark.skipif(NO_GPU, reason="there is no GPU; benchmarks/gpu.py runs these tests on one"),
    pytest.mark.filterwarnings("ignore:.*barebones"),
]

SPLIT = ClassSplit(names=("sky", "grass", "sun", "house"), unseen=("sun",))
RECOMMENDED = replace(MethodConfig.recommended(), plm=PLMConfig(windows=(2, 4)))
PAPER = replace(MethodConfig.paper(), plm=PLMConfig(windows=(2, 4), prototypes="synthesizer"))
METHODS: dict[str, tuple[MethodConfig, tuple[str, ...]]] = {
    "supervised": (SUPERVISED, ()),
    "class weights": (replace(SUPERVISED, losses=LossConfig(class_weights={"sky": 3.0})), ()),
    "recommended": (RECOMMENDED, ()),
    "paper": (PAPER, ()),
    "wanted names": (RECOMMENDED, ("cat", "dog")),
}
READERS = {
    "read_number": ("framework", "plm.fused_labels", "plm.refinement"),
    "read_places": ("framework",),
}


@pytest.fixture(autouse=True)
def _full_precision() -> Iterator[None]:
    """Convolutions in float32 as a CPU has it; products have it anyway."""
    before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    yield
    torch.backends.cudnn.allow_tf32 = before


def sync_debug(mode: str) -> None:
    if DEVICE.type == "cuda":
        torch.cuda.set_sync_debug_mode(mode)


@contextmanager
def no_wait() -> Iterator[None]:
    """Every operation that waits for the GPU is an error."""
    sync_debug("error")
    try:
        yield
    finally:
        sync_debug("default")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the known reads wait; returns their names as they come."""
    found: list[str] = []

    def allowed(name: str, original: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
        def read(values: Tensor) -> Any:  # noqa: ANN401 (as the original)
            found.append(name)
            before = torch.cuda.get_sync_debug_mode() if DEVICE.type == "cuda" else 0
            sync_debug("default")
            try:
                return original(values)
            finally:
                sync_debug({0: "default", 1: "warn", 2: "error"}[before])

        return read

    for name, modules in READERS.items():
        for module in modules:
            place = f"clipteacher.method.{module}.{name}"
            original = getattr(__import__("clipteacher.utils.waits", fromlist=[name]), name)
            monkeypatch.setattr(place, allowed(name, original))
    return found


@pytest.fixture(scope="module")
def teacher() -> OpenClipTeacher:
    return OpenClipTeacher("package:clipteacher.demo.tiny_clip", None, image_size=64)


def student(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return SMPStudent("FPN", "tu-test_efficientnet", 128, weights=None)


def batch() -> Sample:
    """A batch as the trainer's loader gives it."""
    images = torch.stack([smooth_photo(64, 64, seed=seed) for seed in range(2)])
    masks = torch.arange(64).div(22, rounding_mode="floor").expand(2, 64, 64).clone()
    masks[:, :24, :40] = 255
    names: Any = ["a", "b"]
    pixels, labels = (images * 255).round().to(torch.uint8), masks.to(torch.uint8)
    if DEVICE.type == "cuda":
        pixels, labels = pixels.pin_memory(), labels.pin_memory()
    return Sample(pixels, labels, names)


def make(teacher: nn.Module, case: str, **options: Any) -> TrainingModule:  # noqa: ANN401
    method, wanted = METHODS[case]
    return TrainingModule(student(), teacher, SPLIT, method=method, wanted=wanted, ema=0.9, **options).to(DEVICE)


def step(module: TrainingModule, optimizer: torch.optim.Optimizer, sample: Sample, number: int) -> Tensor:
    """Take a step as the trainer takes it."""
    attach(module, step=number, steps=100)
    module.on_train_batch_start(sample, 0)
    there = sample._replace(
        image=sample.image.to(DEVICE, non_blocking=True), mask=sample.mask.to(DEVICE, non_blocking=True)
    )
    with torch.autocast(DEVICE.type, torch.bfloat16):
        loss = module.training_step(there, 0)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    for average in (module.average, module.predictor):
        if average is not None:
            average.update_parameters(module.framework.student)
    return loss.detach()


EXPECTED = {
    "supervised": [],
    "class weights": [],
    "recommended": ["read_number", "read_places"],
    "paper": ["read_number"],
    "wanted names": ["read_number", "read_number", "read_places"],
}


@pytest.mark.parametrize("case", METHODS)
def test_a_step_waits_where_it_must_alone(case: str, teacher: OpenClipTeacher, reads: list[str]) -> None:
    module = make(teacher, case)
    optimizer = build_optimizer(module.framework, OptimizerConfig())
    for number in (60, 61):  # the first looks at the labels and reads the counts
        step(module, optimizer, batch(), number)
    sample = batch()
    reads.clear()
    with no_wait():
        loss = step(module, optimizer, sample, 62)
    expected = EXPECTED[case] if DEVICE.type == "cuda" else [*EXPECTED[case], "read_number"]  # a CPU looks at labels
    assert sorted(reads) == sorted(expected)
    assert loss.isfinite()


def test_a_cached_step_waits_no_more_and_has_the_cpus_tokens(
    teacher: OpenClipTeacher, reads: list[str], folder: Path, tmp_path: Path
) -> None:
    data = SegmentationDataset(
        FolderSource(folder, "train"), SPLIT, training=True, augment=Augment(crop_size=(64, 64), scale=(0.9, 1.2))
    )
    samples = [data[number, number] for number in range(2)]
    module = make(teacher, "recommended", teacher_cache=TeacherCacheConfig(str(tmp_path / "tokens")))
    assert module.teacher_cache is not None
    boxes = [sample.crop_box for sample in samples]
    images = torch.stack([sample.image for sample in samples]).to(DEVICE).float() / 255
    here = module.teacher_cache.tokens(images, boxes)  # reads the photos
    optimizer = build_optimizer(module.framework, OptimizerConfig())
    sample = batch()._replace(crop_box=torch.utils.data.default_collate(boxes))
    for number in (1, 2):
        step(module, optimizer, sample, number)
    with no_wait():
        again = module.teacher_cache.tokens(images, boxes)
        loss = step(module, optimizer, sample, 3)
    assert loss.isfinite()
    assert torch.equal(again.dense, here.dense)
    module.teacher_cache._black = {
        key: type(value)(*(each.cpu() for each in value)) for key, value in module.teacher_cache._black.items()
    }
    cpu = module.teacher_cache.tokens(images.cpu(), boxes)
    torch.testing.assert_close(again.dense.cpu(), cpu.dense, rtol=1e-4, atol=1e-5)
    assert torch.equal(again.cls.cpu(), cpu.cls)


def test_kmeans_waits_for_nothing_and_has_the_cpus_labels() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = unit_vectors(6, 32)
    labels = torch.randint(6, (3, 200), generator=generator)
    points = centres[labels] + 0.05 * torch.randn(3, 200, 32, generator=generator)
    seeds = points[:, :12].clone()
    expected = kmeans(points, seeds, 8)
    there = points.to(DEVICE), seeds.to(DEVICE)
    kmeans(*there, 8)
    with no_wait():
        found = kmeans(*there, 8)
    assert torch.equal(found[1].cpu(), expected[1])
    torch.testing.assert_close(found[0].cpu(), expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["smp", "segnext"])
def test_labels_are_the_cpus(network: str) -> None:
    torch.manual_seed(0)
    built = student() if network == "smp" else SegNeXtStudent("tiny", 128)
    model = Segmenter(built, [f"name {i}" for i in range(9)], unit_vectors(9, 128)).eval()
    photo = smooth_photo(96, 130).unsqueeze(0)
    with torch.inference_mode():
        expected = model(photo)
        found = model.to(DEVICE)(photo.to(DEVICE)).cpu()
    assert len(expected.unique()) > 1
    assert (found == expected).float().mean() > 0.999, "to rounding"


def test_a_student_in_bf16_looks_where_it_did() -> None:
    built = student().to(DEVICE).eval()
    photo = smooth_photo(96, 128).unsqueeze(0).to(DEVICE)
    with torch.inference_mode():
        expected = built(photo)
        found = built.to(torch.bfloat16)(photo.to(torch.bfloat16))
    assert found.dtype == torch.bfloat16
    assert torch.cosine_similarity(found.float(), expected, dim=1).mean() > 0.99


@pytest.mark.parametrize("names", [3, 847])
def test_dense_prediction_in_windows_is_the_cpus(names: int) -> None:
    settings = TestSettings(pipeline=TestPipeline(short_side=48, mode="slide", crop=32, stride=24))
    built = nn.Conv2d(3, 16, 4, stride=4)
    photos = torch.stack([smooth_photo(60, 84, seed=seed) for seed in range(2)])
    text = unit_vectors(names, 16)
    with torch.inference_mode():
        here = DensePrediction(built, photos, settings)
        there = DensePrediction(built.to(DEVICE), photos.to(DEVICE), settings)
        expected, found = here.logits(TextClassifier(text)), there.logits(TextClassifier(text.to(DEVICE))).cpu()
        labels = there.labels(TextClassifier(text.to(DEVICE))).cpu()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert (labels == expected.argmax(dim=1)).float().mean() > 0.999
