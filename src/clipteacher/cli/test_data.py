"""What `evaluate` and `diagnose` have in common: a trained student, and the photos that it is tested on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from clipteacher.cli.errors import device
from clipteacher.data.opened import OpenedData, open_data
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.splits import listed_names
from clipteacher.segmenter.segmenter import Segmenter


def add_test_data(parser: ArgumentParser) -> None:
    """Add the arguments that say on which photos, with which classes, and how they are tested."""
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


def open_test_data(given: Any, segmenter: Segmenter) -> tuple[OpenedData, Segmenter]:  # noqa: ANN401
    """Open the data, and have the student answer to its names, in its protocol's way, on the device.

    Args:
        given: The parsed arguments of `add_test_data`, and `device`.
        segmenter: The student.

    Returns:
        The data, and the student.

    Raises:
        ValueError: Data, names, protocol or device are not to be had.
    """
    unseen = listed_names(given.unseen) if given.unseen is not None else None
    data = open_data(given.data, given.split, given.protocol, unseen, lambda names: never_trained_on(segmenter, names))
    segmenter = segmenter.with_names(data.class_split.names).to(device(given.device))
    known = known_protocol(given.protocol)
    return data, segmenter if known is None else segmenter.with_settings(pipeline=known.test)


def never_trained_on(segmenter: Segmenter, names: Sequence[str]) -> tuple[str, ...]:
    """Names that a model was not trained on: held back from it, or none of its own."""
    return tuple(name for name in names if name not in segmenter.seen)
