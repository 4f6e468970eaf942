"""A training step waits for its device at the places that are known, and computes nothing in double precision.

There is no GPU here. What would wait for one is found by its operations: numbers read back, masks as indices, tensors
made of Python's numbers. Those that a CPU does otherwise, because it waits for nothing, are switched to the GPU's way.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.test_module import attach
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import clipteacher
from clipteacher.data.dataset import Sample
from clipteacher.method.config import SUPERVISED, LossConfig, MethodConfig
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig
from clipteacher.protocols.splits import ClassSplit
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.training.finite_losses import FiniteLosses
from clipteacher.training.module import TrainingModule

pytestmark = pytest.mark.filterwarnings("ignore:.*barebones")

ROOT = str(Path(clipteacher.__file__).parent)
SPLIT = ClassSplit(names=("sky", "grass", "sun", "house"), unseen=("sun",))
PLM = PLMConfig(windows=(2, 4))
RECOMMENDED = replace(MethodConfig.recommended(), plm=PLM)
PAPER = replace(MethodConfig.paper(), plm=replace(PLM, prototypes="synthesizer"))
SIZES = ("nonzero", "masked_select", "_unique2", "unique_consecutive", "bincount", "equal")
READS = {"_local_scalar_dense": "a number is read", **dict.fromkeys(SIZES, "a size is read")}
FROM_PYTHON = {torch.tensor: "tensor", torch.as_tensor: "as_tensor", Tensor.new_tensor: "new_tensor"}
TO_PYTHON = {Tensor.tolist: "tolist", Tensor.numpy: "numpy", Tensor.cpu: "cpu"}


def where_from() -> str:
    """Name of the innermost function of the package on the stack."""
    frame = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(ROOT):
        frame = frame.f_back  # type: ignore[assignment]
    return frame.f_code.co_name if frame is not None else "outside"


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes operations that read numbers back, index with masks, or make double precision."""

    def __init__(self, found: Counter[tuple[str, str]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found = found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        name = func._schema.name.removeprefix("aten::")
        if name in READS:
            self.found[READS[name], where_from()] += 1
        if name in ("index", "index_put", "index_put_"):
            indices = [each for each in args[1] if each is not None]
            if any(each.dtype in (torch.bool, torch.uint8) for each in indices):
                self.found["a mask is an index", where_from()] += 1
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.dtype == torch.float64:
            self.found["float64", where_from()] += 1
        return out


class Calls(TorchFunctionMode):
    """Notes calls that bring numbers of Python's to a device, or a tensor to Python."""

    def __init__(self, found: Counter[tuple[str, str]]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        if (name := FROM_PYTHON.get(func) or TO_PYTHON.get(func)) is not None:
            self.found[name, where_from()] += 1
        if func in (torch.where, Tensor.where) and not all(isinstance(each, Tensor) for each in args):
            self.found["where with a number", where_from()] += 1
        return func(*args, **kwargs)


@contextmanager
def noted() -> Iterator[Counter[tuple[str, str]]]:
    found: Counter[tuple[str, str]] = Counter()
    with Calls(found), Operations(found):
        yield found


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("framework", "plm.kmeans", "losses.classification"):
        monkeypatch.setattr(f"clipteacher.method.{module}.waits", lambda values: True)


def batch() -> Sample:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (2, 3, 64, 64), generator=generator, dtype=torch.uint8)
    masks = torch.randint(3, (2, 8, 8), generator=generator).repeat_interleave(8, 1).repeat_interleave(8, 2)
    masks[:, :24, :40] = 255
    names: Any = ["a", "b"]
    return Sample(images, masks.to(torch.uint8), names)


@pytest.fixture(scope="module")
def teacher() -> OpenClipTeacher:
    return OpenClipTeacher("package:clipteacher.demo.tiny_clip", None, image_size=64)


def steps(
    teacher: nn.Module, student: nn.Module, method: MethodConfig, wanted: tuple[str, ...] = ()
) -> Counter[tuple[str, str]]:
    """What the second step does: the first looks at the labels and reads the counts."""
    module = TrainingModule(student, teacher, SPLIT, method=method, wanted=wanted, ema=0.9)
    watcher = FiniteLosses()
    for number in (60, 61):
        attach(module, step=number, steps=100)
        with noted() as found:
            module.on_train_batch_start(batch(), 0)
            images = batch().image
            assert images.dtype == torch.uint8, "as it travels to the device"
            loss = module.training_step(batch(), 0)
            loss.backward()  # type: ignore[no-untyped-call]
            watcher.note({"loss": loss}, number)
            for average in (module.average, module.predictor):
                if average is not None:
                    average.update_parameters(module.framework.student)
    return found


SIZE = ("a number is read", "read_number")  # how many latent ids
PLACES = ("a size is read", "read_places")  # which of them there are
CASES: dict[str, tuple[MethodConfig, tuple[str, ...], dict[tuple[str, str], int]]] = {
    "supervised": (SUPERVISED, (), {}),
    "recommended": (RECOMMENDED, (), {SIZE: 1, PLACES: 1}),
    "paper": (PAPER, (), {SIZE: 1}),
    "GLM alone": (MethodConfig(GLMConfig(keep=0.5, keep_steps=9, grid=2), None), (), {}),
    "class weights": (replace(SUPERVISED, losses=LossConfig(class_weights={"sky": 3.0})), (), {}),
    # The number of masks before they take on the image's edges, too.
    "wanted names": (RECOMMENDED, ("cat", "dog"), {SIZE: 2, PLACES: 1}),
}


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("case", CASES)
def test_a_step_waits_for_sizes_alone(case: str, teacher: OpenClipTeacher) -> None:
    method, wanted, expected = CASES[case]
    torch.manual_seed(0)
    student = SMPStudent("FPN", "tu-test_efficientnet", 128, weights=None)
    assert dict(steps(teacher, student, method, wanted)) == expected


@pytest.mark.usefixtures("as_on_a_gpu")
def test_segnext_waits_for_nothing(teacher: OpenClipTeacher) -> None:
    torch.manual_seed(0)
    assert not steps(teacher, SegNeXtStudent("tiny", 128), SUPERVISED)


def test_what_waits_is_found() -> None:
    """The notes themselves: each kind of wait is seen."""
    values = torch.tensor([1.0, -2.0])
    with noted() as found:
        assert float(values.max()) == 1
        assert values[values > 0].tolist() == [1]
        assert torch.where(values > 0, 3.0, values).double()[0] == 3
        torch.tensor(3)
    kinds = {kind for kind, _ in found}
    assert kinds == {"a number is read", "a mask is an index", "tolist", "where with a number", "float64", "tensor"}
    assert {place for _, place in found} == {"outside"}
