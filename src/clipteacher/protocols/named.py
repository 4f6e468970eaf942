"""All protocols, and access by name."""

from __future__ import annotations

from typing import Final

from clipteacher.protocols.ade20k import ADE20K_150, ADE20K_847
from clipteacher.protocols.coco_stuff import COCO_STUFF_156_15
from clipteacher.protocols.context import CONTEXT_49_10, CONTEXT_50_10_BG, CONTEXT_59
from clipteacher.protocols.msrc21 import MSRC21_16_5
from clipteacher.protocols.protocol import Protocol, transductive
from clipteacher.protocols.splits import suggestion
from clipteacher.protocols.voc import VOC12_15_5, VOC20

PROTOCOLS: Final[tuple[Protocol, ...]] = (
    VOC12_15_5,
    COCO_STUFF_156_15,
    CONTEXT_49_10,
    CONTEXT_50_10_BG,
    MSRC21_16_5,
    transductive(VOC12_15_5),
    transductive(COCO_STUFF_156_15),
    transductive(CONTEXT_49_10),
    transductive(MSRC21_16_5),
    VOC20,
    CONTEXT_59,
    ADE20K_150,
    ADE20K_847,
)
"""Every protocol: those with a split first, inductive then transductive; then the cross-data-set tests."""


def known_protocol(name: str | None) -> Protocol | None:
    """Return the protocol of a name; None for None and for any other name, which may be that of your own folder."""
    return next((protocol for protocol in PROTOCOLS if protocol.name == name), None)


def protocol_named(name: str) -> Protocol:
    """Return a protocol by the name printed beside its scores.

    Raises:
        ValueError: No protocol has the name.

    Example:
        >>> protocol_named("voc12-15-5").class_split.unseen
        ('pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor')
    """
    if (protocol := known_protocol(name)) is not None:
        return protocol
    names = [protocol.name for protocol in PROTOCOLS]
    raise ValueError(f"protocol: got {name!r}, expected the name of one. {suggestion(str(name), names, 'protocols')}")
