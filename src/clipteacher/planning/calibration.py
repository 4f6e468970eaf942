"""A calibration chosen by a short run of its own, in which some classes with masks are held back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from clipteacher.analysis.calibrate import CALIBRATIONS, best_calibration, held_out_split, without_classes
from clipteacher.analysis.student.predict import student_predictions
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.protocols.splits import ClassSplit

_SHARE: Final = 4  # a quarter of the classes is held back
_FEWEST: Final = 8  # classes with masks: with fewer, those that stay teach too little
_COMMON: Final = 0.005  # share of the labelled pixels: rarer classes tell little


def held_out_classes(seen: Sequence[str], shares: Mapping[str, float], seed: int) -> tuple[str, ...]:
    """Draw the classes that are held back to choose a calibration: a quarter of the common ones.

    Args:
        seen: Classes with masks.
        shares: Share of the labelled pixels of each.
        seed: Of the draw.

    Returns:
        Their names, in the order of `seen`; none where there are too few classes.

    Example:
        >>> held_out_classes(["sky", "sea"], {"sky": 0.5, "sea": 0.5}, seed=0)
        ()
    """
    common = [name for name in seen if shares[name] >= _COMMON]
    if len(seen) < _FEWEST or len(common) < _SHARE:
        return ()
    drawn = np.random.default_rng(seed).permutation(len(common))[: len(common) // _SHARE]
    return tuple(common[number] for number in sorted(drawn))


def choose_calibration(
    config: Mapping[str, Any],
    out: Path,
    steps: int,
    held_out: Sequence[str],
    train: Callable[[Mapping[str, Any], Path], Any],
) -> float:
    """Train for a while without some classes, and choose the calibration that suits these best.

    Args:
        config: The configuration of the run that the calibration is for.
        out: Folder of the run to be made.
        steps: Its steps.
        held_out: Classes that are held back; those of the configuration are left out altogether.
        train: Trains by a configuration in a folder, and returns a `TrainingResult`.

    Returns:
        γ with the best hIoU on the photos to score on; the classes that the configuration holds back play no part.
    """
    short = copy.deepcopy(dict(config))
    unseen = tuple(short["data"]["unseen"])
    short["data"]["unseen"] = [*unseen, *held_out]
    weights = short["model"]["method"]["losses"]["class_weights"]
    short["model"]["method"]["losses"]["class_weights"] = {
        name: weight for name, weight in weights.items() if name not in held_out
    }
    short["trainer"] |= {"max_steps": steps, "limit_val_batches": 0}
    segmenter = train(short, out).segmenter
    source = open_data(short["data"]["root"], "val", None, ()).source
    split = held_out_split(source.names, segmenter.seen, unseen)
    photos = SegmentationDataset(source, ClassSplit(source.names, ()), training=False)
    samples = without_classes((photos[index] for index in range(len(photos))), source.names, split)
    confusions, _ = student_predictions(segmenter.with_names(split.names), samples, split, CALIBRATIONS)
    curve = [compute_metrics(confusions[each], split) for each in CALIBRATIONS]
    return best_calibration(CALIBRATIONS, [curve])
