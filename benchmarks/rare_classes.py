"""Classes with masks that cover few pixels: are they learned, with and without the weights that `train` chooses?

    python benchmarks/rare_classes.py --seeds 0 1 2

A drawn world in which car, bird and mushroom are small, 12 to 21 pixels of 128, and house and sun are in few photos:
each covers half a per cent of the pixels, or one. Words are said before training; the quickstart's settings.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ablation import ROOT
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.demo.drawn_world import UNSEEN
from clipteacher.demo.drawn_world.scenes import CLASSES, draw_scene
from clipteacher.planning.balance import class_weights
from clipteacher.planning.facts import data_facts
from clipteacher.training.configured import configured_session
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from tables import by_setting, shown_mean, table

FEW, SMALL = ("house", "sun"), ("car", "bird", "mushroom")
RARE = (*FEW, *SMALL)
_SIZE = 128
_SHAPES = 40  # of each small thing

Shape = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def shapes(name: str, seed: int) -> list[Shape]:
    """Cut a thing out of drawn scenes: colours and where it is, (h, w, 3) and (h, w)."""
    label, number = CLASSES.index(name), 0
    found: list[Shape] = []
    while len(found) < _SHAPES:
        scene = draw_scene(np.random.default_rng([seed, 7, label, number]), _SIZE)
        number += 1
        where = scene.mask == label
        if where.mean() < 0.04:
            continue
        rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        found.append((scene.image[box], where[box]))
    return found


def put(shape: Shape, image: NDArray[np.uint8], mask: NDArray[np.uint8], label: int, rng: np.random.Generator) -> None:
    """Put a shape somewhere into a scene, 12 to 21 pixels tall."""
    height = int(rng.integers(12, 22))
    width = min(40, max(4, round(height * shape[1].shape[1] / shape[1].shape[0])))
    size = (width, height)
    colours = np.asarray(Image.fromarray(shape[0]).resize(size, Image.Resampling.BILINEAR))
    covered = Image.fromarray(shape[1].astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
    where = np.asarray(covered) > 127
    top, left = int(rng.integers(0, _SIZE - height)), int(rng.integers(0, _SIZE - width))
    image[top : top + height, left : left + width][where] = colours[where]
    mask[top : top + height, left : left + width][where] = label


def write_rare_world(root: Path, counts: dict[str, int], seed: int = 0) -> None:
    """Write the world, if it is not there: four of five scenes with house or sun are left out of training."""
    if (root / "classes.txt").exists():
        return
    few, small = ([CLASSES.index(name) for name in names] for names in (FEW, SMALL))
    for part, (split, count) in enumerate(counts.items()):
        cut = {name: shapes(name, seed + part) for name in SMALL}
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        done = number = 0
        while done < count:
            rng = np.random.default_rng([seed, part, number])
            number += 1
            scene = draw_scene(rng, _SIZE)
            image, mask = scene.image.copy(), scene.mask.copy()
            if np.isin(mask, few).any() and split == "train" and rng.random() > 0.2:
                continue
            if np.isin(mask, small).any():
                continue
            for name in SMALL:
                if rng.random() < 0.5:
                    put(cut[name][rng.integers(_SHAPES)], image, mask, CLASSES.index(name), rng)
            Image.fromarray(image).save(root / "images" / split / f"{done:05d}.png")
            Image.fromarray(mask).save(root / "masks" / split / f"{done:05d}.png")
            done += 1
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")


def chosen_weights(root: Path) -> dict[str, float]:
    """Return the weights that `clipteacher train` chooses for the world."""
    train, val = (open_data(root, split, None, (), wanted=UNSEEN) for split in ("train", "val"))
    sets = (SegmentationDataset(each.source, each.class_split, training=each is train) for each in (train, val))
    return class_weights(data_facts(*sets).shares)


def scores(root: Path, out: Path, weights: dict[str, float], seed: int, steps: int) -> dict[str, Any]:
    """Train, or go on, and return the scores."""
    config = ROOT / "src/clipteacher/demo/quickstart/quickstart.yaml"
    arguments = ["--config", str(config), "--data.root", str(root), "--seed_everything", str(seed), "--out", str(out)]
    words = ["--data.unseen", "[]", "--data.wanted", json.dumps(UNSEEN), "--trainer.limit_val_batches", "0"]
    balance = ["--model.method.losses.class_weights", json.dumps(weights), "--trainer.max_steps", str(steps)]
    if not (out / "metrics.json").exists():
        configured_session([*arguments, *words, *balance, "--resume"]).start()
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return found


def shown(runs: Sequence[Mapping[str, Any]], rare: Sequence[str]) -> str:
    """Write the table of runs: IoU of the rare classes and of the others with masks, mean and deviation over seeds."""
    others = [name for name in CLASSES if name not in (*rare, *UNSEEN)]
    rows = []
    for setting, each in by_setting(runs).items():
        means = [
            [100 * statistics.mean(run["IoU"][name] for name in names) for run in each] for names in (rare, others)
        ]
        single = [[100 * run["IoU"][name] for run in each] for name in rare]
        scored = [[100 * run[score] for run in each] for score in ("mIoU_unseen", "mIoU_seen")]
        rows.append([setting, *map(shown_mean, [*single, *means, *scored])])
    return table(["IoU of", *rare, "mean of these", "mean of the other seen", "U", "S"], rows)


def main() -> None:
    """Train with and without weights, for each seed, and write both down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--train", type=int, default=600)
    parser.add_argument("--val", type=int, default=200)
    parser.add_argument("--runs", type=Path, default=Path("runs/rare_classes"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rare_classes.json"))
    given = parser.parse_args()
    world = given.runs / "world"
    write_rare_world(world, {"train": given.train, "val": given.val})
    weights, found = chosen_weights(world), []
    for seed in given.seeds:
        for setting, each in (("no weights", {}), ("weights as train chooses them", weights)):
            out = given.runs / f"{setting.split()[0]}-{given.steps}-seed{seed}"
            run = scores(world, out, each, seed, given.steps)
            found.append({"setting": setting, "seed": seed, **run})
    write_json(given.out, {**provenance(), "weights": weights, "runs": found})
    print(f"weights: {weights}; seeds {given.seeds}; {given.steps} steps\n")
    print(shown(found, [*weights]))


if __name__ == "__main__":
    main()
