"""The average of the student's weights: its formula, what it holds, and that a run is validated and kept by it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tests.cli.test_fit import DieAfter
from tests.training.test_module import Student, attach, batch, make
from torch import Tensor, nn

from clipteacher.cli.main import main
from clipteacher.training.average import StudentAverage, decay_at


def moved(student: nn.Module, seed: int) -> None:
    """Change weights and statistics, and count a batch."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in student.state_dict().values():
            if tensor.is_floating_point():
                tensor += torch.randn(tensor.shape, generator=generator)
            else:
                tensor += 1


@pytest.mark.parametrize("ema", [0.0, 0.3, 0.9])
def test_a_twin_in_loops(ema: float) -> None:
    student = Student()
    average, initial = StudentAverage(student, ema), copy.deepcopy(student.state_dict())
    assert all(torch.equal(tensor, initial[name]) for name, tensor in average.module.state_dict().items())
    expected: dict[str, Tensor] = {}
    for step in range(1, 15):
        moved(student, step)
        average.update_parameters(student)
        stays = 0.0 if step == 1 else min(ema, step / (step + 9))
        for name, tensor in student.state_dict().items():
            if not tensor.is_floating_point():
                expected[name] = tensor.clone()
                continue
            old, flat = expected.get(name, torch.zeros_like(tensor)), tensor.double().flatten().tolist()
            mixed = [stays * a + (1 - stays) * w for a, w in zip(old.double().flatten().tolist(), flat, strict=True)]
            expected[name] = torch.tensor(mixed, dtype=torch.float64).view(tensor.shape)
        for name, tensor in average.module.state_dict().items():
            torch.testing.assert_close(tensor.double(), expected[name].double(), rtol=1e-4, atol=1e-4)
    assert int(average.n_averaged) == 14
    assert {"norm.running_mean", "norm.num_batches_tracked"} <= expected.keys()
    assert int(expected["norm.num_batches_tracked"]) == 14, "it is copied"


def test_it_warms_up_and_forgets_the_first_weights() -> None:
    assert [decay_at(step, 0.99) for step in (1, 2, 3)] == [0.0, pytest.approx(2 / 11), pytest.approx(3 / 12)]
    assert decay_at(10**6, 0.99) == 0.99
    held = 1.0  # what the initial weights would have, and what the first step's have, after 100 steps
    for step in range(2, 101):
        held *= decay_at(step, 0.99)
    assert held < 1e-9 < 0.99**100


def test_it_has_no_gradients_and_shares_nothing() -> None:
    student = Student()
    average = StudentAverage(student, 0.9)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    ours = {tensor.data_ptr() for tensor in average.state_dict().values()}
    assert not ours & {tensor.data_ptr() for tensor in student.state_dict().values()}
    assert all(parameter.requires_grad for parameter in student.parameters())


def test_off_there_is_nothing_of_it() -> None:
    module, averaged = make(), make(ema=0.9)
    assert module.average is None
    assert module.kept_student is module.framework.student
    assert module.segmenter().student is module.framework.student
    extra = averaged.state_dict().keys() - module.state_dict().keys()
    assert extra
    assert all(name.startswith("average.") for name in extra)
    assert averaged.segmenter().student is averaged.kept_student is not averaged.framework.student


@pytest.mark.parametrize("channels_last", [True, False])
def test_a_step_moves_it_and_the_training_stays_as_it_was(channels_last: bool) -> None:
    states = []
    for ema in (None, 0.5):
        module = make(ema=ema, channels_last=channels_last)
        attach(module)
        built: Any = module.configure_optimizers()
        optimizer, kept = built["optimizer"], []

        def closure(module: Any = module, optimizer: Any = optimizer) -> Tensor:  # noqa: ANN401
            optimizer.zero_grad()
            loss: Tensor = module.training_step(batch(), 0)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        for step in range(3):
            attach(module, step)
            module.on_train_batch_start(batch(), 0)
            module.optimizer_step(0, step, optimizer, closure)
            kept.append(copy.deepcopy(module.framework.student.state_dict()))
        states.append(module.framework.state_dict())
        if ema is not None:
            found = module.kept_student.state_dict()
            for name, last in kept[2].items():
                expected = last
                if last.is_floating_point():
                    second = kept[0][name] * (2 / 11) + kept[1][name] * (9 / 11)
                    expected = second * (3 / 12) + last * (9 / 12)
                torch.testing.assert_close(found[name], expected)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("ema", [1.0, 1, -0.1, float("nan"), float("inf"), True, "0.9"])
def test_what_is_no_decay(ema: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"ema: got .*expected a decay, 0 <= decay < 1, or null for none\. Give 0\.99"):
        make(ema=ema)


def run(config: Path, out: Path, *more: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Metrics and the written student of a run of the student alone, in bf16."""
    alone = ["--model.method.glm", "null", "--model.method.plm", "null", "--trainer.precision", "bf16-mixed"]
    alone += ["--trainer.logger", "false"]
    main(["fit", "--config", str(config), "--out", str(out), "--report_rows", "1", *alone, *more])
    return json.loads((out / "metrics.json").read_text()), load_file(out / "model" / "student.safetensors")


def checkpoint(out: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return state


def test_a_run_keeps_the_average_and_resumes_with_the_same_bits(
    tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ema = ("--model.ema", "0.5", "--model.optimizer.lr", "5e-3")
    metrics, kept = run(tiny_config, tmp_path / "whole", *ema)
    state = checkpoint(tmp_path / "whole")
    for name, tensor in kept.items():
        assert torch.equal(state[f"average.module.{name}"], tensor)
    assert int(state["average.n_averaged"]) == 4
    assert not all(torch.equal(state[f"framework.student.{name}"], tensor) for name, tensor in kept.items())

    config = yaml.safe_load(tiny_config.read_text())
    config["trainer"]["callbacks"] = [{"class_path": f"{DieAfter.__module__}.DieAfter", "init_args": {"step": 3}}]
    dying = tmp_path / "dying.yaml"
    dying.write_text(yaml.safe_dump(config))
    with pytest.raises(ConnectionAbortedError, match="killed"):
        run(dying, tmp_path / "run", *ema, "--checkpoint.every_n_train_steps", "2")
    with pytest.raises(SystemExit):
        run(tiny_config, tmp_path / "run", *ema, "--resume", "--model.ema", "null")
    assert "model.ema: got None, the run began with 0.5" in capsys.readouterr().err
    again, same = run(tiny_config, tmp_path / "run", *ema, "--resume")
    assert again == metrics
    assert all(torch.equal(same[name], tensor) for name, tensor in kept.items())
