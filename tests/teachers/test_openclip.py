"""OpenClipTeacher against open_clip's own forward and a naive twin, on tiny random models."""

import copy
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import open_clip as _untyped
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from clipteacher.teachers import openclip_source
from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.openclip import OpenClipTeacher, OpenClipText
from clipteacher.teachers.openclip_block import value_block
from clipteacher.teachers.openclip_trunk import resize_positions
from clipteacher.teachers.prompts import VILD_15, ensemble
from clipteacher.teachers.teacher import Teacher, TextEncoder, check_teacher
from clipteacher.teachers.towers.inputs import fit

open_clip: Any = _untyped

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
VIT = {"image_size": 32, "layers": 3, "width": 32, "head_width": 8, "patch_size": 8}
CONFIGS: dict[str, dict[str, Any]] = {
    "vit": {"quick_gelu": True, "vision_cfg": VIT},
    "rectangular": {"vision_cfg": VIT | {"image_size": [24, 40]}},
    "layer_scale_no_ln_pre": {"vision_cfg": VIT | {"ls_init_value": 0.1, "no_ln_pre": True}},
    "avg": {"vision_cfg": VIT | {"pool_type": "avg"}},
    "clipa": {"vision_cfg": VIT | {"pool_type": "avg", "no_ln_pre": True, "final_ln_after_pool": True}},
    "sub_norms": {
        "vision_cfg": VIT | {"scale_heads": True, "scale_attn_inner": True, "scale_attn": True, "scale_fc": True}
    },
    "query_norms": {"vision_cfg": VIT | {"qk_norm": True}},
    "custom_text": {"custom_text": True, "vision_cfg": VIT},
    "resnet": {
        "quick_gelu": True,
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 4, "head_width": 32},
    },
}
ATTENTIONS = [dense for dense in get_args(Dense) if dense not in ("tokens", "value")]
"""Readings of a transformer's last attention with other weights."""
MEAN = torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)
STD = torch.tensor(open_clip.OPENAI_DATASET_STD).view(3, 1, 1)


class Tiny:
    """A configuration file, a weights file and open_clip's own model with these weights."""

    def __init__(self, folder: Path, name: str) -> None:
        config = {"embed_dim": 24, "text_cfg": TEXT, **copy.deepcopy(CONFIGS[name])}
        self.config, self.weights = folder / f"{name}.json", folder / f"{name}.safetensors"
        self.config.write_text(json.dumps(config))
        kind = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
        self.clip = kind(**config).eval()
        generator = torch.Generator().manual_seed(0)
        for key, value in self.clip.state_dict().items():  # open_clip starts much at 0 or 1, which would hide faults
            if value.is_floating_point():
                noise = torch.randn(value.shape, generator=generator) * 0.2
                value.copy_(noise.abs() + 0.8 if "running_var" in key or key.endswith("gamma") else noise)
                if value.ndim == 1 and key.endswith("weight"):
                    value.add_(1)
        save_file(self.clip.state_dict(), self.weights)

    def teacher(self, **options: Any) -> OpenClipTeacher:  # noqa: ANN401 (any of its options)
        return OpenClipTeacher(str(self.config), str(self.weights), **options)

    @property
    def size(self) -> tuple[int, int]:
        size = self.clip.visual.image_size
        return (size, size) if isinstance(size, int) else tuple(size)

    @torch.no_grad()
    def encode_image(self, images: Tensor) -> Tensor:
        out: Tensor = self.clip.encode_image((images - MEAN) / STD)
        return out


@pytest.fixture(scope="module")
def tinies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tiny]:
    folder = tmp_path_factory.mktemp("clips")
    return {name: Tiny(folder, name) for name in CONFIGS}


