"""Counts in buffers, known to Python: they follow the buffer through loading and copying."""

import copy

import torch

from clipteacher.utils.counts import Counting


class Steps(Counting):
    steps: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))


def test_python_and_the_buffer_count_alike() -> None:
    module = Steps()
    for number in (1, 4, 2):
        module.count_up("steps", number)
        assert module.count("steps") == int(module.steps)
    assert module.count("steps") == 7


def test_a_loaded_count_is_the_checkpoints() -> None:
    """Inside another module, too, as a checkpoint loads it; a copy goes on by itself."""
    saved, parent = Steps(), torch.nn.ModuleDict({"inner": Steps()})
    saved.count_up("steps", 5)
    inner = parent["inner"]
    assert isinstance(inner, Counting)
    inner.count_up("steps", 9)
    parent.load_state_dict({f"inner.{name}": value for name, value in saved.state_dict().items()})
    assert inner.count("steps") == 5
    twin = copy.deepcopy(inner)
    twin.count_up("steps")
    assert (twin.count("steps"), inner.count("steps")) == (6, 5)


def test_the_buffer_is_read_once() -> None:
    """Then nothing waits for a device: a count that somebody else changed would not be seen."""
    module = Steps()
    assert module.count("steps") == 0
    module.steps.fill_(3)
    assert module.count("steps") == 0
