"""OpenClipTeacher with the families that are not open_clip's own ViT and ResNet: towers, tokenizers, normalisation."""

import copy
import json
from pathlib import Path
from typing import Any
from unittest import mock

import open_clip as _untyped
import pytest
import timm
import torch
from safetensors.torch import save_file
from tests.teachers.hub_files import WORDS, write_tokenizer
from torch import Tensor
from torch.nn import functional as F

from clipteacher.segmenter.vocabulary import build_text_encoder
from clipteacher.storage.config_entries import TEXT_ENCODERS
from clipteacher.teachers import openclip_tokenizer
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.teachers.openclip_source import agreed_preprocessing
from clipteacher.teachers.openclip_tokenizer import HubTokenizer

open_clip: Any = _untyped

TEXT = {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
VIT = {"image_size": 32, "layers": 2, "width": 32, "head_width": 8, "patch_size": 8}
TINY_VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 4}
SIGLIP = {
    "embed_dim": 24,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 32, "timm_model_name": "vit_base_patch16_siglip_224", "timm_pool": "map", "timm_proj": "none"
    },
    "text_cfg": TEXT | {"vocab_size": len(WORDS), "hf_tokenizer_name": "org/words", "pool_type": "last"},
}  # fmt: skip
COCA = {
    "embed_dim": 24,
    "custom_text": True,
    "vision_cfg": VIT | {"attentional_pool": True, "attn_pooler_queries": 4, "output_tokens": True},
    "text_cfg": TEXT | {"embed_cls": True, "output_tokens": True},
    "multimodal_cfg": {"context_length": 12, "vocab_size": 49408, "width": 24, "heads": 2, "layers": 1},
}
ROBERTA = {
    "embed_dim": 24,
    "vision_cfg": VIT,
    "text_cfg": {"hf_model_name": "org/words", "hf_tokenizer_name": "org/words", "context_length": 12},
}
CONFIGS: dict[str, dict[str, Any]] = {"siglip": SIGLIP, "coca": COCA, "roberta": ROBERTA}


@pytest.fixture(autouse=True)
def _tiny_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda *args, **named: create(*args, **named | TINY_VIT))


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub does not answer."""
    transformers = pytest.importorskip("transformers")
    for kind in (transformers.AutoTokenizer, transformers.AutoConfig):
        read = kind.from_pretrained

        def local(name: str, *args: Any, read: Any = read, **named: Any) -> Any:  # noqa: ANN401 (transformers')
            if not Path(name).is_dir():
                raise OSError(f"no network for {name}.")
            return read(name, *args, **named)

        monkeypatch.setattr(kind, "from_pretrained", local)


@pytest.fixture
def words(tmp_path: Path) -> str:
    """A folder as of `org/words` on the hub: a tokenizer, and the configuration of a text tower."""
    folder = tmp_path / "words"
    folder.mkdir()
    write_tokenizer(folder, 12)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = {"model_type": "roberta", "vocab_size": len(WORDS), "max_position_embeddings": 16, "pad_token_id": 0}
    (folder / "config.json").write_text(json.dumps(config | sizes))
    return str(folder)


def written(folder: Path, name: str, words: str) -> tuple[str, str, Any]:
    """Write a configuration and weights; returns their paths and open_clip's own model."""
    config = copy.deepcopy(CONFIGS[name])
    (folder / "clip.json").write_text(json.dumps(config))
    if "hf_model_name" in config["text_cfg"]:
        config["text_cfg"] |= {"hf_model_name": words, "hf_model_pretrained": False}
    config.pop("custom_text", None)
    torch.manual_seed(0)
    kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP
    model = kind(**config).eval().requires_grad_(False)
    for value in model.parameters():
        value.add_(torch.randn(value.shape) * 0.1)
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(state, folder / "clip.safetensors")
    return str(folder / "clip.json"), str(folder / "clip.safetensors"), model


def pictures() -> Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", CONFIGS)
def test_both_towers_are_open_clips_own(tmp_path: Path, name: str, words: str) -> None:
    config, weights, model = written(tmp_path, name, words)
    folder = None if name == "coca" else words
    teacher = OpenClipTeacher(config, weights, tokenizer=folder)
    mean, std = (
        torch.tensor(part).view(3, 1, 1) for part in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    )
    expected = model.encode_image((pictures() - mean) / std, normalize=False)
    cls, dense = teacher.encode_image(pictures())
    torch.testing.assert_close(cls, expected, rtol=1e-5, atol=1e-5)
    assert dense.shape == (2, 24, 4, 4)
    prompts = ["a photo of a cat", "a photo of a dog"]
    own = open_clip.SimpleTokenizer(context_length=12) if folder is None else open_clip.tokenizer.HFTokenizer(words, 12)
    torch.testing.assert_close(
        teacher.encode_text(["cat", "dog"]), F.normalize(model.encode_text(own(prompts)), dim=1), rtol=1e-5, atol=1e-6
    )
    assert not hasattr(teacher.tower.network, "text_decoder")
    with pytest.raises(ValueError, match="dog dog"):
        teacher.encode_text(["dog " * 12])


