"""Write docs/guides/teacher_table.md: every model of open_clip as a teacher, compared with open_clip's own forward.

Run: python tools/teacher_table.py docs/guides/teacher_table.md [NAME ...]

Weights are random and nothing is downloaded. One model is built at a time, through `OpenClipTeacher` from a JSON file
with its configuration. Text towers have one layer, and those of transformers a small configuration of the same kind,
since theirs lie on the hub. Large image towers have a few layers only, and the table says "shrunk". About a quarter of
an hour on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from unittest import mock

import open_clip as _untyped
import timm
import torch
from open_clip.model import _build_vision_tower
from torch import Tensor, nn

from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.teachers.openclip_source import find_weights

open_clip: Any = _untyped

LARGE: Final = 95_000_000 * 256 * 256
"""Parameters times pixels above which an image tower is shrunk: ViT-B/16 at 256 pixels is below, ViT-L/14 above."""
CLOSE: Final = 1e-5
"""Largest difference of a CLS token from open_clip's own."""
_SMALL_TEXT: Final = {
    "roberta": {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
    "xlm-roberta": {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
    "mt5": {"vocab_size": 64, "d_model": 32, "d_kv": 16, "d_ff": 32, "num_layers": 1, "num_heads": 2},
    "m2m_100": {"vocab_size": 64, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1},
}
"""Stand-ins for configurations on the hub, by their `model_type`."""


def text_type(name: str) -> str:
    """Name the `model_type` of a text tower on the hub."""
    kinds = {"xlm": "xlm-roberta", "roberta": "roberta", "mt5": "mt5", "nllb": "m2m_100"}
    return next(kind for part, kind in kinds.items() if part in name)


def parameters(config: dict[str, Any]) -> tuple[int, nn.Module]:
    """Count an image tower's parameters, without memory for them; the tower is on the device meta."""
    with torch.device("meta"):
        tower = _build_vision_tower(config["embed_dim"], config["vision_cfg"], bool(config.get("quick_gelu")))
    return sum(parameter.numel() for parameter in tower.parameters()), tower


def shrink(config: dict[str, Any], tower: Any) -> dict[str, Any]:  # noqa: ANN401 (open_clip's)
    """Take layers out of a configuration; returns arguments for timm where the tower is timm's."""
    vision = config["vision_cfg"]
    if not vision.get("timm_model_name"):
        vision["layers"] = [1, 1, 1, 1] if isinstance(vision["layers"], list) else 2
        return {}
    trunk = tower.trunk
    if hasattr(trunk, "blocks"):
        return {"depth": 2}
    stages = len(trunk.stages)
    return {"layers": (1,) * stages} if type(trunk).__name__ == "FastVit" else {"depths": (1,) * stages}


def small_text(config: dict[str, Any], folder: Path) -> None:
    """Make the text tower small: it plays no part here."""
    text = config["text_cfg"]
    if "hf_model_name" in text:
        kind = text_type(text["hf_model_name"])
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / "config.json").write_text(json.dumps({"model_type": kind} | _SMALL_TEXT[kind]))
        text["hf_model_name"] = str(folder / kind)
    else:
        text["layers"] = 1
        text |= {"vocab_size": 64} if text.get("hf_tokenizer_name") else {}
    if "multimodal_cfg" in config:
        config["multimodal_cfg"]["layers"] = 1


def stir(network: nn.Module) -> None:
    """Add noise to what starts at 0 or 1, which would hide faults."""
    generator = torch.Generator().manual_seed(0)
    for name, value in network.named_parameters():
        if value.ndim < 2 or any(part in name for part in ("pos_embed", "token", "latent", "query")):
            value.data.add_(torch.randn(value.shape, generator=generator) * 0.1)


def refused_tags(name: str) -> tuple[int, int]:
    """Count the tags of a model, and those that are refused since their weights need QuickGELU; nothing is fetched."""
    config, tags, refused = open_clip.get_model_config(name), open_clip.list_pretrained_tags_by_model(name), 0
    with mock.patch.object(open_clip, "download_pretrained", side_effect=OSError("no download here")):
        for tag in tags:
            try:
                find_weights(name, tag, config)
            except ValueError:
                refused += 1
            except ConnectionError:
                continue
    return len(tags), refused


def frozen(teacher: OpenClipTeacher) -> bool:
    """Whether a trainer would find nothing of the teacher to train, to save or to switch to training mode."""
    teacher.train()
    network = teacher.image.network
    still = not any(module.training for module in network.modules())
    return still and not list(teacher.parameters()) and not any(part.requires_grad for part in network.parameters())


@torch.no_grad()
def row(name: str, folder: Path) -> tuple[list[str], bool]:
    """Build a model, compare it, and write its row; also whether all is as it should be."""
    config = open_clip.get_model_config(name)
    count, tower = parameters(config)
    native = _native(tower)
    large = count * native[0] * native[1] > LARGE
    extra = shrink(config, tower) if large else {}
    small_text(config, folder)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(config))
    create = timm.create_model
    with mock.patch.object(timm, "create_model", lambda *args, **named: create(*args, **named | extra)):
        teacher = OpenClipTeacher(str(file), None)
    visual: Any = teacher.image.network
    stir(visual)
    size = _native(visual)  # not the configuration's: ViTamin-XL-384 says 256 there
    images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    own, other = teacher.encode_image(images), teacher.encode_image(torch.rand(1, 3, *_other(teacher)))
    whole: Any = teacher.tower.network
    whole.visual = visual  # as open_clip built it
    plain = {"normalize": False}
    difference = float((own.cls - whole.encode_image((images - teacher.mean) / teacher.std, **plain)).abs().max())
    tags, refused = refused_tags(name)
    gelu = "QuickGELU" if config.get("quick_gelu") else "GELU"
    rule = f"{gelu}; {refused} of {tags} tags refused" if refused else gelu
    still = frozen(teacher)
    cells = [
        name,
        teacher.family,
        f"{count / 1e6:.0f} M" + (", shrunk" if large else ""),
        f"{difference:.0e}" if difference else "0",
        f"{_grid(own.dense)} of {size[0]}x{size[1]}",
        "one size" if teacher.fixed_size else f"{_grid(other.dense)} of {'x'.join(map(str, _other(teacher)))}",
        "yes" if still else "NO",
        rule,
    ]
    return cells, still and difference <= CLOSE