def pictures(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def naive_dense(clip: Any, images: Tensor, dense: str) -> Tensor:  # noqa: ANN401 (open_clip is untyped)
    """Dense tokens at the native size from open_clip's own modules, position by position; attention by a mask."""
    visual, images = clip.visual, (images - MEAN) / STD
    if hasattr(visual, "attnpool"):
        pool = visual.attnpool
        maps = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(images)))))
        out = torch.zeros(len(maps), 24, *maps.shape[2:])
        for b in range(maps.shape[0]):
            rows = [maps[b].flatten(1).mean(1), *maps[b].flatten(1).T]
            rows = [row + position for row, position in zip(rows, pool.positional_embedding, strict=True)]
            for i in range(maps.shape[2]):
                for j in range(maps.shape[3]):
                    if dense == "value":
                        out[b, :, i, j] = pool.c_proj(pool.v_proj(maps[b, :, i, j]))
                        continue
                    query, heads = pool.q_proj(rows[1 + i * maps.shape[3] + j]).chunk(pool.num_heads), []
                    keys = torch.stack([pool.k_proj(row) for row in rows]).chunk(pool.num_heads, dim=1)
                    values = torch.stack([pool.v_proj(row) for row in rows]).chunk(pool.num_heads, dim=1)
                    for q, k, v in zip(query, keys, values, strict=True):
                        heads.append((k @ q / len(q) ** 0.5).softmax(0) @ v)
                    out[b, :, i, j] = pool.c_proj(torch.cat(heads))
        return out
    x = visual._embeds(images)
    for block in visual.transformer.resblocks[:-1]:
        x = block(x)
    last = visual.transformer.resblocks[-1]
    if dense in ATTENTIONS:
        x = naive_attention(last, x, visual.grid_size[1], dense)
    else:
        alone = torch.full((x.shape[1], x.shape[1]), float("-inf")).fill_diagonal_(0)
        x = last(x, attn_mask=alone if dense == "value" else None)
    x = torch.stack([visual.ln_post(token) @ visual.proj for token in x.flatten(0, 1)]).view(*x.shape[:2], -1)
    rows, columns = visual.grid_size
    return torch.stack([torch.stack([x[:, 1 + i * columns + j] for j in range(columns)], -1) for i in range(rows)], -2)


def naive_attention(block: Any, x: Tensor, columns: int, dense: str) -> Tensor:  # noqa: ANN401 (open_clip is untyped)
    """The last block with other weights of its attention, token by token; one class token."""
    attention, rows = block.attn, []
    own = type(attention) is not nn.MultiheadAttention  # open_clip's, with norms and scales of its own
    for tokens in x:
        q, k, v = (
            (block.ln_1(tokens) @ weight.T + bias).unflatten(1, (attention.num_heads, -1)).transpose(0, 1)
            for weight, bias in zip(attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3), strict=True)
        )
        if own:
            q, k = attention.ln_q(q), attention.ln_k(k)
        same = {"sclip": (q, k), "cliptrase": (q, k, v), "clearclip": (q,), "naclip": (k,)}[dense]
        for i in range(len(tokens)):
            heads = []
            for h in range(attention.num_heads):
                mixed = torch.zeros_like(v[h, 0])
                for each in same:
                    logits = each[h] @ each[h, i] / each.shape[2] ** 0.5
                    for j in range(1, len(tokens) if dense == "naclip" and i else 0):
                        down, across = (j - 1) // columns - (i - 1) // columns, (j - 1) % columns - (i - 1) % columns
                        logits[j] += math.exp(-(down**2 + across**2) / 50)
                    mixed = mixed + logits.softmax(0) @ v[h]
                heads.append(mixed * attention.head_scale[h, 0] if own and attention.head_scale is not None else mixed)
            merged = torch.cat(heads)
            merged = (
                block.ln_attn(attention.out_proj(attention.ln_inner(merged))) if own else attention.out_proj(merged)
            )
            token = block.ls_1(merged)
            if dense in ("sclip", "cliptrase"):
                token = token + tokens[i]
                token = token + block.ls_2(block.mlp(block.ln_2(token)))
            rows.append(token)
    return torch.stack(rows).view_as(x)


def readings(tiny: Tiny) -> Iterator[tuple[Dense, OpenClipTeacher]]:
    """Each dense reading that a tower has, and a teacher that gives it; the network is built once."""
    teacher = tiny.teacher()
    for dense in get_args(Dense):
        if dense in ("tokens", "value") or not hasattr(tiny.clip.visual, "attnpool"):
            teacher.dense = dense
            yield dense, teacher


