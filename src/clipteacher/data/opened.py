"""The released data sets by name, and one split of data as a command line names it: of a protocol or of your folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from clipteacher.data.ade20k import ADE20K, ADE20K_FULL
from clipteacher.data.coco_stuff import COCO_STUFF
from clipteacher.data.context import CONTEXT
from clipteacher.data.folder import FolderSource
from clipteacher.data.release import Part, Release
from clipteacher.data.source import Source
from clipteacher.data.voc import VOC12
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.splits import ClassSplit
from clipteacher.protocols.wanted import held_back, setting_suffix
from clipteacher.protocols.words import read_words

MSRC21: Final = Release(
    "msrc21",
    (
        Part(
            "MSRC-21 in the folder format: classes.txt, images/{train,val}, masks/{train,val}",
            ("masks/train",),
            {},
            "https://www.microsoft.com/en-us/research/project/image-understanding/",
            "research use, not for redistribution",
        ),
    ),
    {"train": (297,), "val": (155,)},
    lambda root, split, protocol: FolderSource(root, split, protocol.class_split.names),
)
"""MSRC-21, in the folder format."""

RELEASES: Final[Mapping[str, Release]] = MappingProxyType(
    {release.name: release for release in (VOC12, COCO_STUFF, CONTEXT, ADE20K, ADE20K_FULL, MSRC21)}
)
"""Every data set that a protocol may name."""


class OpenedData(NamedTuple):
    """The photos and labels of one split, its classes, and the name printed beside each score.

    `released` says whether a protocol of this package decided all this; otherwise the folder and the user did.
    `wanted` are the names that training knows by word alone; the split holds back the masks of those that have any.
    """

    source: Source
    class_split: ClassSplit
    protocol: str
    released: bool
    wanted: tuple[str, ...] = ()


def open_data(
    root: str | Path,
    split: str,
    protocol: str | None,
    unseen: Sequence[str] | str | None,
    default_unseen: Callable[[tuple[str, ...]], Sequence[str]] = lambda names: (),
    *,
    wanted: Sequence[str] | str = (),
) -> OpenedData:
    """Open one split of data.

    Args:
        root: The data set's folder.
        split: Which photos, such as "train".
        protocol: Name of one of `PROTOCOLS`, which decides reader, classes and split. Any other name is for your own
            folder; None is "<folder>-<seen>-<unseen>", with "-transductive" where names are wanted.
        unseen: Names held back in your own folder, in a list or one text; None leaves it to `default_unseen`.
        default_unseen: Returns the names held back, given all names.
        wanted: Names that training knows by word alone, in your own folder; those that are classes are held back too. A
            transductive protocol has its own.

    Raises:
        DataError: A file or folder is missing or wrong.
        TypeError, ValueError: As `clipteacher.protocols.words.read_words`.
        ValueError: A name held back is not a class, a wanted one is unseen as well, or names are given in addition to a
            protocol.
    """
    known, wanted = known_protocol(protocol), read_words(wanted, "wanted")
    unseen = None if unseen is None else read_words(unseen, "unseen")
    if known is not None:
        if unseen is not None:
            raise ValueError(
                f"unseen: got {', '.join(unseen) or 'none'} beside protocol {known.name}, which holds back "
                f"{', '.join(known.class_split.unseen) or 'none'}. Leave out one of the two."
            )
        if wanted:
            has = f"has its own, {', '.join(known.class_split.unseen)}" if known.transductive else "is inductive"
            raise ValueError(
                f"wanted: got {', '.join(wanted)} beside protocol {known.name}, which {has}. Leave out one of the two."
            )
        source = RELEASES[known.dataset].open(root, split, known)
        words = known.class_split.unseen if known.transductive else ()
        return OpenedData(source, known.class_split, known.name, True, words)
    source = FolderSource(root, split)
    if unseen is None:
        unseen = [name for name in default_unseen(source.names) if name not in wanted]
    class_split = held_back(source.names, unseen, wanted)
    name = f"{Path(root).resolve().name}-{class_split.label}{setting_suffix(class_split, wanted)}"
    return OpenedData(source, class_split, protocol or name, False, wanted)
