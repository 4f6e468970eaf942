"""What `evaluate` and `diagnose` share: a trained student, and the photos that it is tested on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from clipteacher.cli.errors import device
from clipteacher.data.opened import OpenedData, open_data
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.splits import listed_names
from clipteacher.segmenter.segmenter import Segmenter


def add_test_data(parser: ArgumentParser) -> None:
    """Add the arguments for photos and classes."""
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--split", type=str, default="val", help="which of its photos")
    parser.add_argument(
        "--unseen",
        type=list[str] | str | None,
        default=None,
        help='unseen classes, such as "cat, car"; default: all that the model was not trained on',
    )
    parser.add_argument(
        "--protocol",
        type=str | None,
        default=None,
        help="a benchmark such as voc12-15-5: its data set is read as released and tested in its size and windows; any "
        "other name stands for a folder with classes.txt, images/ and masks/",
    )


def open_test_data(given: Any, segmenter: Segmenter) -> tuple[OpenedData, Segmenter]:  # noqa: ANN401
    """Open the data, and set up the segmenter for it: class names, test pipeline, device.

    Args:
        given: Parsed arguments of `add_test_data`, and `device`.
        segmenter: The trained student.

    Returns:
        The data, and the segmenter with the data's class names.

    Raises:
        DataError: A file or folder is missing or wrong.
        ValueError: Names, protocol or device are wrong.
    """
    unseen = listed_names(given.unseen) if given.unseen is not None else None

    def never_trained_on(names: tuple[str, ...]) -> tuple[str, ...]:
        """Names that were held back from the model, or that it never had."""
        return tuple(name for name in names if name not in segmenter.seen)

    data = open_data(given.data, given.split, given.protocol, unseen, never_trained_on)
    renamed = segmenter.with_names(data.class_split.names).to(device(given.device))
    known = known_protocol(given.protocol)
    return data, renamed if known is None else renamed.with_settings(pipeline=known.test)
