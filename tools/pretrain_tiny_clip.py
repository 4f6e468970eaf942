"""Pretrains the tiny CLIP on scenes and captions of the drawn world, and writes the weights that the package ships.

    python tools/pretrain_tiny_clip.py --out DIR                                  # DIR holds open_clip_config.json
    python tools/pretrain_tiny_clip.py --out DIR2 --start DIR/open_clip_model.safetensors --first 30000 --seed 1
    python tools/pretrain_tiny_clip.py --out DIR3 --text DIR/open_clip_model.safetensors            # a new image tower

open_clip's own architecture, tokenizer and loss; no mask is ever read. It writes `open_clip_model.safetensors` (half
precision) and `pretraining.json` (arguments, time and machine of each stage, zero-shot accuracy on held-out scenes).
Those of `src/clipteacher/demo/tiny_clip` and `tiny_clip_vit` were made so, the latter beginning with the former's text
tower. Rows of the token table that no caption uses are zero: a word that it never read says nothing to it, and the
wheel stays small.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import platform
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip as _untyped
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.demo.drawn_world import CLASSES, UNSEEN, draw_scene, scene_generator
from clipteacher.teachers.prompts import SINGLE, fill
from clipteacher.training.allocator import keep_freed_memory
from clipteacher.utils.atomic_files import write_json

open_clip: Any = _untyped  # open_clip ships no types

HERE = Path(__file__).resolve().parents[1] / "src" / "clipteacher" / "demo" / "tiny_clip"
WORLD_SEED = 231002296  # no quickstart draws this world


def main() -> None:
    """Draw, train, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE, help="folder with open_clip_config.json; written to")
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and crops")
    parser.add_argument("--start", type=Path, help="weights to go on from; pretraining.json lies beside them")
    parser.add_argument("--text", type=Path, help="weights whose text tower to begin with; of the same text_cfg")
    parser.add_argument("--first", type=int, default=0, help="number of the first scene to learn from")
    parser.add_argument("--scenes", type=int, default=24000, help="scenes to learn from")
    parser.add_argument("--held_out", type=int, default=2000, help="scenes to score on")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--weight_decay", type=float, default=0.05)
    parser.add_argument("--warmup", type=int, default=150, help="steps")
    parser.add_argument("--max_scale", type=float, default=15, help="largest scale of the logits; keeps names apart")
    parser.add_argument("--least_crop", type=float, default=0.6, help="least share of a scene's side in a crop")
    parser.add_argument("--bf16", action="store_true", help="multiply matrices in bfloat16")
    given = parser.parse_args()
    started = time.perf_counter()
    config = json.loads((given.out / "open_clip_config.json").read_text(encoding="utf-8"))
    size = config["model_cfg"]["vision_cfg"]["image_size"]
    images, _, captions = draw(0, given.scenes, size, given.first)
    held_out = draw(1, given.held_out, size)
    print(f"drew {given.scenes} scenes in {time.perf_counter() - started:.0f} s", flush=True)

    torch.manual_seed(given.seed)
    model = open_clip.CLIP(**config["model_cfg"])
    stages: list[dict[str, Any]] = []
    if given.text is not None:
        model.load_state_dict(read_text_tower(given.text), strict=False)
    if given.start is not None:
        model.load_state_dict(load_file(given.start))
        stages = json.loads((given.start.parent / "pretraining.json").read_text(encoding="utf-8"))["stages"]
    tokenizer = open_clip.SimpleTokenizer(context_length=config["model_cfg"]["text_cfg"]["context_length"])
    tokens = tokenizer([text for five in captions for text in five]).view(len(captions), 5, -1)
    normalise = [torch.tensor(config["preprocess_cfg"][name]).view(3, 1, 1) for name in ("mean", "std")]
    train(model, images, tokens, normalise, given)
    model.eval()

    used = torch.zeros(len(model.token_embedding.weight), dtype=torch.bool)
    used[tokens.unique()] = True
    with torch.no_grad():
        model.token_embedding.weight[~used] = 0
    model.half().float()  # what is scored is what is shipped
    accuracy = zero_shot(model, tokenizer, held_out[0], held_out[1], normalise)
    save(model, given.out / "open_clip_model.safetensors")
    stage = {
        "arguments": {name: value for name, value in vars(given).items() if name not in ("out", "start", "text")},
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"open_clip {open_clip.__version__}",
    }
    write_json(
        given.out / "pretraining.json",
        {
            "world_seed": WORLD_SEED,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "accuracy": accuracy,
            "stages": [*stages, stage],
        },
    )
    print(json.dumps(accuracy, indent=2))


def read_text_tower(path: Path) -> dict[str, Tensor]:
    """Read the weights of a CLIP without those of its image tower."""
    return {name: value for name, value in load_file(path).items() if not name.startswith("visual.")}


def save(model: nn.Module, path: Path) -> None:
    """Write weights in half precision."""
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, path)


