"""Benchmark protocols: class names, splits and label rules, without any image."""

from clipteacher.protocols.ade20k import ADE20K_150, ADE20K_847
from clipteacher.protocols.coco_stuff import COCO_STUFF_156_15
from clipteacher.protocols.context import CONTEXT_49_10, CONTEXT_50_10_BG, CONTEXT_59
from clipteacher.protocols.msrc21 import MSRC21_16_5
from clipteacher.protocols.named import PROTOCOLS, protocol_named
from clipteacher.protocols.protocol import Protocol, TestPipeline
from clipteacher.protocols.schedule import AugmentConfig, OptimizerConfig, Schedule
from clipteacher.protocols.splits import IGNORE, ClassSplit, ignore_id
from clipteacher.protocols.voc import VOC12_15_5, VOC20

__all__ = [
    "ADE20K_150",
    "ADE20K_847",
    "COCO_STUFF_156_15",
    "CONTEXT_49_10",
    "CONTEXT_50_10_BG",
    "CONTEXT_59",
    "IGNORE",
    "MSRC21_16_5",
    "PROTOCOLS",
    "VOC12_15_5",
    "VOC20",
    "AugmentConfig",
    "ClassSplit",
    "OptimizerConfig",
    "Protocol",
    "Schedule",
    "TestPipeline",
    "ignore_id",
    "protocol_named",
]
