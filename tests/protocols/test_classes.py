"""Seen and unseen classes of every protocol, by name, against lists typed here from the sources."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from clipteacher.protocols import PROTOCOLS, Protocol, protocol_named
from clipteacher.protocols.context import CONTEXT_PNG_NAMES


@dataclass(frozen=True)
class Typed:
    """What a protocol must be."""

    seen: int
    unseen: tuple[str, ...]
    unseen_ids: tuple[int, ...]
    first_seen: str
    last_seen: str


# fmt: off
TYPED = {
    "voc12-15-5": Typed(
        15, ("pottedplant", "sheep", "sofa", "train", "tvmonitor"), (15, 16, 17, 18, 19), "aeroplane", "person",
    ),
    "coco-stuff-156-15": Typed(
        156,
        ("cow", "giraffe", "suitcase", "frisbee", "skateboard", "carrot", "scissors", "cardboard", "clouds", "grass",
         "playingfield", "river", "road", "tree", "wall-concrete"),
        (19, 23, 28, 29, 36, 51, 76, 88, 94, 112, 133, 136, 137, 157, 160),
        "person", "wood",
    ),
    "context-49-10": Typed(
        49,
        ("aeroplane", "bird", "boat", "cat", "cow", "fence", "keyboard", "motorbike", "sofa", "tvmonitor"),
        (0, 6, 7, 14, 19, 24, 31, 33, 48, 54),
        "bag", "wood",
    ),
    "context-50-10-bg": Typed(
        50,
        ("aeroplane", "bird", "boat", "cat", "cow", "fence", "keyboard", "motorbike", "sofa", "tvmonitor"),
        (1, 7, 8, 15, 20, 25, 32, 34, 49, 55),
        "background", "wood",
    ),
    "msrc21-16-5": Typed(16, ("cow", "car", "flower", "sign", "cat"), (3, 9, 11, 12, 17), "building", "boat"),
    "voc-20": Typed(20, (), (), "aeroplane", "tvmonitor"),
    "context-59": Typed(59, (), (), "aeroplane", "wood"),
    "ade20k-150": Typed(150, (), (), "wall", "flag"),
    "ade20k-847": Typed(847, (), (), "wall", "adding machine, totalizer, totaliser"),
}
# fmt: on
# Training knows more in the transductive setting; the classes and their masks are the same.
TWINS = ("voc12-15-5", "coco-stuff-156-15", "context-49-10", "msrc21-16-5")
TYPED |= {f"{name}-transductive": TYPED[name] for name in TWINS}

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)


def test_every_protocol_is_typed_here() -> None:
    assert sorted(protocol.name for protocol in PROTOCOLS) == sorted(TYPED)
    assert tuple(each.name for each in PROTOCOLS if each.transductive) == tuple(
        f"{name}-transductive" for name in TWINS
    )


@each_protocol
def test_on_a_mask_of_every_class_seen_and_unseen_are_right_by_name(protocol: Protocol) -> None:
    split, typed = protocol.class_split, TYPED[protocol.name]
    count = typed.seen + len(typed.unseen)
    ignore = 65535 if protocol.name == "ade20k-847" else 255
    ids = [*range(count), ignore]
    labels: NDArray[np.unsignedinteger[Any]]
    if ignore == 255:
        labels = split.training_labels(np.array(ids, dtype=np.uint8))
    else:
        labels = split.training_labels(np.array(ids, dtype=np.uint16))
    assert labels.dtype == (np.uint8 if ignore == 255 else np.uint16)
    kept = [split.names[i] for i in range(count) if labels[i] != ignore]
    dropped = [split.names[i] for i in range(count) if labels[i] == ignore]
    assert tuple(dropped) == split.unseen
    assert set(dropped) == set(typed.unseen)
    assert tuple(i for i in range(count) if labels[i] == ignore) == typed.unseen_ids
    assert len(kept) == typed.seen
    assert (kept[0], kept[-1]) == (typed.first_seen, typed.last_seen)
    assert labels[labels != ignore].tolist() == list(range(typed.seen)), "renumbered 0..N_s-1 in order"
    assert [split.seen[label] for label in labels[labels != ignore]] == kept
    assert labels[-1] == ignore


@each_protocol
def test_names_are_clean(protocol: Protocol) -> None:
    for name in protocol.class_split.names:
        assert name == name.strip()
        assert name == name.lower()
        assert "  " not in name
        assert "_" not in name


def test_background_is_class_0_and_shifts_the_others_by_one() -> None:
    without, with_background = (protocol_named(n).class_split for n in ("context-49-10", "context-50-10-bg"))
    assert with_background.names == ("background", *without.names)
    assert with_background.names.index("background") == 0
    assert "background" in with_background.seen
    assert with_background.unseen == without.unseen
    assert with_background.unseen_ids == tuple(i + 1 for i in without.unseen_ids)
    labels = with_background.training_labels(np.array([0, 1, 2, 255], dtype=np.uint8))
    assert labels.tolist() == [0, 255, 1, 255], "background, aeroplane (unseen), bag, ignored"


def test_cascade_clips_indices_mean_the_split_only_in_the_order_of_the_released_pngs() -> None:
    indices = [0, 2, 3, 7, 9, 13, 17, 19, 31, 37]
    split = protocol_named("context-49-10").class_split
    assert {CONTEXT_PNG_NAMES[i] for i in indices} == set(split.unseen)
    alphabetical = {split.names[i] for i in indices} - set(split.unseen)
    assert alphabetical == {"bed", "bedclothes", "bottle", "car", "cloth", "plate"}


def test_cross_data_set_tests_share_the_names_of_their_data_set() -> None:
    assert protocol_named("voc-20").class_split.names == protocol_named("voc12-15-5").class_split.names
    assert protocol_named("context-59").class_split.names == protocol_named("context-49-10").class_split.names


def test_coco_stuff_names_at_spots() -> None:
    names = protocol_named("coco-stuff-156-15").class_split.names
    typed = {11: "stop sign", 25: "umbrella", 79: "toothbrush", 80: "banner", 84: "building-other", 145: "sky-other"}
    assert {i: names[i] for i in typed} == typed


def test_context_names_are_alphabetical() -> None:
    names = protocol_named("context-49-10").class_split.names
    assert list(names) == sorted(names)


def test_ade20k_150_names_at_spots() -> None:
    names = protocol_named("ade20k-150").class_split.names
    typed = {7: "bed", 44: "chest of drawers", 74: "computer", 99: "buffet", 124: "microwave", 141: "crt screen"}
    assert {i: names[i] for i in typed} == typed


def test_ade20k_847_names_at_spots() -> None:
    names = protocol_named("ade20k-847").class_split.names
    # Typed from CAT-Seg's datasets/ade847.json, its last 20, and from MaskFormer's list.
    # fmt: off
    assert names[-20:] == (
        "slotted spoon", "reel", "scourer", "sleeping robe", "desk mat", "dumbbell", "hammer", "tie", "typewriter",
        "shaker", "cheese dish", "sea star", "racquet", "butane gas cylinder", "paper weight", "shaving brush",
        "sunglasses", "gear shift", "towel rail", "adding machine, totalizer, totaliser",
    )
    # fmt: on
    typed = {
        1: "building, edifice",
        99: "aircraft carrier, carrier, flattop, attack aircraft carrier",
        145: "dishwasher, dish washer, dishwashing machine",
        191: "bag, traveling bag, travelling bag, grip, suitcase",
        255: "pier",
        280: "patio, terrace",
    }
    assert {i: names[i] for i in typed} == typed
    assert sum(name.split(",")[0] == "bag" for name in names) == 3, "the first synonym alone is no name"