@pytest.mark.parametrize("name", CONFIGS)
def test_cls_is_open_clips_own(tinies: dict[str, Tiny], name: str) -> None:
    tiny = tinies[name]
    images = pictures(2, 3, *tiny.size)
    expected = tiny.encode_image(images)
    assert expected.std() > 0.01  # not a comparison of zeros
    for _, teacher in readings(tiny):
        torch.testing.assert_close(teacher.encode_image(images).cls, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_dense_equals_the_naive_twin(tinies: dict[str, Tiny], name: str) -> None:
    tiny = tinies[name]
    images = pictures(2, 3, *tiny.size)
    found = {dense: teacher.encode_image(images).dense for dense, teacher in readings(tiny)}
    expected = {dense: naive_dense(tiny.clip, images, dense) for dense in found}
    assert len(found) == (2 if name == "resnet" else 6)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_value_path_of_a_vit_written_out(tinies: dict[str, Tiny]) -> None:
    """MaskCLIP's code: out(v(LN x)) instead of the attention; residual and MLP kept; final norm, projection."""
    tiny = tinies["vit"]
    images, visual = pictures(1, 3, 32, 32), tiny.clip.visual
    with torch.no_grad():
        x = visual._embeds((images - MEAN) / STD)
        for block in visual.transformer.resblocks[:-1]:
            x = block(x)
        last, width = visual.transformer.resblocks[-1], 32
        weight, bias = last.attn.in_proj_weight[2 * width :], last.attn.in_proj_bias[2 * width :]
        v = last.ln_1(x) @ weight.T + bias
        u = x + v @ last.attn.out_proj.weight.T + last.attn.out_proj.bias
        u = u + last.mlp(last.ln_2(u))
        expected = (visual.ln_post(u) @ visual.proj)[:, 1:].transpose(1, 2).reshape(1, 24, 4, 4)
    torch.testing.assert_close(tiny.teacher().encode_image(images).dense, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["vit", "sub_norms"])
def test_value_path_sees_one_position_at_a_time(tinies: dict[str, Tiny], name: str) -> None:
    block: Any = tinies[name].clip.visual.transformer.resblocks[-1]
    x = pictures(1, 6, 32)
    y = x.clone()
    y[:, 2] = y[:, 2].flip(-1)  # not a shift, which the layer norm would take away
    with torch.no_grad():
        changed = (value_block(block, x) != value_block(block, y)).any(-1)
        mixed = (block(x) - block(y)).abs().amax(-1) > 1e-4
    assert changed.tolist() == [[False, False, True, False, False, False]]
    assert mixed.all()  # where the attention is left in, every position changes


@pytest.mark.parametrize("name", ["vit", "custom_text", "resnet"])
def test_text_is_open_clips_own(tinies: dict[str, Tiny], name: str) -> None:
    tiny, names = tinies[name], ["cat", "traffic light", "c{}t"]
    prompts = open_clip.SimpleTokenizer(context_length=16)([f"a photo of a {word}" for word in names])
    with torch.no_grad():
        expected = tiny.clip.encode_text(prompts, normalize=True)
    vectors = tiny.teacher().encode_text(names)
    torch.testing.assert_close(vectors, expected, rtol=1e-5, atol=1e-6)
    assert vectors.dtype == torch.float32
    assert not vectors.requires_grad


def test_fifteen_templates_in_batches(tinies: dict[str, Tiny], monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, names = tinies["vit"], ["cat", "dog"]
    tokenizer = open_clip.SimpleTokenizer(context_length=16)
    with torch.no_grad():
        rows = [tiny.clip.encode_text(tokenizer([t.replace("{}", name) for t in VILD_15])) for name in names]
    monkeypatch.setattr("clipteacher.teachers.prompts.PROMPTS_AT_ONCE", 7)
    vectors = tiny.teacher(templates=VILD_15).encode_text(names)
    torch.testing.assert_close(vectors, ensemble(torch.stack(rows)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    with pytest.raises(TypeError, match="Write \\['cat'\\]"):
        tiny.teacher().encode_text("cat")


def test_text_tower_alone(tinies: dict[str, Tiny]) -> None:
    tiny = tinies["vit"]
    teacher = tiny.teacher(templates=VILD_15)
    spec = teacher.spec()
    assert spec is not None
    assert spec == {
        "kind": "openclip",
        "model": str(tiny.config),
        "pretrained": str(tiny.weights),
        "templates": list(VILD_15),
    }
    again = json.loads(json.dumps(spec))
    assert again.pop("kind") == "openclip"
    text = OpenClipText(**again)
    assert isinstance(text, TextEncoder)
    assert text.width == teacher.width == 24
    assert text.spec() == spec
    torch.testing.assert_close(text.encode_text(["cat"]), teacher.encode_text(["cat"]), rtol=0, atol=0)
    for tower in (text, teacher):
        assert not any("visual" in name for name, _ in tower.tower.network.named_modules())


def test_a_neighbourhood_is_that_of_the_photo(tinies: dict[str, Tiny]) -> None:
    """A tower of 3x5 patches is given 5x3: as many, but others are neighbours."""
    tiny, images = tinies["rectangular"], pictures(1, 3, 40, 24)
    turned = copy.deepcopy(tiny.clip)
    positions = resize_positions(turned.visual.positional_embedding.data, (3, 5), (5, 3))
    turned.visual.positional_embedding, turned.visual.grid_size = nn.Parameter(positions), (5, 3)
    found = tiny.teacher(dense="naclip").encode_image(images).dense
    torch.testing.assert_close(found, naive_dense(turned, images, "naclip"), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["vit", "rectangular", "resnet"])
def test_other_sizes(tinies: dict[str, Tiny], name: str) -> None:
    step = 32 if name == "resnet" else 8
    for _, teacher in readings(tinies[name]):
        for height, width in ((96, 64), (32, 160), (100, 61)):
            tokens = teacher.encode_image(pictures(2, 3, height, width))
            assert tokens.cls.shape == (2, 24)
            assert tokens.dense.shape == (2, 24, int(height / step + 0.5), int(width / step + 0.5))
            assert tokens.cls.isfinite().all()
            assert tokens.dense.isfinite().all()
            assert tokens.dense.dtype == torch.float32


@pytest.mark.parametrize("dense", ATTENTIONS)
def test_a_resnet_has_no_queries_and_keys_to_read(tinies: dict[str, Tiny], dense: Dense) -> None:
    """Said before its weights are looked for: neither file nor tag is there."""
    message = (
        f"dense: got '{dense}' for {{}}, a ResNet; expected tokens or value, .* Set dense='value', or choose a ViT"
    )
    for model, pretrained in ((str(tinies["resnet"].config), "missing.pt"), ("RN50", "openai")):
        with pytest.raises(ValueError, match=message.format(re.escape(model))):
            OpenClipTeacher(model, pretrained, dense=dense)


def test_image_size_keeps_the_aspect(tinies: dict[str, Tiny]) -> None:
    teacher = tinies["vit"].teacher(image_size=32)
    assert teacher.encode_image(pictures(1, 3, 100, 200)).dense.shape[2:] == (4, 8)
    images = pictures(1, 3, 32, 32)
    expected = tinies["vit"].teacher().encode_image(images)
    torch.testing.assert_close(teacher.encode_image(images).dense, expected.dense, rtol=0, atol=0)


def test_fit_rounds_to_the_nearest_step_and_returns_fitting_images_themselves() -> None:
    images = pictures(1, 3, 32, 48)
    assert fit(images, (16, 16)) is images
    assert fit(images, (16, 16), 32) is images
    assert fit(pictures(1, 3, 39, 41), (16, 16)).shape == (1, 3, 32, 48)
    assert fit(pictures(1, 3, 2, 3), (16, 16)).shape == (1, 3, 16, 16)
    assert fit(pictures(1, 3, 333, 500), (14, 16), 224).shape == (1, 3, 224, 336)
    grey = fit(torch.full((1, 3, 50, 70), 0.5), (16, 16))
    torch.testing.assert_close(grey, torch.full_like(grey, 0.5))


def test_positions() -> None:
    table = torch.randn(1 + 3 * 5, 4, generator=torch.Generator().manual_seed(0))
    assert resize_positions(table, (3, 5), (3, 5)) is table
    wide = resize_positions(table, (3, 5), (6, 10))
    torch.testing.assert_close(wide[0], table[0])
    # open_clip's own resizing of a checkpoint is the reference.
    model = nn.Module()
    model.visual = nn.Module()
    model.visual.grid_size = (6, 10)  # type: ignore[assignment]
    square = torch.cat([table[:1], torch.randn(16, 4)])
    state = {"visual.positional_embedding": square}
    open_clip.model.resize_pos_embed(state, model)
    torch.testing.assert_close(resize_positions(square, (4, 4), (6, 10)), state["visual.positional_embedding"])
    # Left and right, up and down keep their places.
    ramp = torch.cat([torch.zeros(1, 2), torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0))])
    grid = resize_positions(ramp, (4, 4), (4, 8))[1:].view(4, 8, 2)
    assert (grid[1:, :, 0] > grid[:-1, :, 0]).all()
    assert (grid[:, 1:, 1] > grid[:, :-1, 1]).all()
    with pytest.raises(ValueError, match="got 16 for a grid of 4x4"):
        resize_positions(table, (4, 4), (3, 5))


def test_one_pass_through_the_trunk(tinies: dict[str, Tiny]) -> None:
    for name in ("vit", "resnet"):
        teacher = tinies[name].teacher()
        calls: list[int] = []
        visual: Any = teacher.image.network
        visual.conv1.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        teacher.encode_image(pictures(1, 3, *tinies[name].size))
        assert len(calls) == 1


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_frozen(tinies: dict[str, Tiny], name: str) -> None:
    tiny = tinies[name]
    holder = nn.ModuleDict({"teacher": tiny.teacher(), "student": nn.Linear(2, 2)}).train()
    teacher = holder["teacher"]
    assert isinstance(teacher, OpenClipTeacher)
    visual = teacher.image.network
    before = {key: value.clone() for key, value in visual.state_dict().items()}
    images = pictures(2, 3, *tiny.size).requires_grad_()
    tokens = teacher.encode_image(images)
    assert not tokens.cls.requires_grad
    assert not tokens.dense.requires_grad
    assert not any(module.training for module in visual.modules())
    assert list(teacher.parameters()) == []
    assert list(holder.state_dict()) == ["student.weight", "student.bias"]
    for key, value in visual.state_dict().items():  # BatchNorm's statistics among them
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)
    torch.testing.assert_close(before, dict(tiny.clip.visual.state_dict()), rtol=0, atol=0)  # weights as they were


def test_follows_the_protocol_and_moves(tinies: dict[str, Tiny]) -> None:
    teacher = tinies["vit"].teacher()
    check_teacher(teacher)
    assert isinstance(teacher, Teacher)
    teacher.to("meta")
    assert teacher.image.device.type == teacher.tower.device.type == teacher.mean.device.type == "meta"


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_bf16_is_near_fp32(tinies: dict[str, Tiny], name: str) -> None:
    tiny = tinies[name]
    images = pictures(2, 3, *tiny.size)
    half, full = tiny.teacher(precision="bf16"), tiny.teacher()
    visual: Any = half.image.network
    assert visual.conv1.weight.dtype == torch.bfloat16
    for low, high in zip(half.encode_image(images), full.encode_image(images), strict=True):
        assert low.dtype == torch.float32
        assert torch.cosine_similarity(low, high, dim=1).min() > 0.98
    assert torch.cosine_similarity(half.encode_text(["cat"]), full.encode_text(["cat"])) > 0.99


def test_autocast_leaves_text_vectors_as_they_are(tinies: dict[str, Tiny]) -> None:
    teacher = tinies["vit"].teacher()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside, tokens = teacher.encode_text(["cat"]), teacher.encode_image(pictures(1, 3, 32, 32))
    torch.testing.assert_close(inside, teacher.encode_text(["cat"]), rtol=0, atol=0)
    assert tokens.cls.dtype == tokens.dense.dtype == torch.float32


def test_hub_configuration_brings_its_own_normalisation(tinies: dict[str, Tiny], tmp_path: Path) -> None:
    tiny, file = tinies["vit"], tmp_path / "open_clip_config.json"
    config = {"model_cfg": json.loads(tiny.config.read_text()), "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    file.write_text(json.dumps(config))
    teacher, images = OpenClipTeacher(str(file), str(tiny.weights)), pictures(1, 3, 32, 32)
    with torch.no_grad():
        expected = tiny.clip.encode_image(images * 2 - 1)
    torch.testing.assert_close(teacher.encode_image(images).cls, expected, rtol=1e-5, atol=1e-5)


def test_random_weights_follow_the_seed_and_leave_it(tinies: dict[str, Tiny]) -> None:
    config = str(tinies["vit"].config)
    torch.manual_seed(3)
    first = OpenClipTeacher(config, None)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))  # building drew nothing
    torch.manual_seed(3)
    second = OpenClipTeacher(config, None)
    images = pictures(1, 3, 32, 32)
    torch.testing.assert_close(first.encode_image(images).cls, second.encode_image(images).cls, rtol=0, atol=0)
    assert first.spec() is None  # nothing could build these weights again


