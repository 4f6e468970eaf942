"""The model card: front matter that the hub reads, scores where they are known, licences no better than known."""

import ast
import re
from typing import Any

import pytest
import yaml

from clipteacher.storage.model_card import model_card

CONFIG: dict[str, Any] = {
    "student": {"kind": "smp", "architecture": "Segformer", "encoder": "tu-tf_efficientnet_lite0"},
    "student_class": "clipteacher.students.smp.SMPStudent",
    "class_names": ["sky", "old chair", "boat"],
    "unseen": ["boat"],
    "text_encoder": {"kind": "openclip", "model": "ViT-B-16-quickgelu", "pretrained": "openai"},
    "test": {"pipeline": {"short_side": None, "mode": "whole", "crop": None, "stride": None}, "calibration": 0.0},
}


def test_front_matter_leaves_the_licence_to_the_owner() -> None:
    _, front, text = model_card(CONFIG).split("---\n", 2)
    assert yaml.safe_load(front) == {
        "library_name": "clipteacher",
        "pipeline_tag": "image-segmentation",
        "tags": ["semantic-segmentation", "zero-shot", "open-vocabulary", "clip"],
    }
    assert "# license: yours to choose" in front
    assert text.lstrip().startswith("# ")


def test_names_and_how_to_use_them() -> None:
    card = model_card(CONFIG)
    assert "3 of its own: sky, old chair, boat." in card
    assert "Never seen in training, neither name nor mask: boat." in card
    (code,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    ast.parse(code)
    assert '["sky", "old chair"]' in code
    assert len([line for line in code.splitlines() if line]) <= 5
    assert "Never seen" not in model_card(CONFIG | {"unseen": []})
    assert "and 700 more" in model_card(CONFIG | {"class_names": [f"w{i}" for i in range(1000)]})


LEARNED = "Learned from masks: "
WANTED = "Learned by name alone, without a mask (the transductive setting): "
NEVER = "Never seen in training, neither name nor mask: "


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"unseen": []}, {}),
        ({}, {LEARNED: "sky, old chair", NEVER: "boat"}),
        ({"wanted": ["boat"]}, {LEARNED: "sky, old chair", WANTED: "boat"}),
        ({"wanted": ["boat", "red barn"]}, {LEARNED: "sky, old chair", WANTED: "boat, red barn"}),
        ({"wanted": ["red barn"]}, {LEARNED: "sky, old chair", WANTED: "red barn", NEVER: "boat"}),
        ({"unseen": [], "wanted": ["red barn"]}, {LEARNED: "sky, old chair, boat", WANTED: "red barn"}),
        ({"seen": ["sky", "cow"]}, {LEARNED: "sky", NEVER: "boat, old chair"}),
        ({"seen": ["sky", "old chair"], "unseen": [], "wanted": ["boat"]}, {LEARNED: "sky, old chair", WANTED: "boat"}),
        ({"seen": ["cow"], "unseen": [], "wanted": ["sky", "boat"]}, {WANTED: "sky, boat", NEVER: "old chair"}),
        ({"wanted": ["[a](b)"]}, {LEARNED: "sky, old chair", WANTED: "\\[a\\](b)", NEVER: "boat"}),
    ],
)
def test_which_names_had_masks_which_were_words_and_which_neither(entries: Any, said: dict[str, str]) -> None:  # noqa: ANN401
    """Words that the model was given after training are no lesson."""
    card = model_card(CONFIG | entries)
    for lead in (LEARNED, WANTED, NEVER):
        assert [line for line in card.splitlines() if line.startswith(lead)] == (
            [f"{lead}{said[lead]}."] if lead in said else []
        )


def test_scores_where_they_are_known() -> None:
    assert "Protocol not recorded; scores not recorded." in model_card(CONFIG)
    assert "Protocol `world-15-5`; scores not recorded." in model_card(CONFIG | {"protocol": "world-15-5"})
    scores = {"pAcc": 0.931, "mIoU_seen": 0.767, "mIoU_unseen": 0.638, "hIoU": 0.696, "IoU": {"sky": 0.9}}
    card = model_card(CONFIG | {"protocol": "world-15-5", "scores": scores})
    assert "| U | hIoU | S | pAcc |\n|---|---|---|---|\n| 63.8 | 69.6 | 76.7 | 93.1 |" in card
    calibrated = {"pipeline": CONFIG["test"]["pipeline"], "calibration": 0.3}
    assert "Calibration 0.3: subtracted from every logit" in model_card(CONFIG | {"test": calibrated})
    assert "Calibration" not in card
    assert "Protocol `world-15-5`, mode `whole`, photos at their own size." in card
    assert "| - | - | 76.7 | 93.1 |" in model_card(
        CONFIG | {"protocol": "all seen", "scores": scores | {"mIoU_unseen": None, "hIoU": None}}
    )
    pipeline = {"short_side": 512, "mode": "slide", "crop": 512, "stride": 341}
    assert "mode `slide`, shorter side 512" in model_card(CONFIG | {"scores": scores, "test": {"pipeline": pipeline}})


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (CONFIG["text_encoder"], r"OpenAI's CLIP, `ViT-B-16-quickgelu` \(MIT\)"),
        (
            {"kind": "openclip", "model": "package:clipteacher.demo.tiny_clip", "pretrained": None},
            r"tiny CLIP \(Apache-2.0",
        ),
        (
            {"kind": "openclip", "model": "package:clipteacher.demo.tiny_clip_vit", "pretrained": None},
            r"tiny CLIP \(Apache-2.0",
        ),
        ({"kind": "minilm", "templates": ["a {}"]}, r"all-MiniLM-L6-v2 \(Apache-2.0\)"),
        ({"kind": "openclip", "model": "ViT-B-16", "pretrained": "laion2b"}, r"`ViT-B-16, laion2b`; licence not known"),
        ({"kind": "openclip", "model": "hf-hub:a/b", "pretrained": None}, r"`hf-hub:a/b`; licence not known here"),
        ({"kind": "openclip", "model": "/home/me/c.json", "pretrained": "/home/me/c.pt"}, r"a local file, `c\.pt`"),
        (None, "not recorded.* licence unknown"),
    ],
)
def test_the_teachers_licence_as_far_as_it_is_known(spec: Any, said: str) -> None:  # noqa: ANN401
    card = model_card(CONFIG | {"text_encoder": spec})
    assert re.search(rf"- Teacher: .*{said}", card)
    assert "/home/me" not in card


def test_the_students_licence() -> None:
    card = model_card(CONFIG)
    assert "- Student: smp · Segformer · tu-tf\\_efficientnet\\_lite0. Where its first weights came from is not" in card
    assert "non-commercial" not in card
    nvidia = model_card(CONFIG | {"student": CONFIG["student"] | {"encoder": "mit_b0"}})
    assert "(SegFormer) are for non-commercial use alone" in nvidia
    own = model_card(CONFIG | {"student": None, "student_class": "mine.Network"})
    assert "- Student: mine.Network." in own


def test_names_are_text_and_never_markup() -> None:
    card = model_card(
        CONFIG | {"class_names": ["<script>", "# head", "[a](b)", "two\nlines", "\x1b[31m"], "unseen": []}
    )
    assert "\\<script\\>, \\# head, \\[a\\](b), two lines, \\[31m." in card
    assert "\x1b" not in card
