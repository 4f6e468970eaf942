"""The authors' checkpoints, made here under the names that their code gives: all tensors arrive, or none."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.segnext.student import load_checkpoint

CHANNELS, DEPTHS, RATIOS, DECODER = (32, 64, 160, 256), (3, 3, 5, 2), (8, 8, 4, 4), 256  # SegNeXt-T
State = dict[str, Tensor]


def conv(name: str, out: int, into: int, *kernel: int, bias: bool = True) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (out, into, *kernel)
    if bias:
        yield f"{name}.bias", (out,)


def norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def batch_norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from norm(name, width)
    yield f"{name}.running_mean", (width,)
    yield f"{name}.running_var", (width,)
    yield f"{name}.num_batches_tracked", ()


def mscan() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of mscan_t.pth without its classifier, from the authors' mscan.py."""
    yield from conv("patch_embed1.proj.0", 16, 3, 3, 3)
    yield from batch_norm("patch_embed1.proj.1", 16)
    yield from conv("patch_embed1.proj.3", 32, 16, 3, 3)
    yield from batch_norm("patch_embed1.proj.4", 32)
    for stage in (2, 3, 4):
        yield from conv(f"patch_embed{stage}.proj", CHANNELS[stage - 1], CHANNELS[stage - 2], 3, 3)
        yield from batch_norm(f"patch_embed{stage}.norm", CHANNELS[stage - 1])
    for stage, (width, depth, ratio) in enumerate(zip(CHANNELS, DEPTHS, RATIOS, strict=True), start=1):
        for number in range(depth):
            block = f"block{stage}.{number}"
            yield f"{block}.layer_scale_1", (width,)
            yield f"{block}.layer_scale_2", (width,)
            yield from batch_norm(f"{block}.norm1", width)
            yield from batch_norm(f"{block}.norm2", width)
            yield from conv(f"{block}.attn.proj_1", width, width, 1, 1)
            unit = f"{block}.attn.spatial_gating_unit"
            yield from conv(f"{unit}.conv0", width, 1, 5, 5)
            yield from conv(f"{unit}.conv0_1", width, 1, 1, 7)
            yield from conv(f"{unit}.conv0_2", width, 1, 7, 1)
            yield from conv(f"{unit}.conv1_1", width, 1, 1, 11)
            yield from conv(f"{unit}.conv1_2", width, 1, 11, 1)
            yield from conv(f"{unit}.conv2_1", width, 1, 1, 21)
            yield from conv(f"{unit}.conv2_2", width, 1, 21, 1)
            yield from conv(f"{unit}.conv3", width, width, 1, 1)
            yield from conv(f"{block}.attn.proj_2", width, width, 1, 1)
            yield from conv(f"{block}.mlp.fc1", width * ratio, width, 1, 1)
            yield from conv(f"{block}.mlp.dwconv.dwconv", width * ratio, 1, 3, 3)
            yield from conv(f"{block}.mlp.fc2", width, width * ratio, 1, 1)
        yield from norm(f"norm{stage}", width)