# What is refused.


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record what would be downloaded, and fail it."""
    asked: list[Any] = []

    def refuse(*args: object) -> str:
        asked.append(args)
        raise OSError("no network.")

    monkeypatch.setattr(openclip_source.open_clip, "download_pretrained", refuse)
    monkeypatch.setattr(openclip_source.open_clip.pretrained, "download_pretrained_from_hf", refuse)
    return asked


@pytest.mark.parametrize(
    ("model", "tag"),
    [("ViT-B-16", "openai"), ("ViT-B/16", "openai"), ("RN50", "openai"), ("ViT-B-16", "metaclip_400m")],
)
def test_plain_gelu_under_quick_gelu_weights_raises_before_any_download(
    offline: list[Any], model: str, tag: str
) -> None:
    fix = model.replace("/", "-") + "-quickgelu"
    for build in (OpenClipTeacher, OpenClipText):
        with pytest.raises(ValueError, match=rf"with plain GELU; expected QuickGELU.*{tag}.*Set model='{fix}'"):
            build(model, tag)
    assert not offline


def test_quick_gelu_under_plain_weights_raises(offline: list[Any]) -> None:
    with pytest.raises(ValueError, match="trained with plain GELU: set model='ViT-B-16'"):
        OpenClipTeacher("ViT-B-16-quickgelu", "laion2b_s34b_b88k")
    assert not offline


@pytest.mark.parametrize(("model", "tag"), [("ViT-B-16-quickgelu", "openai"), ("ViT-B-16", "laion2b_s34b_b88k")])
def test_matching_tags_go_on_to_the_download(offline: list[Any], model: str, tag: str) -> None:
    with pytest.raises(ConnectionError, match=rf"could not fetch {model}, {tag}: no network"):
        OpenClipTeacher(model, tag)
    assert offline


def test_a_tag_loads_the_file_that_open_clip_downloads(
    tinies: dict[str, Tiny], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = tinies["vit"]
    config, fetched = json.loads(tiny.config.read_text()), str(tiny.weights)
    monkeypatch.setattr(openclip_source.open_clip, "get_model_config", lambda _: copy.deepcopy(config))
    monkeypatch.setattr(openclip_source.open_clip, "download_pretrained", lambda _: fetched)
    teacher, images = OpenClipTeacher(), pictures(1, 3, 32, 32)
    torch.testing.assert_close(teacher.encode_image(images).cls, tiny.encode_image(images), rtol=1e-5, atol=1e-5)


def test_hub_ids(tinies: dict[str, Tiny], offline: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectionError, match="could not fetch hf-hub:org/name: no network"):
        OpenClipTeacher("hf-hub:org/name", None)
    assert offline == [("org/name", "open_clip_config.json")]
    files = {(): str(tinies["vit"].weights), ("open_clip_config.json",): str(tinies["vit"].config)}
    monkeypatch.setattr(
        openclip_source.open_clip.pretrained, "download_pretrained_from_hf", lambda _, *name: files[name]
    )
    images = pictures(1, 3, 32, 32)
    teacher = OpenClipTeacher("hf-hub:org/name", None)
    expected = tinies["vit"].encode_image(images)
    torch.testing.assert_close(teacher.encode_image(images).cls, expected, rtol=1e-5, atol=1e-5)
    assert teacher.spec() is not None
    with pytest.raises(ValueError, match=r"brings its own weights. Set pretrained=None"):
        OpenClipTeacher("hf-hub:org/name", "openai")


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")  # OpenAI's files stay as they are
def test_openais_archive_needs_quick_gelu(tinies: dict[str, Tiny], tmp_path: Path) -> None:
    """A TorchScript archive with OpenAI's extra entries, in half precision as theirs."""
    tiny, plain = tinies["vit"], tinies["custom_text"]
    clip = copy.deepcopy(tiny.clip).half()
    for key, value in (("input_resolution", 32), ("context_length", 16), ("vocab_size", 49408)):
        if hasattr(clip, key):
            delattr(clip, key)
        clip.register_buffer(key, torch.tensor(value))
    file = tmp_path / "archive.pt"
    inputs = {"encode_text": torch.zeros(1, 16, dtype=torch.long)}
    torch.jit.save(torch.jit.trace_module(clip, inputs), file)  # type: ignore[no-untyped-call]
    teacher, images = OpenClipTeacher(str(tiny.config), str(file)), pictures(1, 3, 32, 32)
    similarity = torch.cosine_similarity(teacher.encode_image(images).cls, tiny.encode_image(images))
    assert similarity > 0.999
    with pytest.raises(ValueError, match=r'OpenAI\'s checkpoint .*archive\.pt was trained.*Set "quick_gelu": true'):
        OpenClipTeacher(str(plain.config), str(file))


