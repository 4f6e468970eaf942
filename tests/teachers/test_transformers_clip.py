"""TransformersTeacher against the library's own features and naive twins, on tiny random models in folders."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.teachers.hub_files import write_model
from torch import Tensor
from torch.nn import functional as F

from clipteacher.segmenter.text_cache import TextCache
from clipteacher.segmenter.vocabulary import build_text_encoder
from clipteacher.storage.config_entries import TEXT_ENCODERS
from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.teacher import Teacher, TextEncoder, check_teacher
from clipteacher.teachers.transformers_clip import TransformersTeacher, TransformersText

MODELS = ["CLIP", "MetaClip2", "ChineseCLIP", "Siglip", "Siglip2"]
POOLED = ("Siglip", "Siglip2")


class Written:
    """A model in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, str(folder)
        self.model = write_model(folder, name)


@pytest.fixture(scope="module", params=MODELS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("clip"), "CLIP")


def pictures(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def own_features(written: Written, images: Tensor) -> Tensor:
    """`get_image_features` of images that the library itself prepares."""
    if written.name != "Siglip2":
        inputs: dict[str, Any] = {"pixel_values": (images - 0.5) / 0.25}
    else:
        transformers = pytest.importorskip("transformers")
        numbers = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "do_rescale": False}
        processor = transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16, **numbers)
        inputs = processor(list(images), return_tensors="pt")
    found = written.model.get_image_features(**inputs)
    return found if isinstance(found, Tensor) else found.pooler_output


@pytest.mark.parametrize("dense", ["tokens", "value", "clearclip"])
def test_cls_is_the_librarys_own(written: Written, dense: Dense) -> None:
    images = pictures(2, 3, 32, 32)
    teacher = TransformersTeacher(written.folder, dense=dense)
    cls, local = teacher.encode_image(images)
    torch.testing.assert_close(cls, own_features(written, images), rtol=1e-5, atol=1e-5)
    assert local.shape == (2, teacher.width, 4, 4)
    assert teacher.encode_image(pictures(1, 3, 70, 41)).dense.shape == (1, teacher.width, 9, 5)


@pytest.mark.parametrize("dense", ["tokens", "value"])
def test_dense_equals_the_naive_twin(written: Written, dense: Dense) -> None:
    """One token at a time: alone in the last layer for "value", or alone in the attention pool."""
    teacher, images = TransformersTeacher(written.folder, dense=dense), pictures(1, 3, 32, 32)
    vision, seen = written.model.vision_model, []
    hook = vision.encoder.layers[-1].register_forward_pre_hook(
        lambda _, args, named: seen.append((args, dict(named))), with_kwargs=True
    )
    own_features(written, images)
    hook.remove()
    (args, named), last = seen[0], vision.encoder.layers[-1]
    x = args[0] if args else named.pop("hidden_states")
    alone = dense == "value" and written.name not in POOLED
    parts = x.split(1, dim=1) if alone else [x]
    outs = [last(part, *args[1:], **named) for part in parts]
    final = vision.post_layernorm(torch.cat([out if isinstance(out, Tensor) else out[0] for out in outs], dim=1))
    tokens = final[0, x.shape[1] - 16 :]
    if written.name in POOLED:
        expected = torch.cat([vision.head(token[None, None]) for token in tokens])
    else:
        expected = written.model.visual_projection(tokens)
    found = teacher.encode_image(images).dense[0].flatten(1).T
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_text_is_the_librarys_own(written: Written) -> None:
    transformers = pytest.importorskip("transformers")
    tokens = transformers.AutoTokenizer.from_pretrained(written.folder)(
        ["a photo of a cat", "a photo of a dog"], padding="max_length", max_length=8, return_tensors="pt"
    )
    tokens.pop("token_type_ids", None)  # all of one type; CLIP takes none
    found = written.model.get_text_features(**tokens)
    expected = F.normalize(found if isinstance(found, Tensor) else found.pooler_output, dim=1)
    teacher = TransformersTeacher(written.folder)
    torch.testing.assert_close(teacher.encode_text(["cat", "dog"]), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="a the a the"):
        teacher.encode_text(["a the a the a the a the a"])


