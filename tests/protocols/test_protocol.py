"""Protocols are frozen, whole and consistent; a contradiction fails at construction."""

import pickle
from dataclasses import FrozenInstanceError, asdict, replace
from typing import Any

import pytest

from clipteacher.data.augment import Augment
from clipteacher.protocols import (
    CONTEXT_50_10_BG,
    PROTOCOLS,
    VOC12_15_5,
    VOC20,
    ClassSplit,
    Protocol,
    TestPipeline,
    protocol_named,
)
from clipteacher.protocols.protocol import DATASETS, transductive
from clipteacher.protocols.schedule import OptimizerConfig
from clipteacher.protocols.zegclip import SLIDE_512, schedule

FIFTEEN = (
    "a photo of a {}.",
    "a photo of a small {}.",
    "a photo of a medium {}.",
    "a photo of a large {}.",
    "This is a photo of a {}.",
    "This is a photo of a small {}.",
    "This is a photo of a medium {}.",
    "This is a photo of a large {}.",
    "a {} in the scene.",
    "a photo of a {} in the scene.",
    "There is a {} in the scene.",
    "There is the {} in the scene.",
    "This is a {} in the scene.",
    "This is the {} in the scene.",
    "This is one {} in the scene.",
)
# Data set, prompts, steps, background; typed from the sources.
FACTS: dict[str, tuple[str, tuple[str, ...], int | None, bool]] = {
    "voc12-15-5": ("voc12", ("a photo of a {}",), 20_000, False),
    "coco-stuff-156-15": ("coco-stuff", FIFTEEN, 80_000, False),
    "context-49-10": ("context", FIFTEEN, 40_000, False),
    "context-50-10-bg": ("context", FIFTEEN, 40_000, True),
    "msrc21-16-5": ("msrc21", ("a photo of a {}",), 240, False),
    "voc12-15-5-transductive": ("voc12", ("a photo of a {}",), 20_000, False),
    "coco-stuff-156-15-transductive": ("coco-stuff", FIFTEEN, 80_000, False),
    "context-49-10-transductive": ("context", FIFTEEN, 40_000, False),
    "msrc21-16-5-transductive": ("msrc21", ("a photo of a {}",), 240, False),
    "voc-20": ("voc12", ("a photo of a {}",), None, False),
    "context-59": ("context", FIFTEEN, None, False),
    "ade20k-150": ("ade20k", FIFTEEN, None, False),
    "ade20k-847": ("ade20k-full", FIFTEEN, None, False),
}


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_facts(protocol: Protocol) -> None:
    dataset, templates, steps, background = FACTS[protocol.name]
    assert protocol.dataset == dataset
    assert protocol.templates == templates
    assert protocol.background is background
    assert (protocol.schedule.steps if protocol.schedule else None) == steps
    assert (protocol.schedule is None) == (protocol.class_split.unseen == ()), "only tests hold nothing back"
    assert all(len(source) > 10 for source in protocol.sources)


def test_names_are_unique_and_every_data_set_has_a_protocol() -> None:
    assert list(FACTS) == [protocol.name for protocol in PROTOCOLS]
    assert {protocol.dataset for protocol in PROTOCOLS} == set(DATASETS)


@pytest.mark.parametrize("name", [name for name in FACTS if "msrc21" not in name])
def test_the_fields_pipeline(name: str) -> None:
    protocol = protocol_named(name)
    assert protocol.test == TestPipeline(short_side=512, mode="slide", crop=512, stride=426)
    if protocol.schedule is not None:
        augment, optimizer = protocol.schedule.augment, protocol.schedule.optimizer
        assert (augment.crop_size, augment.base_size) == ((512, 512), 512)
        assert (augment.scale, augment.cat_max_ratio) == ((0.5, 2.0), 0.75)
        assert (augment.flip, augment.photometric) == (0.5, 0.5)
        assert protocol.schedule.batch_size == 16
        assert optimizer.lr == pytest.approx(10 * 2e-5), "ZegCLIP's factor on what is not pretrained"
        assert optimizer.lr * optimizer.encoder_lr_factor == pytest.approx(2e-5)
        assert optimizer.lr * optimizer.min_factor == pytest.approx(1e-6)
        assert (optimizer.warmup_steps, optimizer.power, optimizer.weight_decay) == (1500, 0.9, 0.01)


