"""What a protocol says of training, in the words of `clipteacher fit`."""

from __future__ import annotations

from dataclasses import fields

from clipteacher.data.augment import Augment
from clipteacher.protocols.protocol import Schedule


def schedule_defaults(schedule: Schedule) -> dict[str, object]:
    """Turn a schedule into defaults of the command line; whatever is given there or in a file goes before them.

    Deviation: mmseg's floor under the learning rate is one rate for every group of parameters, ours a share of each
    group's own: for the pretrained encoder it is lower by the same factor as the rate itself.

    Args:
        schedule: A protocol's.

    Returns:
        Values by dotted name, such as "data.augment.crop_size".

    Example:
        >>> from clipteacher.protocols.voc import VOC12_15_5
        >>> defaults = schedule_defaults(VOC12_15_5.schedule)
        >>> defaults["trainer.max_steps"], defaults["data.augment.base_size"], defaults["model.optimizer.lr"]
        (20000, 512, 0.0002)
    """
    head_lr = schedule.lr * schedule.head_lr_factor
    augment = {f"data.augment.{field.name}": getattr(schedule, field.name) for field in fields(Augment)}
    return augment | {
        "data.batch_size": schedule.batch_size,
        "trainer.max_steps": schedule.iterations,
        "model.optimizer.lr": head_lr,
        "model.optimizer.encoder_lr_factor": 1 / schedule.head_lr_factor,
        "model.optimizer.weight_decay": schedule.weight_decay,
        "model.optimizer.warmup_steps": schedule.warmup_steps,
        "model.optimizer.power": schedule.power,
        "model.optimizer.min_factor": schedule.min_lr / head_lr,
    }
