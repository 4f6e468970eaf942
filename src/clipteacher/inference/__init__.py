"""The test protocol: how a photo comes to the network, and how its scores become labels at the photo's own size."""

from clipteacher.inference.placement import OWN_SIZE, resized_size, windows
from clipteacher.inference.scores import MAX_SCORES, Best, class_bests, class_labels, class_logits
from clipteacher.inference.seen import seen_bias

__all__ = [
    "MAX_SCORES",
    "OWN_SIZE",
    "Best",
    "class_bests",
    "class_labels",
    "class_logits",
    "resized_size",
    "seen_bias",
    "windows",
]
