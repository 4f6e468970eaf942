"""Arguments that several commands share: class names, the device, and the photos that a student is tested on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jsonargparse import ArgumentParser, Namespace

from clipteacher.data.class_list import listed_words, words_of_file
from clipteacher.protocols.named import PROTOCOLS, known_protocol
from clipteacher.protocols.protocol import TRANSDUCTIVE, Protocol
from clipteacher.protocols.wanted import with_wanted
from clipteacher.protocols.words import folded

if TYPE_CHECKING:
    import torch
    from rich.progress import Progress
    from torch.utils.data import Dataset

    from clipteacher.data.dataset import Sample
    from clipteacher.data.opened import OpenedData
    from clipteacher.segmenter.segmenter import Segmenter

NAMES: Final = list[str] | str
"""Type of an argument that takes words, such as "cat, old chair" or words.txt; `names` reads it."""


def names(given: Sequence[str] | str | None, field: str = "classes") -> tuple[str, ...] | None:
    """Return the words in an argument of type `NAMES`, none for a blank one; None where it is not given.

    Where they come from a file, one a line, this is printed.

    Args:
        given: The argument.
        field: Its name, for messages.

    Raises:
        TypeError, ValueError: As `clipteacher.data.class_list.listed_words`.
    """
    if given is None:
        return None
    words = listed_words(given, field)
    if said := words_of_file(given, words, field):
        print(said)
    return words


def add_device(parser: ArgumentParser) -> None:
    """Add `--device`: by default a GPU where there is one."""
    parser.add_argument("--device", type=str | None, help="such as cpu or cuda:1; default: auto, a GPU if there is one")


def device(name: str | None) -> torch.device:
    """Return a device by its name; None and "auto" are a GPU where there is one, else the CPU.

    Raises:
        ValueError: Torch knows no such device, or cannot use it here.
    """
    import torch

    if name in (None, "auto"):
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"device: got {name!r}, expected one that torch can use here, such as cpu: {error}") from error


def add_test_data(parser: ArgumentParser) -> None:
    """Add the arguments for photos, classes and device, which `open_test_data` takes."""
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--split", type=str, default="val", help="which of its photos")
    parser.add_argument(
        "--unseen", type=NAMES, help='"cat, car", or a .txt file; default: all that the model was not trained on'
    )
    parser.add_argument(
        "--protocol",
        type=str | None,
        help="a benchmark such as voc12-15-5: its data set is read as released and tested in its size and windows; any "
        "other name stands for a folder with classes.txt, images/ and masks/",
    )
    add_device(parser)


def open_test_data(given: Namespace, segmenter: Segmenter, *, all_wanted: bool = False) -> tuple[OpenedData, Segmenter]:
    """Open the data, and set up the segmenter for it: class names, test pipeline, device.

    Args:
        given: Parsed arguments of `add_test_data`.
        segmenter: The trained student.
        all_wanted: Whether wanted names that are no class of the data follow the class names, as a run is scored.

    Returns:
        The data, and the segmenter with the data's class names.

    Raises:
        DataError: A file or folder is missing or wrong.
        ValueError: Names, protocol or device are wrong.
    """
    protocol, data = known_protocol(given.protocol), open_split(given, given.split, segmenter)
    classes = data.class_split.names
    answered = with_wanted(classes, data.wanted) if all_wanted else classes
    renamed = segmenter.with_names(answered).to(device(given.device))
    return data, renamed if protocol is None else renamed.with_settings(pipeline=protocol.test)


def open_split(given: Namespace, split: str, segmenter: Segmenter) -> OpenedData:
    """Open one split of the data, with the classes that the model's training held back.

    Args:
        given: Parsed arguments of `add_test_data`.
        split: Which photos.
        segmenter: The trained student.

    Returns:
        The data.

    Raises:
        DataError: A file or folder is missing or wrong.
        ValueError: Names or protocol are wrong.
    """
    from clipteacher.data.opened import open_data

    unseen, wanted = names(given.unseen, "unseen"), segmenter.wanted
    protocol = known_protocol(given.protocol)
    if protocol is not None:
        check_setting(protocol, wanted)
        return open_data(given.data, split, protocol.name, unseen)
    if unseen is not None:
        unseen = tuple(name for name in unseen if name not in wanted)
    others = partial(_none_of, segmenter.seen)
    return open_data(given.data, split, given.protocol, unseen, others, wanted=wanted)


def check_setting(protocol: Protocol, wanted: Sequence[str]) -> None:
    """Check that a model's scores may stand under a protocol: training knew the names that the protocol tells it.

    Args:
        protocol: The protocol.
        wanted: Names that the model's training knew by word alone; case and spaces make no other word.

    Raises:
        ValueError: The protocol is inductive and training knew an unseen name; or it is transductive, and training did
            not know all of them.
    """
    words, unseen = {folded(name) for name in wanted}, protocol.class_split.unseen
    known = [name for name in unseen if folded(name) in words]
    if len(known) == (len(unseen) if protocol.transductive else 0):
        return
    inductive = protocol.name.removesuffix(TRANSDUCTIVE)
    if not known:
        raise ValueError(
            f"protocol: got {protocol.name} for a model whose training did not know {', '.join(unseen)}, expected "
            f"one that wanted them. Score it under {inductive}."
        )
    told = f"protocol: got {protocol.name} for a model whose training knew {', '.join(known)}"
    if len(known) < len(unseen):
        raise ValueError(
            f"{told} alone of the {len(unseen)} unseen names, expected one that knew all (transductive) or none "
            "(inductive). Train it so, or score it on a folder of your own."
        )
    other = inductive + TRANSDUCTIVE
    listed = any(each.name == other for each in PROTOCOLS)
    raise ValueError(
        f"{told}, expected one that did not, for the protocol is inductive. "
        + (f"Score it under {other}." if listed else "Train it without these names.")
    )


def _none_of(seen: Sequence[str], known: Sequence[str]) -> list[str]:
    return [name for name in known if name not in seen]


def tracked(samples: Dataset[Sample], progress: Progress, description: str) -> Iterator[Sample]:
    """Read the samples of a dataset with a progress bar."""
    return map(samples.__getitem__, progress.track(range(len(samples)), description=description))  # type: ignore[arg-type]
