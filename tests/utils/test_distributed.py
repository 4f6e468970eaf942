"""Two gloo processes against one with the same batch: helpers, losses, gradients, bank, weights."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.method.test_framework import GLM_ON, SEEN, TinyStudent, TinyTeacher
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from clipteacher.method.config import MethodConfig
from clipteacher.method.distillation import DistillationConfig
from clipteacher.method.framework import CLIPTeacher
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig
from clipteacher.training.average import StudentAverage
from clipteacher.utils.distributed import Ranks, gather_rows, mean_over_ranks, sum_over_ranks, world_size

RANKS, STEPS, IMAGES = 2, 3, 4
PLM_ON = PLMConfig(
    prototypes="synthesizer", windows=(2, 4), iterations=3, fusion_threshold=0.9, heads=2, feedforward=16
)
REGIONS = PLMConfig(windows=(2, 4), iterations=3, fusion_threshold=0.9, prototypes="region_pooling")
PAPER = MethodConfig.paper().losses
FOREIGN = replace(PAPER, cross_image_negatives=True)
SETTINGS: dict[str, dict[str, Any]] = {
    "student alone": {"glm": None, "plm": None},
    "labelled pixels": {"glm": None, "plm": None, "losses": replace(PAPER, ignored_are_negatives=False)},
    "distillation": {"glm": None, "plm": None, "distillation": DistillationConfig()},
    "distillation of ignored": {"glm": None, "plm": None, "distillation": DistillationConfig(ignored_only=True)},
    "GLM": {"glm": GLM_ON, "plm": None},
    "GLM of a grid": {"glm": GLMConfig(bank_size=8, grid=2), "plm": None},
    "PLM": {"glm": None, "plm": PLM_ON, "losses": FOREIGN},
    "region_pooling": {"glm": None, "plm": REGIONS, "losses": FOREIGN},
    "both": {"glm": GLM_ON, "plm": PLM_ON},
}
# Images of each rank: as the sampler shares them out, and an uneven batch of one's own.
SPLITS = {"even": (2, 2), "uneven": (3, 1)}
CASES = [
    *((setting, "even") for setting in SETTINGS),
    *((setting, "uneven") for setting in ("both", "region_pooling", "GLM of a grid")),
]


def batch(step: int, counts: tuple[int, ...], rank: int) -> tuple[Tensor, Tensor]:
    """A rank's share of four images: nothing labelled, a corner, a half, and all of it.

    So ranks differ in all that is counted.
    """
    generator = torch.Generator().manual_seed(step)
    images = torch.rand(IMAGES, 3, 8, 8, generator=generator).repeat_interleave(4, 2).repeat_interleave(4, 3)
    labels = torch.randint(3, (IMAGES, 8, 8), generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
    labels[0] = 255
    labels[1, 8:] = labels[1, :, 12:] = 255
    labels[2, :16] = 255
    share = slice(sum(counts[:rank]), sum(counts[: rank + 1]))
    return images[share], labels[share]


def method(setting: str) -> MethodConfig:
    """The paper's method with some of it changed."""
    return replace(MethodConfig.paper(), **SETTINGS[setting])


def gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad.clone()


def train(setting: str, counts: tuple[int, ...], rank: int) -> dict[str, Any]:
    """Take a few steps on this rank's images; returns losses, gradients, weights, their average and bank."""
    torch.manual_seed(0)
    module = CLIPTeacher(TinyStudent(), TinyTeacher(), SEEN, method(setting))
    module.average = StudentAverage(module.student, 0.5)  # inside, as the trainer's module has it
    trained: Any = DistributedDataParallel(module) if len(counts) > 1 else module
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    found: dict[str, Any] = {"losses": [], "gradients": []}
    for step in range(STEPS):
        losses = trained(*batch(step, counts, rank))
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        found["losses"].append({name: float(mean_over_ranks(loss)) for name, loss in losses.items()})
        found["gradients"].append(
            {name: gradient(value) for name, value in module.named_parameters() if value.requires_grad}
        )
        optimizer.step()
        module.average.update_parameters(module.student)
    found["state"] = module.state_dict()
    return found


def call_helpers(rank: int) -> dict[str, Any]:
    """What each helper gives on this rank."""
    tail, none = gather_rows(torch.arange(6.0).view(3, 2)[: 2 * rank + 1] + 10 * rank), gather_rows(torch.zeros(0, 2))
    one_sided = gather_rows(torch.full((rank, 2), 7.0, requires_grad=True))
    values = torch.tensor([1.0 + rank, 4.0 * rank], requires_grad=True)
    return {
        "world size": world_size(),
        "rows": (*tail, *none, *one_sided),
        "sum": sum_over_ranks(values),
        "mean": mean_over_ranks(values, weight=1.0 + 2 * rank),
        "gradients": sum_over_ranks(values).requires_grad or one_sided.rows.requires_grad,
        "kept": values.tolist(),
        "shares": [Ranks(together=everyone).divisor(torch.tensor(count), 1) for count, everyone in COUNTS[rank]],
    }


