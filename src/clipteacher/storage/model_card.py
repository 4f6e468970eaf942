"""The model card, README.md of a model folder: what the model is, its scores and licences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_SCORES: Final = (("mIoU_unseen", "U"), ("hIoU", "hIoU"), ("mIoU_seen", "S"), ("pAcc", "pAcc"))
_LISTED: Final = 300  # names in a card; config.json has all
_TINY_CLIPS: Final = tuple(f"package:clipteacher.demo.{name}" for name in ("tiny_clip", "tiny_clip_vit"))

_HOW: Final = """\
```python
from clipteacher import Segmenter

segmenter = Segmenter.from_pretrained("owner/name")  # or this folder
found = segmenter.segment("photo.jpg", {names})
print(found.areas)  # share of the photo by name; found.labels holds the pixels
```
"""


def model_card(config: Mapping[str, Any]) -> str:
    """Write the card of a model folder.

    The licence is left to the owner: what is known of the parts' is listed, and what is not known is called so.

    Args:
        config: The folder's config.json.

    Returns:
        Markdown with the hub's front matter.
    """
    names = [_plain(name) for name in config["class_names"]]
    seen, wanted, unseen = ([_plain(name) for name in group] for group in _by_lesson(config))
    parts = [
        "---\nlibrary_name: clipteacher\npipeline_tag: image-segmentation\ntags:\n"
        "- semantic-segmentation\n- zero-shot\n- open-vocabulary\n- clip\n"
        "# license: yours to choose; see the licences of the parts below\n---\n",
        "# A segmenter trained with CLIPTeacher\n",
        "It labels each pixel of a photo with the best of the given class names. A frozen CLIP trained it and is not "
        "needed any more: names of its own vocabulary need no text tower, a new name needs it once.\n",
        "## How to use it\n\n" + _HOW.format(names=json.dumps(list(config["class_names"])[:2], ensure_ascii=False)),
        f"## Names\n\n{len(names)} of its own: {_listed(names)}.\n",
        f"Learned from masks: {_listed(seen)}.\n" if seen and (wanted or unseen) else "",
        f"Learned by name alone, without a mask (the transductive setting): {_listed(wanted)}.\n" if wanted else "",
        f"Never seen in training, neither name nor mask: {_listed(unseen)}.\n" if unseen else "",
        "## Scores\n\n" + _scores(config),
        "## Parts and their licences\n\n" + _parts(config),
        "## Limits\n\nWithout a threshold every pixel gets one of the given names, even if it shows something else. "
        "Names that its teacher does not know are guessed. It shares the biases of the photographs it learned on and "
        "of its teacher.\n",
    ]
    return "\n".join(part for part in parts if part)


def _by_lesson(config: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Group names: learned from masks, by name alone, and neither; words given after training are among the last."""
    wanted, known = list(config.get("wanted", ())), config.get("seen")
    names, unseen = config["class_names"], config["unseen"]
    seen = [name for name in names if (name not in unseen if known is None else name in known)]
    others = dict.fromkeys([*unseen, *(name for name in names if name not in seen)])
    return seen, wanted, [name for name in others if name not in wanted]


def _scores(config: Mapping[str, Any]) -> str:
    """The protocol and what was measured by it."""
    protocol, scores = config.get("protocol"), config.get("scores")
    said = f"Protocol `{_plain(str(protocol))}`" if protocol else "Protocol not recorded"
    calibration = config["test"].get("calibration")
    taken = f"\nCalibration {calibration:g}: subtracted from every logit of a seen name.\n" if calibration else ""
    if not isinstance(scores, Mapping):
        return f"{said}; scores not recorded.\n{taken}"
    cells = [f"{100 * scores[key]:.1f}" if isinstance(scores.get(key), int | float) else "-" for key, _ in _SCORES]
    pipeline = config["test"]["pipeline"]
    side = pipeline["short_side"]
    return (
        f"{said}, mode `{pipeline['mode']}`, {'photos at their own size' if side is None else f'shorter side {side}'}. "
        "In per cent: U and S are the mean IoU of unseen and seen names, hIoU their harmonic mean, all of one pooled "
        "confusion matrix.\n\n"
        f"| {' | '.join(title for _, title in _SCORES)} |\n|{'---|' * len(_SCORES)}\n| {' | '.join(cells)} |\n{taken}"
    )


def _parts(config: Mapping[str, Any]) -> str:
    """A list of the parts, their origin and their licences."""
    student = config.get("student") or {}
    encoder = str(student.get("encoder", ""))
    network = " · ".join(_plain(str(student[key])) for key in ("kind", "architecture", "encoder") if student.get(key))
    lines = [
        f"- Student: {network or _plain(str(config['student_class']))}. Where its first weights came from is not "
        "recorded here; their licence, and that of the photographs it was trained on, hold for it.",
    ]
    if encoder.startswith("mit_b"):
        lines.append("  NVIDIA's own weights of this encoder (SegFormer) are for non-commercial use alone.")
    lines += [
        f"- Teacher: {_teacher(config.get('text_encoder'))}",
        "- CLIPTeacher, the code that trained it and runs it: Apache-2.0.",
    ]
    return "\n".join(lines) + "\n"


def _teacher(spec: Mapping[str, Any] | None) -> str:
    """Name the teacher's text tower and its licence, as far as that is known."""
    if not spec:
        return "not recorded, or one of the owner's own; licence unknown. No text tower is named for new words."
    if spec.get("kind") == "minilm":
        return "text tower all-MiniLM-L6-v2 (Apache-2.0)."
    model, pretrained = str(spec.get("model")), spec.get("pretrained")
    if model in _TINY_CLIPS:
        return "CLIPTeacher's own tiny CLIP (Apache-2.0), pretrained on drawn scenes alone."
    if pretrained == "openai":
        return f"OpenAI's CLIP, `{_plain(model)}` (MIT); its authors call untested deployment out of scope."
    if any(Path(part).is_absolute() for part in (model, str(pretrained))):
        return f"a CLIP from a local file, `{_plain(Path(str(pretrained or model)).name)}`; licence not known here."
    source = _plain(model if pretrained is None else f"{model}, {pretrained}")
    return f"`{source}`; licence not known here: see its own card."


def _plain(text: str) -> str:
    """A name as Markdown shows it: on one line, and as text."""
    kept = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#~" else sign for sign in kept)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