@pytest.mark.parametrize("name", CONFIGS)
def test_half_precision_is_near(tmp_path: Path, name: str, words: str) -> None:
    config, weights, _ = written(tmp_path, name, words)
    folder = None if name == "coca" else words
    half, full = (OpenClipTeacher(config, weights, tokenizer=folder, precision=kind) for kind in ("bf16", "fp32"))
    for low, high in zip(half.encode_image(pictures()), full.encode_image(pictures()), strict=True):
        assert torch.cosine_similarity(low, high, dim=1).min() > 0.97
    assert torch.cosine_similarity(half.encode_text(["cat"]), full.encode_text(["cat"])) > 0.97


def test_the_image_tower_does_not_wait_for_a_tokenizer(tmp_path: Path, words: str) -> None:
    config, weights, _ = written(tmp_path, "siglip", words)
    teacher = OpenClipTeacher(config, weights)
    assert teacher.encode_image(pictures()).cls.shape == (2, 24)
    with pytest.raises(ConnectionError, match=r"fetch the tokenizer org/words: no network .* tokenizer='FOLDER'"):
        teacher.encode_text(["cat"])


def test_a_text_tower_of_transformers_needs_its_configuration(tmp_path: Path, words: str) -> None:
    config, weights, _ = written(tmp_path, "roberta", words)
    with pytest.raises(ConnectionError, match=r"configuration of the text tower org/words: no network"):
        OpenClipTeacher(config, weights)


def test_a_folder_of_words_is_remembered(tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, weights, _ = written(tmp_path, "siglip", words)
    monkeypatch.chdir(tmp_path)
    teacher = OpenClipTeacher(config, weights, tokenizer="words")
    spec = json.loads(json.dumps(teacher.spec()))
    assert spec["tokenizer"] == words
    assert spec.keys() == TEXT_ENCODERS["openclip"].keys()
    assert torch.equal(build_text_encoder(spec).encode_text(["cat"]), teacher.encode_text(["cat"]))


def test_folders_that_are_none(tmp_path: Path, words: str) -> None:
    config, weights, _ = written(tmp_path, "siglip", words)
    with pytest.raises(FileNotFoundError, match=r"tokenizer: no folder at .*nowhere"):
        OpenClipTeacher(config, weights, tokenizer=str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"(?s)empty holds no tokenizer that can be read .* such as tokenizer.json"):
        OpenClipTeacher(config, weights, tokenizer=str(tmp_path / "empty")).encode_text(["cat"])
    config, weights, _ = written(tmp_path, "coca", words)
    with pytest.raises(ValueError, match=r"CLIP's own tokenizer, which open_clip carries\. Set tokenizer=None"):
        OpenClipTeacher(config, weights, tokenizer=words)


def test_a_prompt_that_ends_in_the_padding_is_not_cut(words: str) -> None:
    """SigLIP pads with the token that ends a prompt: a prompt of one token too many looks as if it fitted."""
    tokenizer = HubTokenizer({"hf_tokenizer_name": "org/words", "context_length": 5}, words)
    tokenizer.check(["a photo of cat"])
    assert tokenizer(["a photo of cat"]).tolist() == [[3, 4, 5, 6, 2]]
    with pytest.raises(ValueError, match="a photo of a cat"):
        tokenizer.check(["a photo of a cat"])


def test_transformers_is_asked_for_before_anything_is_fetched(tmp_path: Path, words: str) -> None:
    config, _, _ = written(tmp_path, "roberta", words)
    with (
        mock.patch("clipteacher.utils.packages.import_module", side_effect=ImportError("none")),
        pytest.raises(ImportError, match=r"pip install 'clipteacher\[transformers\]'"),
    ):
        OpenClipTeacher(config, None)
    assert (
        openclip_tokenizer.tokenizer_of(CONFIGS["roberta"]["text_cfg"], None) is not None
    )  # itself, it is not needed yet


@pytest.mark.parametrize(
    ("model", "mean"),
    [
        ("ViT-B-16-SigLIP2", [0.5, 0.5, 0.5]),
        ("ViT-L-14-CLIPA", [0.485, 0.456, 0.406]),
        ("MobileCLIP2-B", [0.0, 0.0, 0.0]),
    ],
)
def test_a_weights_file_is_normalised_as_the_models_tags_agree(model: str, mean: list[float]) -> None:
    assert agreed_preprocessing(model)["mean"] == mean


def test_tags_that_differ_or_are_none_say_nothing() -> None:
    assert agreed_preprocessing("ViT-L-14") == {}  # two ways of training
    assert agreed_preprocessing("some/clip.json") == {}
