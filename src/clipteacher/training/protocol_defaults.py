"""What a protocol says of training and test, in the words of `clipteacher fit`."""

from __future__ import annotations

from dataclasses import asdict, fields

from clipteacher.data.augment import Augment
from clipteacher.protocols.protocol import Protocol, Schedule


def protocol_defaults(protocol: Protocol) -> dict[str, object]:
    """Turn a protocol into defaults of the command line; values that are given there or in a file take precedence.

    Args:
        protocol: The protocol; one without a schedule says how a photo is tested, no more.

    Returns:
        Values by dotted name, such as "data.augment.crop_size".

    Example:
        >>> from clipteacher.protocols.voc import VOC12_15_5
        >>> defaults = protocol_defaults(VOC12_15_5)
        >>> defaults["trainer.max_steps"], defaults["data.augment.base_size"], defaults["model.test.pipeline.stride"]
        (20000, 512, 426)
    """
    test = {f"model.test.pipeline.{name}": value for name, value in asdict(protocol.test).items()}
    return test | (_schedule(protocol.schedule) if protocol.schedule is not None else {})


def _schedule(schedule: Schedule) -> dict[str, object]:
    """Name a schedule's values as the command line does.

    Deviation: mmseg's floor under the learning rate is one rate for every group of parameters, ours a share of each
    group's own: for the pretrained encoder it is lower by the same factor as the rate itself.
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
