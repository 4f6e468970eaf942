"""Two gloo processes against one with the same batch: helpers, losses, gradients, bank, weights."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.method.test_framework import GLM_ON, PLM_ON, WEIGHTED, of
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from clipteacher.method.config import LossConfig, MethodConfig
from clipteacher.method.distillation import DistillationConfig
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.naming import NamingConfig
from clipteacher.method.self_training import SelfTrainingConfig
from clipteacher.training.average import StudentAverage
from clipteacher.utils.distributed import ALONE, TOGETHER, sum_over_ranks, world_size

RANKS, STEPS, IMAGES = 2, 3, 4
REGIONS = replace(PLM_ON, prototypes="region_pooling")
ACROSS = replace(WEIGHTED, cross_image_negatives=True)
SETTINGS = {
    "supervised": MethodConfig(None, None, WEIGHTED),
    "labelled pixels": MethodConfig(None, None, replace(WEIGHTED, ignored_are_negatives=False)),
    "distillation": MethodConfig(None, None, WEIGHTED, DistillationConfig()),
    "distillation of ignored": MethodConfig(None, None, WEIGHTED, DistillationConfig(ignored_only=True)),
    "GLM": MethodConfig(GLM_ON, None, WEIGHTED),
    "GLM of grid tokens": MethodConfig(GLMConfig(bank_size=8, grid=2), None, WEIGHTED),
    "PLM": MethodConfig(None, PLM_ON, ACROSS),
    "region pooling": MethodConfig(None, REGIONS, ACROSS),
    "both": MethodConfig(GLM_ON, PLM_ON, WEIGHTED),
    "recommended": MethodConfig(GLM_ON, REGIONS, LossConfig()),
    "wanted names": MethodConfig(
        *(GLM_ON, REGIONS, LossConfig()),
        naming=NamingConfig(margin=-0.5),
        self_training=SelfTrainingConfig(agreement=0.0),  # so that it doubts from the first step on
    ),
}
WANTED = {"wanted names": ("cat", "dog")}
# Images of each rank: as the sampler shares them out, and an uneven batch of your own.
SPLITS = {"even": (2, 2), "uneven": (3, 1)}
CASES = [
    *((setting, "even") for setting in SETTINGS),
    *(
        (setting, "uneven")
        for setting in ("both", "recommended", "region pooling", "GLM of grid tokens", "wanted names")
    ),
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


def gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad.clone()


def train(setting: str, counts: tuple[int, ...], rank: int) -> dict[str, Any]:
    """Take a few steps on this rank's images; returns losses, gradients, weights, their average and bank."""
    module = of(SETTINGS[setting], WANTED.get(setting, ()))
    module.average = StudentAverage(module.student, 0.5)  # inside, as the trainer's module has it
    trained: Any = DistributedDataParallel(module) if len(counts) > 1 else module
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    found: dict[str, Any] = {"losses": [], "gradients": []}
    for step in range(STEPS):
        images, labels = batch(step, counts, rank)
        with torch.no_grad():
            averaged = module.average.module.eval()(images) if setting in WANTED else None
        losses = trained(images, labels, averaged=averaged)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        found["losses"].append({name: float(TOGETHER.mean(loss)) for name, loss in losses.items()})
        found["gradients"].append(
            {name: gradient(value) for name, value in module.named_parameters() if value.requires_grad}
        )
        optimizer.step()
        module.average.update_parameters(module.student)
    found["state"] = module.state_dict()
    return found


def call_helpers(rank: int) -> dict[str, Any]:
    """What each helper gives on this rank."""
    tail, none = (
        TOGETHER.gather(torch.arange(6.0).view(3, 2)[: 2 * rank + 1] + 10 * rank),
        TOGETHER.gather(torch.zeros(0, 2)),
    )
    one_sided = TOGETHER.gather(torch.full((rank, 2), 7.0, requires_grad=True))
    values = torch.tensor([1.0 + rank, 4.0 * rank], requires_grad=True)
    return {
        "world size": world_size(),
        "rows": (*tail, *none, *one_sided),
        "sum": sum_over_ranks(values),
        "mean": TOGETHER.mean(values, weight=1.0 + 2 * rank),
        "gradients": sum_over_ranks(values).requires_grad or one_sided.rows.requires_grad,
        "kept": values.tolist(),
        "divisors": [ranks.divisor(torch.tensor(count), 1) for count, ranks in COUNTS[rank]],
        "by itself": [*ALONE.gather(values), ALONE.mean(values, weight=3.0)],
        "together": [*TOGETHER.gather(values[:1]), TOGETHER.mean(values, weight=1.0 + 2 * rank)],
    }


COUNTS = {0: [(5, TOGETHER), (0, TOGETHER), (5, ALONE)], 1: [(2, TOGETHER), (0, TOGETHER), (0, ALONE)]}


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
        rows, start, mean = helpers["by itself"]
        assert (rows.tolist(), start, mean.tolist()) == (helpers["kept"], 0, helpers["kept"])
        assert not rows.requires_grad
        assert not mean.requires_grad
        rows, start, mean = helpers["together"]
        assert (rows.tolist(), start, mean.tolist()) == ([1.0, 2.0], first, [1.75, 3.0])
    assert [float(divisor) for divisor in zero["divisors"]] == [3.5, 0.5, 5.0]
    assert [float(divisor) for divisor in one["divisors"]] == [3.5, 0.5, 1.0]


def test_in_one_process_nothing_happens() -> None:
    values = torch.tensor([3.0, -0.0], requires_grad=True)
    assert world_size() == 1
    everything = [sum_over_ranks(values), TOGETHER.mean(values, weight=3.0), TOGETHER.gather(values).rows]
    for ranks in (ALONE, TOGETHER):
        everything += [ranks.mean(values, weight=3.0), ranks.gather(values).rows]
        assert ranks.gather(values).first == 0
        for count, minimum, expected in ((0, 1, 1), (3, 1, 3)):
            divisor = ranks.divisor(torch.tensor(count), minimum)
            assert (divisor.item(), divisor.dtype) == (expected, torch.int64)
    for same in everything:
        assert same.data_ptr() == values.data_ptr()
        assert not same.requires_grad


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
        if setting in WANTED:
            moments = whole["state"]["wanted_names.self_training.moments"]
            assert moments[0].max() > 0, "regions got names"
    one, other = (each[f"{setting}, {split}"]["state"] for each in found)
    assert all(torch.equal(one[name], other[name]) for name in one), "weights or banks differ between ranks"


@pytest.mark.parametrize("setting", SETTINGS)
def test_ranks_by_themselves_would_not(setting: str) -> None:
    """The same images without one another: nearly every term is another, so the test above has something to find."""
    whole = train(setting, (IMAGES,), 0)["losses"][0]
    module = of(SETTINGS[setting], WANTED.get(setting, ()))
    initial = {name: value.clone() for name, value in module.state_dict().items()}
    halves: list[dict[str, Tensor]] = []
    for rank in range(RANKS):
        module.load_state_dict(initial)
        halves.append(module(*batch(0, SPLITS["even"], rank)))
    apart = {name: sum(half[name].item() for half in halves) / RANKS for name in whole}
    same = {name for name in whole if apart[name] == pytest.approx(whole[name], rel=1e-4)}
    assert same == ({"distillation"} if setting == "distillation" else set())