def ham_head() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the decoder in the ADE20K checkpoint, from the authors' ham_head.py and mmcv's ConvModule."""
    yield from conv("decode_head.conv_seg", 150, DECODER, 1, 1)
    yield from conv("decode_head.squeeze.conv", DECODER, sum(CHANNELS[1:]), 1, 1, bias=False)
    yield from norm("decode_head.squeeze.gn", DECODER)
    yield from conv("decode_head.hamburger.ham_in.conv", DECODER, DECODER, 1, 1)
    yield from conv("decode_head.hamburger.ham_out.conv", DECODER, DECODER, 1, 1, bias=False)
    yield from norm("decode_head.hamburger.ham_out.gn", DECODER)
    yield from conv("decode_head.align.conv", DECODER, DECODER, 1, 1, bias=False)
    yield from norm("decode_head.align.gn", DECODER)


def drawn(names: Iterator[tuple[str, tuple[int, ...]]]) -> State:
    generator = torch.Generator().manual_seed(1)
    state = {}
    for name, shape in names:
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif name.endswith(("running_var", "layer_scale_1", "layer_scale_2")):
            state[name] = 0.5 + torch.rand(shape, generator=generator)
        elif len(shape) > 1:
            state[name] = torch.randn(shape, generator=generator) / torch.tensor(shape[1:]).prod().sqrt()
        else:
            state[name] = 1 + 0.1 * torch.randn(shape, generator=generator)
    return state


@pytest.fixture(scope="module")
def encoder() -> State:
    return drawn(mscan()) | {"head.weight": torch.rand(1000, 256), "head.bias": torch.rand(1000)}


@pytest.fixture(scope="module")
def network() -> State:
    return {f"backbone.{name}": tensor for name, tensor in drawn(mscan()).items()} | drawn(ham_head())


def write(path: Path, state: State) -> str:
    meta = {"mmseg_version": "0.24.1", "config": "model = dict()", "CLASSES": ("wall",), "PALETTE": [[120, 120, 120]]}
    torch.save({"meta": meta, "state_dict": state, "optimizer": {"state": {}, "param_groups": [{"lr": 6e-5}]}}, path)
    return str(path)


def student(path: str | None = None) -> SegNeXtStudent:
    torch.manual_seed(0)
    return SegNeXtStudent("tiny", 16, weights=path).eval()


OURS = {"last.weight", "last.bias", "decode_head.hamburger.ham.bases"}


def test_a_whole_network_arrives_but_for_its_last_layer(tmp_path: Path, network: State) -> None:
    own = student(write(tmp_path / "segnext_tiny_512x512_ade_160k.pth", network)).state_dict()
    fresh = student().state_dict()
    assert own.keys() - network.keys() == OURS
    assert network.keys() - own.keys() == {"decode_head.conv_seg.weight", "decode_head.conv_seg.bias"}
    for name, tensor in own.items():
        assert torch.equal(tensor, fresh[name] if name in OURS else network[name]), name


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s}])
def test_an_encoder_arrives_but_for_its_classifier(
    tmp_path: Path, encoder: State, wrap: Callable[[State], object]
) -> None:
    torch.save(wrap(encoder), tmp_path / "mscan_t.pth")
    own = student(str(tmp_path / "mscan_t.pth")).state_dict()
    fresh = student().state_dict()
    assert {name.removeprefix("backbone.") for name in own if name.startswith("backbone.")} == encoder.keys() - {
        "head.weight",
        "head.bias",
    }
    for name, tensor in own.items():
        expected = encoder[name.removeprefix("backbone.")] if name.startswith("backbone.") else fresh[name]
        assert torch.equal(tensor, expected), name


def test_counters_of_batch_norm_may_be_missing(tmp_path: Path, network: State) -> None:
    state = {name: tensor for name, tensor in network.items() if not name.endswith("num_batches_tracked")}
    own = student(write(tmp_path / "old.pth", state)).state_dict()
    assert torch.equal(
        own["backbone.patch_embed1.proj.1.running_var"], state["backbone.patch_embed1.proj.1.running_var"]
    )


FAULTS: dict[str, tuple[Callable[[State], object], str]] = {
    "missing": (
        lambda s: s.pop("backbone.block1.0.attn.spatial_gating_unit.conv0_1.weight"),
        r"1 missing \(backbone\.block1\.0\.attn\.spatial_gating_unit\.conv0_1\.weight\)\. Expected",
    ),
    "unknown": (
        lambda s: s.update({"backbone.block1.3.norm1.weight": torch.ones(32), "auxiliary_head.x": torch.ones(1)}),
        r"2 unknown \(backbone\.block1\.3\.norm1\.weight, auxiliary_head\.x\)\. Expected",
    ),
    "renamed": (
        lambda s: s.update({"decode_head.squeeze.bn.weight": s.pop("decode_head.squeeze.gn.weight")}),
        r"1 missing \(decode_head\.squeeze\.gn\.weight\); 1 unknown \(decode_head\.squeeze\.bn\.weight\)",
    ),
    "shape": (
        lambda s: s.update({"decode_head.align.conv.weight": torch.zeros(512, 256, 1, 1)}),
        r"1 of another shape \(decode_head\.align\.conv\.weight: got \(512, 256, 1, 1\), expected \(256, 256, 1, 1\)\)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_the_tensors_and_loads_nothing(tmp_path: Path, network: State, fault: str) -> None:
    spoil, message = FAULTS[fault]
    state = dict(network)
    spoil(state)
    path = write(tmp_path / "spoilt.pth", state)
    own = student()
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    with pytest.raises(ValueError, match=rf"{re.escape(path)} does not fit SegNeXtStudent: {message}"):
        load_checkpoint(own, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in own.state_dict().items())


def test_an_encoder_of_another_size(tmp_path: Path, encoder: State) -> None:
    torch.save({"state_dict": encoder}, tmp_path / "mscan_t.pth")
    message = (
        r"does not fit MSCAN: .*\d+ unknown \(.* and \d+ more\); \d+ of another shape \(patch_embed1\.proj\.0\.weight"
    )
    with pytest.raises(ValueError, match=message):
        SegNeXtStudent("small", 16, weights=str(tmp_path / "mscan_t.pth"))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*nowhere\.pth"):
        student(str(tmp_path / "nowhere.pth"))


def authors_forward(s: State, bases: Tensor, images: Tensor) -> Tensor:
    """The authors' network at test, written once more from their files: tokens and maps in turn, names spelled out."""

    def conv2d(x: Tensor, name: str, **options: int | tuple[int, int]) -> Tensor:
        return F.conv2d(x, s[f"{name}.weight"], s.get(f"{name}.bias"), **options)  # type: ignore[arg-type]

    def bn(x: Tensor, name: str) -> Tensor:
        mean, var = s[f"{name}.running_mean"], s[f"{name}.running_var"]
        return F.batch_norm(x, mean, var, s[f"{name}.weight"], s[f"{name}.bias"])

    def gn(x: Tensor, name: str) -> Tensor:
        return F.group_norm(x, 32, s[f"{name}.weight"], s[f"{name}.bias"])

    x, maps = images, []
    for stage, (width, depth) in enumerate(zip(CHANNELS, DEPTHS, strict=True), start=1):
        entry = f"backbone.patch_embed{stage}"
        if stage == 1:
            x = F.gelu(bn(conv2d(x, f"{entry}.proj.0", stride=2, padding=1), f"{entry}.proj.1"))
            x = bn(conv2d(x, f"{entry}.proj.3", stride=2, padding=1), f"{entry}.proj.4")
        else:
            x = bn(conv2d(x, f"{entry}.proj", stride=2, padding=1), f"{entry}.norm")
        height, wide = x.shape[2:]
        for number in range(depth):
            block = f"backbone.block{stage}.{number}"
            unit = f"{block}.attn.spatial_gating_unit"
            y = bn(x, f"{block}.norm1")
            shortcut = y
            y = F.gelu(conv2d(y, f"{block}.attn.proj_1"))
            a = conv2d(y, f"{unit}.conv0", padding=2, groups=width)
            strips = []
            for index, pad in enumerate((3, 5, 10)):
                strip = conv2d(a, f"{unit}.conv{index}_1", padding=(0, pad), groups=width)
                strips.append(conv2d(strip, f"{unit}.conv{index}_2", padding=(pad, 0), groups=width))
            y = conv2d(a + strips[0] + strips[1] + strips[2], f"{unit}.conv3") * y
            y = conv2d(y, f"{block}.attn.proj_2") + shortcut
            x = x + s[f"{block}.layer_scale_1"].view(1, -1, 1, 1) * y
            y = conv2d(bn(x, f"{block}.norm2"), f"{block}.mlp.fc1")
            y = F.gelu(conv2d(y, f"{block}.mlp.dwconv.dwconv", padding=1, groups=y.shape[1]))
            x = x + s[f"{block}.layer_scale_2"].view(1, -1, 1, 1) * conv2d(y, f"{block}.mlp.fc2")
        tokens = x.flatten(2).transpose(1, 2)
        tokens = F.layer_norm(tokens, (width,), s[f"backbone.norm{stage}.weight"], s[f"backbone.norm{stage}.bias"])
        x = tokens.reshape(len(x), height, wide, -1).permute(0, 3, 1, 2)
        maps.append(x)
    size = maps[1].shape[2:]
    levels = [F.interpolate(level, size=size, mode="bilinear", align_corners=False) for level in maps[1:]]
    x = F.relu(gn(conv2d(torch.cat(levels, dim=1), "decode_head.squeeze.conv"), "decode_head.squeeze.gn"))
    v = F.relu(conv2d(x, "decode_head.hamburger.ham_in.conv")).flatten(2)
    d = bases.expand(len(v), -1, -1)
    c = torch.softmax(torch.bmm(v.transpose(1, 2), d), dim=-1)
    for _ in range(7):
        c = c * torch.bmm(v.transpose(1, 2), d) / (c.bmm(d.transpose(1, 2).bmm(d)) + 1e-6)
        d = d * torch.bmm(v, c) / (d.bmm(c.transpose(1, 2).bmm(c)) + 1e-6)
    c = c * torch.bmm(v.transpose(1, 2), d) / (c.bmm(d.transpose(1, 2).bmm(d)) + 1e-6)
    ham = conv2d(torch.bmm(d, c.transpose(1, 2)).view(x.shape), "decode_head.hamburger.ham_out.conv")
    x = F.relu(x + gn(ham, "decode_head.hamburger.ham_out.gn"))
    x = F.relu(gn(conv2d(x, "decode_head.align.conv"), "decode_head.align.gn"))
    return conv2d(x, "decode_head.conv_seg")


def test_a_loaded_network_computes_what_the_authors_does(tmp_path: Path, network: State) -> None:
    own = SegNeXtStudent("tiny", 150, weights=write(tmp_path / "ade.pth", network)).eval()
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        own.last.weight.copy_(network["decode_head.conv_seg.weight"])
        assert own.last.bias is not None
        own.last.bias.copy_(network["decode_head.conv_seg.bias"])
        expected = authors_forward(network, own.decode_head.hamburger.ham.bases, (images - own.mean) / own.std)
        features = own(images)
    assert features.shape == (2, 150, 8, 12)
    assert features.std() > 0.1
    torch.testing.assert_close(features, expected, rtol=1e-3, atol=1e-4)
