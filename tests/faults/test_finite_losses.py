"""A loss that is no number stops the run, before a checkpoint is written of it."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clipteacher.training.finite_losses import FiniteLosses, NonFiniteLossError

TRAINER: Any = SimpleNamespace(max_steps=9, global_step=0)


def terms(glm: float, ce: float) -> dict[str, Tensor]:
    return {"glm": torch.tensor(glm), "ce": torch.tensor(ce, dtype=torch.float16)}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_step_and_term_are_named(bad: float) -> None:
    watcher = FiniteLosses()
    watcher.note(terms(1.0, 2.0), 0)
    watcher.look(TRAINER)
    watcher.note(terms(bad, 2.0), 1)
    with pytest.raises(
        NonFiniteLossError, match=rf"in step 2 of 9 the term 'glm' became {bad}.*others: ce 2\)"
    ) as error:
        watcher.look(TRAINER)
    assert "--model.optimizer.lr" in str(error.value)


def test_the_first_bad_step_is_told_however_late_one_looks() -> None:
    watcher = FiniteLosses()
    for step, value in enumerate([1.0, math.inf, math.nan, 1.0]):
        watcher.note(terms(1.0, value), step)
    with pytest.raises(NonFiniteLossError, match="in step 2 of 9 the term 'ce' became inf"):
        watcher.look(TRAINER)


def test_a_look_before_the_first_step_stops_nothing_and_hides_nothing() -> None:
    watcher = FiniteLosses()
    watcher.look(TRAINER)
    watcher.note(terms(math.nan, 2.0), 0)
    with pytest.raises(NonFiniteLossError, match="in step 1 of 9"):
        watcher.look(TRAINER)


class Module(nn.Module):
    """Stands for a training module on some device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.framework = nn.Module()
        self.framework.forward = lambda value: terms(value, 1.0)
        self.device = torch.device(device)


@pytest.mark.parametrize(("device", "looks"), [("cpu", [0]), ("cuda", [2])])
def test_a_gpu_is_asked_every_few_steps_and_before_each_checkpoint(device: str, looks: list[int]) -> None:
    watcher, module = FiniteLosses(every=3), Module(device)
    watcher.on_train_start(TRAINER, module)  # type: ignore[arg-type]
    module.framework(math.nan)
    with pytest.raises(NonFiniteLossError):
        watcher.on_save_checkpoint(TRAINER, module, {})  # type: ignore[arg-type]
    stopped = []
    for step in range(3):
        try:
            watcher.on_train_batch_end(TRAINER, module, None, None, step)  # type: ignore[arg-type]
        except NonFiniteLossError:
            stopped.append(step)
    assert stopped[:1] == looks
    with pytest.raises(NonFiniteLossError):
        watcher.on_train_end(TRAINER, module)  # type: ignore[arg-type]
    module.framework(1.0)
    assert not module.framework._forward_hooks, "it watches no more"
