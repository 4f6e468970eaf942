"""`clipteacher evaluate`: scores a trained student on a test set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jsonargparse import ArgumentParser
from rich.progress import Progress

from clipteacher.cli.errors import device, user_errors
from clipteacher.cli.table import print_scores
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.evaluation import pooled_confusion
from clipteacher.files import write_json
from clipteacher.inference.seen import seen_offset_entry
from clipteacher.metrics import scores
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.splits import listed_names
from clipteacher.segmenter import Segmenter
from clipteacher.storage import load_segmenter


def evaluate(arguments: Sequence[str]) -> None:
    """Score a trained student on a protocol's data set as released, or on a folder of photos with masks."""
    parser = ArgumentParser(prog="clipteacher evaluate", description=evaluate.__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model/ of a run")
    parser.add_argument("--data", type=Path, required=True, help="the data set's folder")
    parser.add_argument("--split", type=str, default="val", help="which photos of it")
    parser.add_argument(
        "--unseen", type=list[str] | str | None, default=None, help='"cat, car"; default: all that it never trained on'
    )
    parser.add_argument(
        "--protocol",
        type=str | None,
        default=None,
        help="such as voc12-15-5, whose data set is then read as released and tested at its size and in its windows; "
        "any other is a name for a folder with classes.txt, images/ and masks/",
    )
    parser.add_argument(
        "--seen_offset",
        type=float | None,
        default=None,
        help="taken from the scores of names that the model was trained on; default: what the model was saved with",
    )
    parser.add_argument("--out", type=Path | None, default=None, help="JSON file for the scores")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(list(arguments))
    with user_errors():
        segmenter = load_segmenter(given.model)
        if given.seen_offset is not None:
            segmenter = segmenter.with_seen_offset(given.seen_offset)
        unseen = listed_names(given.unseen) if given.unseen is not None else None
        data = open_data(
            given.data, given.split, given.protocol, unseen, lambda names: never_trained_on(segmenter, names)
        )
        split, samples = data.class_split, SegmentationDataset(data.source, data.class_split, training=False)
        segmenter = segmenter.with_names(split.names).to(device(given.device))
        known = known_protocol(given.protocol)
        with Progress() as progress:  # closed here, also when a file turns out to be bad
            tracked = (samples[i] for i in progress.track(range(len(samples)), description="Segmenting"))
            confusion = pooled_confusion(segmenter, tracked, known.test if known is not None else None)
        result = scores(confusion, split)
        if given.out is not None:
            write_json(
                given.out, {"protocol": data.protocol, **seen_offset_entry(segmenter.seen_offset), **result.to_dict()}
            )
    print_scores(result, split, data.protocol, segmenter.seen_offset)


def never_trained_on(segmenter: Segmenter, names: Sequence[str]) -> tuple[str, ...]:
    """Names that a model was not trained on: held back from it, or none of its own."""
    return tuple(name for name in names if name not in segmenter.seen)
