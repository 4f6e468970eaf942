"""Writes configs/<protocol>/<student>.yaml, a recipe for each student of the paper on each benchmark.

    python tools/write_recipes.py

A recipe holds only what differs from the defaults: the protocol's name brings classes, split, prompts, test pipeline
and schedule. The transductive protocols have one student each. A test compares the files with what this writes. Change
a recipe here; your own goes into a file of another name.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from clipteacher.protocols.coco_stuff import COCO_STUFF_156_15
from clipteacher.protocols.context import CONTEXT_49_10, CONTEXT_50_10_BG
from clipteacher.protocols.protocol import Protocol, transductive
from clipteacher.protocols.voc import VOC12_15_5
from clipteacher.students.published import PAPER_STUDENTS, PublishedStudent

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
BENCHMARKS = {
    VOC12_15_5: "PASCAL VOC 2012",
    COCO_STUFF_156_15: "COCO-Stuff 164k",
    CONTEXT_49_10: "PASCAL Context",
    CONTEXT_50_10_BG: "PASCAL Context with background",
}
TRANSDUCTIVE = {transductive(each): BENCHMARKS[each] for each in (VOC12_15_5, COCO_STUFF_156_15, CONTEXT_49_10)}
STUDENT = "SegNeXt-B"  # of the transductive recipes; for another, name the protocol: docs/benchmarks/recipes.md
PAPER = """\
# Modules and losses are the paper's; their numbers, which it does not give, are ours (MethodConfig.paper).
preset: paper
"""
OURS = """\
# Transductive: training knows the unseen names, never their masks. The paper has no such setting; the method is ours
# (MethodConfig.recommended).
"""


class Training(NamedTuple):
    """What a family of students asks for.

    Attributes:
        weights: First weights of the encoder; `{}` stands for the size's first letter.
        lr: Learning rate of what is not pretrained.
        encoder_lr_factor: Factor on it for the encoder.
        power: Exponent of the decay.
        why: Where the optimiser's settings are from.
    """

    weights: str
    lr: str
    encoder_lr_factor: str
    power: str
    why: str


# Deviation: DeepLabV3+ is trained with SGD in mmseg; AdamW at the rates of the others is our choice, not tuned.
FAMILIES = {
    "SegNeXtStudent": Training("mscan_{}.pth", "6e-4", "0.1", "1.0", "its authors' for ADE20K"),
    "SegFormerStudent": Training("imagenet", "6e-4", "0.1", "1.0", "its authors' for ADE20K"),
    "SwinUPerNetStudent": Training("ms_in1k", "6e-5", "1.0", "1.0", "its authors' for ADE20K"),
    "DeepLabV3PlusStudent": Training("gluon_in1k", "6e-4", "0.1", "0.9", "this project's choice, not tuned"),
}


def slug(paper: PublishedStudent) -> str:
    """Return a student's file name: "Swin-T + UPerNet" becomes "swin-t-upernet"."""
    return paper.name.lower().replace(" + ", "-").replace("+", "plus").replace(" ", "-")


def recipe(protocol: Protocol, paper: PublishedStudent) -> str:
    """Return the text of a recipe."""
    family = FAMILIES[paper.student.__name__]
    weights = family.weights.format(str(paper.arguments.get("size", ""))[:1])
    size = ", ".join(f"{name}: {value}" for name, value in paper.arguments.items())
    split, data = protocol.class_split, (BENCHMARKS | TRANSDUCTIVE)[protocol]
    needs = f", with the authors' {weights} where it is started" if weights.endswith(".pth") else ""
    return f"""\
# {paper.name} on {data}: {len(split.seen)} seen and {len(split.unseen)} unseen classes. Run it with
# --data.root and --out{needs}. The optimiser is {family.why}.
{OURS if protocol.transductive else PAPER}data:
  protocol: {protocol.name}
model:
  student:
    class_path: {paper.class_path}
    init_args: {{{size}, channels: 512, weights: {weights}}}
  teacher:
    class_path: clipteacher.teachers.openclip.OpenClipTeacher
    init_args: {{model: ViT-B-16-quickgelu, pretrained: openai, dense: value}}
  optimizer: {{lr: {family.lr}, encoder_lr_factor: {family.encoder_lr_factor}, power: {family.power}}}
"""


def recipes() -> dict[str, str]:
    """Return every recipe's text by its path below configs/."""
    pairs = [(protocol, paper) for protocol in BENCHMARKS for paper in PAPER_STUDENTS]
    pairs += [(protocol, paper) for protocol in TRANSDUCTIVE for paper in PAPER_STUDENTS if paper.name == STUDENT]
    return {f"{protocol.name}/{slug(paper)}.yaml": recipe(protocol, paper) for protocol, paper in pairs}


def main() -> None:
    """Write them."""
    for name, text in recipes().items():
        path = CONFIGS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"Written: {len(recipes())} recipes in {CONFIGS}")


if __name__ == "__main__":
    main()