def draw(
    split: int, count: int, size: int, first: int = 0
) -> tuple[NDArray[np.uint8], list[str], list[tuple[str, ...]]]:
    """Draw scenes on all cores: images (count, size, size, 3), subjects, five captions each. The masks are dropped."""
    images = np.empty((count, size, size, 3), dtype=np.uint8)
    subjects, captions = [], []
    with multiprocessing.Pool() as pool:
        for index, (image, subject, texts) in enumerate(
            pool.imap(partial(_draw, split, size), range(first, first + count), 64)
        ):
            images[index] = image
            subjects.append(subject)
            captions.append(texts)
    return images, subjects, captions


def _draw(split: int, size: int, index: int) -> tuple[NDArray[np.uint8], str, tuple[str, ...]]:
    scene = draw_scene(scene_generator(WORLD_SEED, split, index), size)
    return scene.image, scene.subject, scene.captions


def train(
    model: Any,  # noqa: ANN401 (open_clip ships no types)
    images: NDArray[np.uint8],
    tokens: Tensor,
    normalise: list[Tensor],
    given: argparse.Namespace,
) -> None:
    """Contrast each image with a caption of its subject and with one of the whole scene."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": given.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=given.lr, betas=(0.9, 0.98), eps=1e-6,
    )  # fmt: skip
    factor = lambda step: min((step + 1) / given.warmup, 0.5 * (1 + math.cos(math.pi * step / given.steps)))  # noqa: E731
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    contrast = open_clip.loss.ClipLoss()
    model.to(memory_format=torch.channels_last)  # faster convolutions on a CPU
    keep_freed_memory()
    rng = np.random.default_rng(given.seed)
    began = time.perf_counter()
    model.train()
    for step in range(given.steps):
        chosen = rng.choice(len(images), given.batch_size, replace=False)
        batch = crop(images[chosen], rng, given.least_crop)
        texts = tokens[torch.from_numpy(chosen)]
        rows = torch.arange(len(chosen))
        alone, whole = (
            texts[rows, torch.from_numpy(rng.integers(0, 3, len(chosen)))],
            texts[rows, torch.from_numpy(rng.integers(3, 5, len(chosen)))],
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=given.bf16):
            seen = model.encode_image((batch - normalise[0]) / normalise[1], normalize=True)
            read = model.encode_text(torch.cat([alone, whole]), normalize=True)
        first, second = read.float().chunk(2)
        scale = model.logit_scale.exp()
        loss = contrast(seen.float(), first, scale) + contrast(seen.float(), second, scale)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(given.max_scale))
        if step % 150 == 149 and step + 1 < given.steps:
            save(model, given.out / f"step{step + 1}.safetensors")
        if step % 50 == 49:
            print(
                f"step {step + 1} loss {float(loss.detach()):.3f} scale {float(scale.detach()):.1f} "
                f"{time.perf_counter() - began:.0f} s",
                flush=True,
            )


def crop(pixels: NDArray[np.uint8], rng: np.random.Generator, least: float) -> Tensor:
    """Crop squares at random, bring them back to full size and mirror half: (B, S, S, 3) to (B, 3, S, S) in [0, 1]."""
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    size, out = batch.shape[-1], []
    for image in batch:
        side = int(size * rng.uniform(least, 1))
        top, left = (int(rng.integers(0, size - side + 1)) for _ in range(2))
        view = image[:, top : top + side, left : left + side]
        view = F.interpolate(view[None], size=(size, size), mode="bilinear", align_corners=False)[0]
        out.append(view.flip(2) if rng.random() < 0.5 else view)
    return torch.stack(out)


@torch.no_grad()
def zero_shot(
    model: Any,  # noqa: ANN401 (open_clip ships no types)
    tokenizer: Callable[[list[str]], Tensor],
    images: NDArray[np.uint8],
    subjects: list[str],
    normalise: list[Tensor],
) -> dict[str, Any]:
    """Ask which of the 20 names is the main thing of each scene."""
    texts = model.encode_text(tokenizer(fill(SINGLE, CLASSES)), normalize=True)
    right: dict[str, list[bool]] = {name: [] for name in CLASSES}
    for start in range(0, len(images), 100):
        batch = torch.from_numpy(images[start : start + 100]).permute(0, 3, 1, 2).float() / 255
        found = (model.encode_image((batch - normalise[0]) / normalise[1]) @ texts.T).argmax(1)
        for subject, index in zip(subjects[start:], found.tolist(), strict=False):
            right[subject].append(CLASSES[index] == subject)

    def mean(names: Sequence[str]) -> float:
        return float(np.mean([hit for name in names for hit in right[name]]))

    return {
        "scenes": len(images),
        "seen": mean([name for name in CLASSES if name not in UNSEEN]),
        "unseen": mean(UNSEEN),
        "by_class": {name: mean([name]) for name in CLASSES},
    }


if __name__ == "__main__":
    main()