def test_wrong_weights_name_file_and_entries(tinies: dict[str, Tiny], tmp_path: Path) -> None:
    tiny = tinies["vit"]
    state = dict(tiny.clip.state_dict())
    state["visual.proj"] = torch.zeros(32, 7)
    state["surplus"] = torch.zeros(1)
    del state["visual.conv1.weight"]
    file = tmp_path / "wrong.pt"
    torch.save({"state_dict": state}, file)
    expected = (
        rf"{re.escape(str(file))} given for {re.escape(str(tiny.config))} does not fit CLIP: "
        r"1 missing \(visual.conv1.weight\); 1 unknown \(surplus\); "
        r"1 of another shape \(visual.proj: got \(32, 7\), expected \(32, 24\)\)"
    )
    with pytest.raises(ValueError, match=expected):
        OpenClipTeacher(str(tiny.config), str(file))
    with pytest.raises(ValueError, match="does not fit"):
        OpenClipTeacher(str(tiny.config), str(tinies["resnet"].weights))


def test_prefixed_and_nested_state_dicts_load(tinies: dict[str, Tiny], tmp_path: Path) -> None:
    tiny, file, images = tinies["custom_text"], tmp_path / "epoch.pt", pictures(1, 3, 32, 32)
    state = {f"module.{key}": value for key, value in tiny.clip.state_dict().items()}
    state["module.logit_scale"] = state["module.logit_scale"].reshape(1)
    torch.save({"epoch": 3, "state_dict": state}, file)
    cls = OpenClipTeacher(str(tiny.config), str(file)).encode_image(images).cls
    torch.testing.assert_close(cls, tiny.encode_image(images), rtol=1e-5, atol=1e-5)
    # A file of CLIP for a CustomTextCLIP: the text tower's entries have other names.
    old = {key.removeprefix("text."): value for key, value in tiny.clip.state_dict().items()}
    torch.save(old, file)
    assert OpenClipTeacher(str(tiny.config), str(file)).encode_text(["cat"]).shape == (1, 24)