def test_text_tower_alone(written: Written) -> None:
    teacher = TransformersTeacher(written.folder, templates=["the {}", "a {}"])
    spec = json.loads(json.dumps(teacher.spec()))
    assert spec == {"kind": "transformers", "model": written.folder, "templates": ["the {}", "a {}"]}
    assert spec.keys() == TEXT_ENCODERS["transformers"].keys()
    text = build_text_encoder(spec)
    assert isinstance(text, TransformersText)
    assert isinstance(text, TextEncoder)
    assert text.width == teacher.width
    assert torch.equal(text.encode_text(["cat"]), teacher.encode_text(["cat"]))
    assert not any(name.startswith("vision") for name, _ in text.tower.network.named_modules())


def test_frozen_and_a_teacher(clip: Written) -> None:
    torch.manual_seed(3)
    teacher = TransformersTeacher(clip.folder).train()
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))  # building drew nothing
    check_teacher(teacher)
    assert isinstance(teacher, Teacher)
    assert list(teacher.parameters()) == []
    assert dict(teacher.state_dict()) == {}
    assert not any(module.training for module in teacher.tower.network.modules())
    assert teacher.family == "transformers, ViT, class token"
    assert teacher.fixed_size is None
    assert teacher.step == (8, 8)


def test_half_precision_is_near(clip: Written) -> None:
    images = pictures(2, 3, 32, 32)
    half, full = TransformersTeacher(clip.folder, precision="bf16"), TransformersTeacher(clip.folder)
    for low, high in zip(half.encode_image(images), full.encode_image(images), strict=True):
        assert low.dtype == torch.float32
        assert torch.cosine_similarity(low, high, dim=1).min() > 0.97
    assert TransformersTeacher(clip.folder, image_size=64).encode_image(images).dense.shape[2:] == (8, 8)


def test_the_cache_of_words_knows_the_files_of_a_folder(clip: Written, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in Path(clip.folder).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    spec = TransformersText(str(folder)).spec() or {}
    before, again = TextCache.of(spec), TextCache.of(spec)
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text().replace("cat", "cow"))
    after = TextCache.of(spec)
    assert before is not None
    assert again is not None
    assert after is not None
    assert before.folder == again.folder != after.folder


def test_weights_that_lack_a_part_are_an_error(clip: Written, tmp_path: Path) -> None:
    for file in Path(clip.folder).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = load_file(tmp_path / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lack 1 entries of CLIPModel \(visual_projection.weight"):
        TransformersTeacher(str(tmp_path))


def test_what_is_missing_is_named(clip: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((Path(clip.folder) / name).read_bytes())
    with pytest.raises(ValueError, match=rf"the image processor cannot be read from {re.escape(str(tmp_path))}"):
        TransformersTeacher(str(tmp_path))
    with pytest.raises(ValueError, match=r"(?s)tokenizer.* (in|from) .*save_pretrained"):
        TransformersText(str(tmp_path)).encode_text(["cat"])
    (tmp_path / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ValueError, match="names no image_mean and image_std"):
        TransformersTeacher(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"no folder at \./nowhere; expected one, or a hub id"):
        TransformersTeacher("./nowhere")
    transformers = pytest.importorskip("transformers")

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network.")

    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", refuse)
    with pytest.raises(ConnectionError, match="could not fetch the model of org/name: no network"):
        TransformersTeacher("org/name")


def test_other_models_are_refused(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    transformers.BertModel(transformers.BertConfig(vocab_size=9, **sizes)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is BertModel; expected one with an image and a text tower"):
        TransformersTeacher(str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dense": "keys"}, "dense: got 'keys'"),
        ({"precision": "int8"}, "precision: got 'int8'"),
        ({"image_size": 4}, "image_size: got 4; expected None or at least 8"),
        ({"templates": []}, "templates: got none"),
    ],
)
def test_bad_options(clip: Written, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformersTeacher(clip.folder, **options)