def test_a_transductive_protocol_differs_in_what_training_knows_alone() -> None:
    twin = transductive(VOC12_15_5)
    assert (twin.name, twin.transductive) == ("voc12-15-5-transductive", True)
    assert VOC12_15_5.transductive is False
    assert replace(twin, name=VOC12_15_5.name, transductive=False) == VOC12_15_5
    assert protocol_named("voc12-15-5-transductive") == twin
    assert transductive(CONTEXT_50_10_BG).name == "context-50-10-bg-transductive"
    assert transductive(CONTEXT_50_10_BG).background is True


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (VOC20, r"'voc-20-transductive': got no unseen class, expected some that training knows by name"),
        (transductive(VOC12_15_5), r"got 'voc12-15-5-transductive-transductive', expected it to end in"),
    ],
)
def test_what_has_no_transductive_twin(protocol: Protocol, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        transductive(protocol)


def test_msrc21_is_tested_whole_at_its_own_size() -> None:
    protocol = protocol_named("msrc21-16-5")
    assert (protocol.test.short_side, protocol.test.mode) == (None, "whole")
    assert protocol.schedule is not None
    assert (protocol.schedule.augment.crop_size, protocol.schedule.batch_size) == ((224, 320), 10)


def test_a_schedule_fits_the_augmentation() -> None:
    for protocol in PROTOCOLS:
        if (plan := protocol.schedule) is not None:
            options = asdict(plan.augment)
            assert asdict(Augment(**options)) == options


def test_a_protocol_is_a_value() -> None:
    assert replace(VOC12_15_5) == VOC12_15_5
    assert len({hash(protocol) for protocol in PROTOCOLS}) == len(PROTOCOLS)
    assert pickle.loads(pickle.dumps(VOC12_15_5)) == VOC12_15_5  # noqa: S301 (our own bytes)
    with pytest.raises(FrozenInstanceError):
        VOC12_15_5.name = "other"  # type: ignore[misc]


def test_found_by_name() -> None:
    for protocol in PROTOCOLS:
        assert protocol_named(protocol.name) is protocol


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("voc-15-5", r"got 'voc-15-5'.*Did you mean 'voc12-15-5'"),
        ("COCO-Stuff-156-15", r"Did you mean 'coco-stuff-156-15'"),
        ("context-50-10", r"Did you mean .*'context-50-10-bg'"),
        ("voc12-15-5-transductiv", r"Did you mean 'voc12-15-5-transductive'"),
        ("cityscapes", r"The protocols are: voc12-15-5, .*ade20k-847\."),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        protocol_named(name)


@pytest.mark.parametrize(
    ("base", "changes", "message"),
    [
        (VOC12_15_5, {"dataset": "voc"}, r"'voc12-15-5': dataset: got 'voc', expected one of voc12, coco-stuff"),
        (VOC12_15_5, {"name": "voc12-16-4"}, r"got 'voc12-16-4', expected it to end in -15-5"),
        (VOC12_15_5, {"name": "15-5"}, r"got '15-5', expected it to end in"),
        (VOC12_15_5, {"class_split": ClassSplit(VOC12_15_5.class_split.names, ())}, r"expected it to end in -20"),
        (VOC12_15_5, {"name": "voc12-15-5-bg"}, r"got 'voc12-15-5-bg' with background=False"),
        (CONTEXT_50_10_BG, {"name": "context-50-10"}, r"got 'context-50-10' with background=True.*'-bg'"),
        (
            CONTEXT_50_10_BG,
            {"name": "context-59-1", "class_split": ClassSplit(CONTEXT_50_10_BG.class_split.names, ("background",))},
            r"'context-59-1': got 'background' as an unseen class",
        ),
        (VOC12_15_5, {"templates": ()}, r"templates: got none"),
        (VOC12_15_5, {"templates": ("a photo",)}, r"templates: got 'a photo' with 0"),
        (VOC12_15_5, {"transductive": True}, r"got 'voc12-15-5', expected it to end in -15-5-transductive"),
        (
            VOC12_15_5,
            {"name": "voc12-15-5-transductive"},
            r"got 'voc12-15-5-transductive', expected it to end in -15-5,",
        ),
        (VOC20, {"transductive": True}, r"'voc-20': got no unseen class, expected some that training knows by name"),
        (
            VOC20,
            {"transductive": True, "name": "voc-20-transductive"},
            r"'voc-20-transductive': got no unseen class, expected some that training knows by name\. Name some\.",
        ),
        (transductive(VOC12_15_5), {"name": "voc12-15-5-bg-transductive"}, r"with background=False"),
        (
            transductive(CONTEXT_50_10_BG),
            {"name": "context-50-10-transductive"},
            r"got 'context-50-10-transductive' with background=True",
        ),
        (VOC12_15_5, {"sources": ()}, r"'voc12-15-5': sources: got \(\)"),
        (VOC12_15_5, {"sources": "ZegCLIP"}, r"sources: got 'ZegCLIP'"),
    ],
)
def test_contradictions_fail_at_construction(base: Protocol, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(base, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "tiles"}, r"mode: got 'tiles', expected 'whole' or 'slide'"),
        ({"short_side": 0}, r"short_side: got 0"),
        ({"crop": 0}, r"crop: got 0"),
        ({"crop": 512.0}, r"crop: got 512\.0, expected whole pixels"),
        ({"crop": None}, r"crop: got None"),
        ({"stride": True}, r"stride: got True"),
        ({"stride": 513}, r"stride: got 513 for windows of 512"),
    ],
)
def test_bad_test_pipelines(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SLIDE_512, **changes)


def test_windows_play_no_part_in_a_whole_test() -> None:
    assert TestPipeline(short_side=None, mode="whole", crop=10, stride=20).mode == "whole"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, r"steps: got 0"),
        ({"steps": True}, r"steps: got True"),
        ({"batch_size": 16.0}, r"batch_size: got 16\.0"),
    ],
)
def test_bad_schedules(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(schedule(10), **changes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1.0}, r"optimizer\.lr: got -1\.0"),
        ({"lr": float("nan")}, r"optimizer\.lr: got nan"),
        ({"min_factor": 1.5}, r"optimizer\.min_factor: got 1\.5"),
    ],
)
def test_bad_optimizers(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OptimizerConfig(**options)  # type: ignore[arg-type]
