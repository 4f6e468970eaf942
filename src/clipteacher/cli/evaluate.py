"""`clipteacher evaluate`: scores a trained student on a test set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jsonargparse import ArgumentParser
from rich.progress import track

from clipteacher.cli.errors import device, user_errors
from clipteacher.cli.table import print_scores
from clipteacher.data.dataset import FolderDataset
from clipteacher.data.folder import protocol_name, read_class_names
from clipteacher.evaluation import pooled_confusion
from clipteacher.files import write_json
from clipteacher.metrics import scores
from clipteacher.protocols.splits import ClassSplit, listed_names
from clipteacher.segmenter import Segmenter
from clipteacher.storage import load_segmenter


def evaluate(arguments: Sequence[str]) -> None:
    """Score a trained student on a folder of photos with masks."""
    parser = ArgumentParser(prog="clipteacher evaluate", description=evaluate.__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model/ of a run")
    parser.add_argument("--data", type=Path, required=True, help="folder with classes.txt, images/ and masks/")
    parser.add_argument("--split", type=str, default="val", help="which photos of it")
    parser.add_argument(
        "--unseen", type=list[str] | str | None, default=None, help='"cat, car"; default: all that it never trained on'
    )
    parser.add_argument("--protocol", type=str | None, default=None, help="name printed with the scores")
    parser.add_argument("--out", type=Path | None, default=None, help="JSON file for the scores")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(list(arguments))
    with user_errors():
        segmenter = load_segmenter(given.model)
        names = read_class_names(given.data)
        unseen = listed_names(given.unseen) if given.unseen is not None else _unseen(segmenter, names)
        split = ClassSplit(names=names, unseen=unseen)
        data = FolderDataset(given.data, given.split, split, training=False)
        segmenter = segmenter.with_names(names).to(device(given.device))
        samples = (data[i] for i in track(range(len(data)), "Segmenting"))
        result = scores(pooled_confusion(segmenter, samples), split)
        protocol = given.protocol or protocol_name(given.data, split)
        if given.out is not None:
            write_json(given.out, {"protocol": protocol, **result.to_dict()})
    print_scores(result, split, protocol)


def _unseen(segmenter: Segmenter, names: Sequence[str]) -> tuple[str, ...]:
    """Names that the model was not trained on: held back from it, or none of its own."""
    return tuple(name for name in names if name in segmenter.unseen or name not in segmenter.names)
