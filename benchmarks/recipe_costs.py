"""What a recipe should cost, calculated from counts: nothing is trained, and no GPU is needed.

    .venv/bin/python benchmarks/recipe_costs.py

Prints the table of docs/benchmarks/recipes.md. Memory: weights, gradients and AdamW's two moments, what autograd keeps
of the student and of its logits and losses for 16 crops of 512 (counted on the device "meta"), and the frozen teacher
with one layer of its tokens, all in float32. Hours: multiplications of a step (student forward and backward, teacher
forward) over a rate that a GPU is assumed to sustain. Reading photographs, K-means and test are not included.
"""

from __future__ import annotations

from typing import Any

import open_clip as _untyped
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.protocols.coco_stuff import COCO_STUFF_156_15
from clipteacher.protocols.context import CONTEXT_49_10
from clipteacher.protocols.protocol import Protocol
from clipteacher.protocols.voc import VOC12_15_5
from clipteacher.students.published import PAPER_STUDENTS
from clipteacher.students.size import count_flops, count_parameters
from tables import head, row

open_clip: Any = _untyped  # open_clip ships no types

CHANNELS, SIDE, PATCH = 512, 512, 16
LATENTS = 10  # latent ids an image, assumed
COPIES = 3  # of the logits that focal, dice and cross-entropy keep
SUSTAINED = 30e12  # FLOP/s, assumed: about a tenth of an A100's peak in bfloat16
PROTOCOLS: tuple[Protocol, ...] = (VOC12_15_5, CONTEXT_49_10, COCO_STUFF_156_15)
TITLES = ("student", "memory, GB", "VOC, hours", "Context, hours", "COCO-Stuff, hours")


def kept_bytes(student: nn.Module, images: Tensor, classes: int) -> int:
    """Count the bytes that autograd keeps of a student's forward and its logits, parameters left out."""
    own = {parameter.untyped_storage()._cdata for parameter in student.parameters()}
    kept: dict[int, tuple[int, Tensor]] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = (storage.nbytes(), tensor)  # the tensor is held, so that no address comes twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        features = student(images)
        text = torch.empty(classes, CHANNELS, device="meta")
        logits = torch.einsum("bchw,nc->bnhw", F.normalize(features, dim=1), text)
        logits.sum()
    return sum(size for size, _ in kept.values()) + COPIES * logits.numel() * logits.element_size()


def main() -> None:
    """Count and print."""
    teacher = open_clip.create_model("ViT-B-16-quickgelu", pretrained=None).visual
    teacher_weights = 4 * sum(parameter.numel() for parameter in teacher.parameters())
    tokens = (SIDE // PATCH) ** 2 + 1
    # Per block 12 d² weights a token and 2 t d for attention, counted as multiplication with addition.
    teacher_products = 12 * tokens * (12 * 768**2 + 2 * tokens * 768)
    print(head(TITLES))
    for paper in PAPER_STUDENTS:
        student = paper.build(CHANNELS).to("meta").train()
        hours, memory = [], 0.0
        for protocol in PROTOCOLS:
            schedule = protocol.schedule
            if schedule is None:
                continue
            images = torch.empty(schedule.batch_size, 3, SIDE, SIDE, device="meta")
            kept = kept_bytes(student, images, len(protocol.class_split.seen) + LATENTS)
            layer = 4 * schedule.batch_size * tokens * 768 * 8  # one block's tokens, queries, keys, values and MLP
            memory = max(memory, 16 * count_parameters(student) + kept + teacher_weights + layer)
            products = 3 * count_flops(student, SIDE, SIDE) + teacher_products
            hours.append(2 * products * schedule.batch_size * schedule.iterations / SUSTAINED / 3600)
        print(row([paper.name, f"{memory / 1e9:.0f}", *(f"{hour:.1f}" for hour in hours)]), flush=True)


if __name__ == "__main__":
    main()