def _native(visual: Any) -> tuple[int, int]:  # noqa: ANN401 (open_clip's)
    """Size of the images that a tower was built for; a timm trunk knows better than the configuration."""
    size = getattr(getattr(getattr(visual, "trunk", None), "patch_embed", None), "img_size", None) or visual.image_size
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _other(teacher: OpenClipTeacher) -> tuple[int, int]:
    return 5 * teacher.step[0], 8 * teacher.step[1]


def _grid(dense: Tensor) -> str:
    return f"{dense.shape[2]}x{dense.shape[3]}"


def main(arguments: list[str]) -> int:
    """Write the table; 1 where a model is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("names", nargs="*", help="models; default: all")
    given = parser.parse_args(arguments)
    names, rows, faults = given.names or open_clip.list_models(), [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            start = time.perf_counter()
            cells, good = row(name, Path(folder))
            rows.append(cells)
            faults += [] if good else [name]
            print(" | ".join(cells), f"{time.perf_counter() - start:.0f} s", flush=True)
    head = ["model", "image tower", "its parameters", "CLS", "dense tokens", "at another size"]
    head += ["frozen", "activation"]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    given.file.write_text(PAGE.format(count=len(rows), close=CLOSE, table="\n".join(lines)))
    print(f"{len(rows)} models, {len(faults)} not as they should be: {', '.join(faults)}")
    return 1 if faults else 0


PAGE: Final = """# Every CLIP of open_clip

Written in a clone by `python tools/teacher_table.py docs/guides/teacher_table.md`: {count} models of
`open_clip.list_models()`, each built as `OpenClipTeacher` builds it, with random weights and no download. How to choose
and load one: [teachers](teachers.md).

- **CLS**: the largest difference of the teacher's CLS token from open_clip's own `encode_image`, not normalised, on an
  image of the tower's own size. At most {close:.0e} is asked for.
- **Dense tokens**: the grid of `encode_image(...).dense`, at the tower's own size and at 5 by 8 steps. "One size": the
  tower takes images of its own size alone, and all are brought to it.
- **Shrunk**: the image tower has two layers, or one a stage, all else as the model has it: those of more than 95
  million parameters at 256 pixels, of fewer at more. The number of parameters is the whole tower's.
- **Frozen**: nothing to train, nothing in the state dict, evaluation mode after `train()`.
- **Activation**: tags whose weights need QuickGELU are refused under plain GELU, before any download; the model of the
  same name with `-quickgelu` takes them.
- Text towers have one layer here. Those of RoBERTa, XLM-RoBERTa, mT5 and NLLB, whose configurations lie on the hub,
  are replaced by small ones of the same kind.

{table}
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
