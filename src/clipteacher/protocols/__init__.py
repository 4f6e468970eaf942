"""Benchmark protocols: class names, splits and label rules, without any image."""

from clipteacher.protocols.splits import IGNORE, ClassSplit

__all__ = ["IGNORE", "ClassSplit"]