COUNTS = {0: [(5, True), (0, True), (5, False)], 1: [(2, True), (0, True), (0, False)]}


def work(rank: int, folder: Path) -> None:
    """One of the processes."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=RANKS)
    found: dict[str, Any] = {"helpers": call_helpers(rank)}
    for setting, split in CASES:
        found[f"{setting}, {split}"] = train(setting, SPLITS[split], rank)
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("ranks")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(rank, folder)) for rank in range(RANKS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=600)  # long: the machine may have other work
    assert [process.exitcode for process in processes] == [0] * RANKS
    return [torch.load(folder / f"{rank}.pt") for rank in range(RANKS)]


def test_helpers_over_ranks(found: list[dict[str, Any]]) -> None:
    zero, one = (each["helpers"] for each in found)
    everyone = [[0.0, 1.0], [10.0, 11.0], [12.0, 13.0], [14.0, 15.0]]
    for first, helpers in enumerate((zero, one)):
        assert helpers["world size"] == 2
        rows, start, none, _, sided, sided_start = helpers["rows"]
        assert (rows.tolist(), start) == (everyone, first)
        assert none.shape == (0, 2)
        assert (sided.tolist(), sided_start) == ([[7.0, 7.0]], 0)
        assert helpers["sum"].tolist() == [3.0, 4.0]
        assert helpers["mean"].tolist() == [1.75, 3.0]
        assert not helpers["gradients"]
        assert helpers["kept"] == [1.0 + first, 4.0 * first], "a collective wrote into what it was given"
    assert [float(share) for share in zero["shares"]] == [3.5, 0.5, 5.0]
    assert [float(share) for share in one["shares"]] == [3.5, 0.5, 1.0]


def test_in_one_process_nothing_happens() -> None:
    values = torch.tensor([3.0, -0.0], requires_grad=True)
    assert world_size() == 1
    for same in (sum_over_ranks(values), mean_over_ranks(values, weight=3.0), gather_rows(values).rows):
        assert same.data_ptr() == values.data_ptr()
        assert not same.requires_grad
    assert gather_rows(values).first == 0
    for everyone in (False, True):
        share = Ranks(together=everyone).divisor(torch.tensor(0), 1)
        assert (share.item(), share.dtype) == (1, torch.int64)


def distances(ours: dict[str, Tensor], whole: dict[str, Tensor]) -> dict[str, float]:
    """Largest difference within each tensor, as a share of its largest number; less than 1e-6 of the largest of all is
    taken for nothing.
    """
    top = {name: float(value.abs().max()) for name, value in whole.items()}
    floor = 1e-6 * max(top.values())
    apart = {name: float((ours[name] - whole[name]).abs().max()) for name in whole}
    return {name: apart[name] / top[name] if apart[name] > floor else 0.0 for name in whole}


@pytest.mark.parametrize(("setting", "split"), CASES)
def test_two_processes_train_as_one_with_the_whole_batch(found: list[dict[str, Any]], setting: str, split: str) -> None:
    whole = train(setting, (IMAGES,), 0)
    for each in found:
        ours = each[f"{setting}, {split}"]
        for step in range(STEPS):
            assert ours["losses"][step] == pytest.approx(whole["losses"][step], rel=1e-5)
            near = 1e-4 if step else 1e-5  # the second step's weights are already another rounding
            apart = distances(ours["gradients"][step], whole["gradients"][step])
            assert max(apart.values()) < near, apart
        assert max(distances(ours["state"], whole["state"]).values()) < 1e-5
    one, other = (each[f"{setting}, {split}"]["state"] for each in found)
    assert all(torch.equal(one[name], other[name]) for name in one), "weights or banks differ between ranks"


@pytest.mark.parametrize("setting", SETTINGS)
def test_ranks_by_themselves_would_not(setting: str) -> None:
    """The same images without one another: nearly every term is another, so the test above has something to find."""
    whole = train(setting, (IMAGES,), 0)["losses"][0]
    torch.manual_seed(0)
    module = CLIPTeacher(TinyStudent(), TinyTeacher(), SEEN, method(setting))
    initial = {name: value.clone() for name, value in module.state_dict().items()}
    halves: list[dict[str, Tensor]] = []
    for rank in range(RANKS):
        module.load_state_dict(initial)
        halves.append(module(*batch(0, SPLITS["even"], rank)))
    apart = {name: sum(half[name].item() for half in halves) / RANKS for name in whole}
    same = {name for name in whole if apart[name] == pytest.approx(whole[name], rel=1e-4)}
    assert same == ({"distillation"} if setting == "distillation" else set())