@pytest.mark.parametrize("content", [b"not weights", b""])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_unreadable_weights(tinies: dict[str, Tiny], tmp_path: Path, content: bytes, suffix: str) -> None:
    file = tmp_path / f"broken{suffix}"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{re.escape(str(file))} cannot be read as weights"):
        OpenClipTeacher(str(tinies["vit"].config), str(file))


def test_a_file_without_tensors(tinies: dict[str, Tiny], tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "none.pt")
    with pytest.raises(ValueError, match=r"none\.pt holds no state dict"):
        OpenClipTeacher(str(tinies["vit"].config), str(tmp_path / "none.pt"))


@pytest.mark.parametrize(
    ("model", "pretrained", "error", "message"),
    [
        ("ViT-B-61", "openai", ValueError, r"got 'ViT-B-61'.*Close matches: .*ViT-B-16"),
        ("ViT-B-16-quickgelu", "opnai", ValueError, r"got 'opnai'.*Close matches: openai"),
        ("ViT-S-16-alt", "openai", ValueError, "this model has no tags"),
        ("ViT-B-16-quickgelu", "weights/missing.pt", FileNotFoundError, "no weights file at .*missing.pt"),
        ("missing/config.json", None, FileNotFoundError, "no configuration file at .*missing/config.json"),
        ("local-dir:/some/folder", None, ValueError, "open_clip_config.json as model and its weights file"),
    ],
)
def test_unknown_and_unsupported(
    offline: list[Any], model: str, pretrained: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        OpenClipTeacher(model, pretrained)
    assert not offline


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "holds no JSON object"),
        ("[]", "holds no JSON object"),
        ('{"embed_dim": 3}', "lacks vision_cfg, text_cfg"),
        ('{"embed_dim": 3, "vision_cfg": {"attentional_pool": "cascade"}, "text_cfg": {}}', "pools twice"),
        (
            '{"embed_dim": 3, "vision_cfg": {"timm_model_name": "vit_x"}, "text_cfg": {}}',
            "vit_x, which timm .* not know",
        ),
        ('{"embed_dim": 3, "vision_cfg": {"pool_type": "none"}, "text_cfg": {}}', "pool_type='none'"),
        ('{"embed_dim": 3, "vision_cfg": {"width_": 3}, "text_cfg": {}}', "no configuration of open_clip's.*width_"),
    ],
)
def test_bad_configuration_files(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        OpenClipTeacher(str(file), None)


def test_a_configuration_file_takes_no_tag(tinies: dict[str, Tiny]) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file at .*openai"):
        OpenClipTeacher(str(tinies["vit"].config))


def test_too_small_a_vocabulary(tinies: dict[str, Tiny], tmp_path: Path) -> None:
    config = json.loads(tinies["vit"].config.read_text())
    config["text_cfg"]["vocab_size"] = 100
    (tmp_path / "small.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="got vocab_size=100; expected 49408"):
        OpenClipTeacher(str(tmp_path / "small.json"), None)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dense": "keys"}, ValueError, "dense: got 'keys'; expected one of tokens, value, sclip"),
        ({"precision": "int8"}, ValueError, "precision: got 'int8'; expected one of fp32"),
        ({"image_size": 4}, ValueError, "image_size: got 4; expected None or at least 8"),
        ({"templates": []}, ValueError, "templates: got none"),
        ({"templates": "a {}"}, TypeError, "templates: got the string"),
    ],
)
def test_bad_options(tinies: dict[str, Tiny], options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tinies["vit"].teacher(**options)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(3, 32, 32), torch.zeros(1, 1, 32, 32), torch.zeros(1, 3, 32, 32, dtype=torch.uint8)],
)
def test_bad_images(tinies: dict[str, Tiny], images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected floating point \(B, 3, H, W\) in \[0, 1\]. Divide"):
        tinies["vit"].teacher().encode_image(images)


def test_open_clips_own_tables_stay_as_they_are(tinies: dict[str, Tiny]) -> None:
    before = open_clip.list_models()
    tinies["vit"].teacher()
    assert open_clip.list_models() == before
    assert "vit" not in before
