"""What a protocol sets for training and test, as options of `clipteacher fit`."""

from __future__ import annotations

from dataclasses import asdict

from clipteacher.protocols.protocol import Protocol


def protocol_defaults(protocol: Protocol) -> dict[str, object]:
    """Return a protocol's values as defaults of the command line; options given there or in a file replace them.

    Args:
        protocol: The protocol; one without a schedule only sets how a photo is tested.

    Returns:
        Values by dotted name, such as "data.augment.crop_size".

    Example:
        >>> from clipteacher.protocols.voc import VOC12_15_5
        >>> defaults = protocol_defaults(VOC12_15_5)
        >>> defaults["trainer.max_steps"], defaults["data.augment.base_size"], defaults["model.test.pipeline.stride"]
        (20000, 512, 426)
    """
    groups = {"model.test.pipeline": asdict(protocol.test)}
    defaults: dict[str, object] = {}
    if (schedule := protocol.schedule) is not None:
        defaults = {"data.batch_size": schedule.batch_size, "trainer.max_steps": schedule.steps}
        groups |= {"data.augment": asdict(schedule.augment), "model.optimizer": asdict(schedule.optimizer)}
    return defaults | {f"{group}.{name}": value for group, each in groups.items() for name, value in each.items()}
