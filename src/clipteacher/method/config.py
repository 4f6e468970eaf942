"""The method as one frozen object: what trains the student, and the two presets of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Literal

from clipteacher.method.distillation import DistillationConfig
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig
from clipteacher.method.plm.naming import NamingConfig
from clipteacher.method.self_training import SelfTrainingConfig

Preset = Literal["recommended", "paper"]
"""Name of a preset of `MethodConfig`; in YAML `preset: paper`, on the command line `--preset paper`."""


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss terms, L = glm·L_GLM + focal + dice + ce + bce·L_BCE, and the scales of the pixel logits.

    A term of weight 0 is not computed.

    Attributes:
        glm: Weight of L_GLM.
        focal: Weight of NEL's sigmoid focal term; ZegCLIP has 100.
        dice: Weight of NEL's dice term; ZegCLIP has 1.
        ce: Weight of the pixel cross-entropy.
        bce: Weight of L_BCE, which PLM's synthesizer alone has.
        alpha: α, scale of the text logits.
        beta: β, scale of the latent logits, which are cosines.
        cross_image_negatives: Whether the latent prototypes of the batch's other images are further negatives of seen
            pixels in the cross-entropy. They stand for classes that are not seen, of which one image alone shows few
            or none. Not in the paper.
        ignored_are_negatives: Whether NEL takes ignored pixels as negatives of every id, as ZegCLIP does.
        class_weights: Weights of the pixels of seen classes in the pixel cross-entropy, by name; those of all others
            are 1. For classes that cover so few pixels that the rest would drown them; `clipteacher train` chooses
            them. Not in the paper.
    """

    glm: float = 0.25
    focal: float = 0.0
    dice: float = 0.0
    ce: float = 1.0
    bce: float = 1.0
    alpha: float = 3.0
    beta: float = 20.0
    cross_image_negatives: bool = True
    ignored_are_negatives: bool = True
    class_weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the weights of classes."""
        for name, weight in self.class_weights.items():
            if not 0 < weight < math.inf:
                raise ValueError(
                    f"losses.class_weights: got {weight} for {name!r}, expected a number above 0. Leave it out for 1."
                )


@dataclass(frozen=True)
class MethodConfig:
    """How the student is trained under the teacher. Each module is a switch: None leaves it out.

    `MethodConfig()` is `MethodConfig.recommended()`.

    Attributes:
        glm: Options of GLM; None switches it off.
        plm: Options of PLM; None switches it off.
        losses: Weights of the losses and scales of the logits. With `glm=None, plm=None` this trains the supervised
            baseline: the same student, the same steps, no teacher.
        distillation: Options of dense distillation, a baseline to compare with; None switches it off.
        naming: How regions get wanted names. Without wanted names it does nothing, nor does `self_training`.
        self_training: Options of the averaged student's own labels for wanted names; None switches them off.

    Example:
        >>> MethodConfig() == MethodConfig.recommended() == MethodConfig.preset("recommended")
        True
        >>> MethodConfig.paper().plm.prototypes, MethodConfig.recommended().plm.prototypes
        ('synthesizer', 'region_pooling')
    """

    glm: GLMConfig | None = field(default_factory=GLMConfig)
    plm: PLMConfig | None = field(default_factory=PLMConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    distillation: DistillationConfig | None = None
    naming: NamingConfig | None = field(default_factory=NamingConfig)
    self_training: SelfTrainingConfig | None = field(default_factory=SelfTrainingConfig)

    @classmethod
    def recommended(cls) -> MethodConfig:
        """Return the best setting that is known: region pooling, cross-image negatives and cross-entropy without NEL.

        It was chosen on seen classes held out in turn. hIoU, mean of three seeds, unless said otherwise: drawn world
        66.1 where the synthesizer gives 55.4 (71.0 with `glm.scale=1`); MSRC-21 50.7 where the paper's preset gives
        38.7 (one seed), and 60.2 with a calibration of 0.3 (docs/research/lab_book.md).
        """
        return cls()

    @classmethod
    def paper(cls) -> MethodConfig:
        """Return the paper's modules and losses (arXiv 2310.02296) and nothing beyond them.

        Which modules and which losses is the paper's; every number is ours, for its authors published neither code nor
        hyper-parameters. Those of the focal and dice loss are ZegCLIP's, which the paper names.
        """
        return cls(
            plm=PLMConfig(prototypes="synthesizer"),
            losses=LossConfig(glm=1.0, focal=100.0, dice=1.0, alpha=1.0, beta=10.0, cross_image_negatives=False),
        )

    @classmethod
    def preset(cls, name: str) -> MethodConfig:
        """Return the preset of a name.

        Raises:
            ValueError: There is no such preset.
        """
        presets = {"recommended": cls.recommended, "paper": cls.paper}
        if name not in presets:
            raise ValueError(
                f"preset: got {name!r}, expected one of {', '.join(presets)}. Leave it out for recommended."
            )
        return presets[name]()

    @property
    def missing_for_wanted(self) -> str | None:
        """The part, "plm" or "naming", that wanted names need and that is switched off; None where none is."""
        return "plm" if self.plm is None else "naming" if self.naming is None else None

    def parts_for_wanted(self, count: int) -> tuple[PLMConfig, NamingConfig]:
        """Return the options of what finds and names the regions of wanted names.

        Args:
            count: Number of wanted names, for the message.

        Raises:
            ValueError: PLM or naming is switched off.
        """
        if self.plm is None or self.naming is None:
            raise ValueError(
                f"wanted: got {count} names with method.{self.missing_for_wanted} switched off, expected both plm and "
                "naming, which find the regions of wanted names. Switch it on, or leave the names out."
            )
        return self.plm, self.naming

    @property
    def needs_teacher(self) -> bool:
        """Whether a loss needs the teacher's tokens."""
        glm, distillation = self.glm is not None and self.losses.glm, self.distillation
        return bool(glm or self.plm is not None or (distillation is not None and distillation.weight))


SUPERVISED: Final = MethodConfig(glm=None, plm=None)
"""The supervised baseline: the student trained on the seen classes' masks alone."""


def preset_defaults(name: str, prefix: str) -> dict[str, object]:
    """Name a preset's values as options and configuration files do: an option that is given changes it alone.

    Args:
        name: Of the preset.
        prefix: Dotted name of the method there.

    Returns:
        Values by dotted name.

    Raises:
        ValueError: There is no such preset.

    Example:
        >>> preset_defaults("paper", "model.method")["model.method.losses.focal"]
        100.0
    """
    method = MethodConfig.preset(name)
    losses = {f"{prefix}.losses.{each.name}": getattr(method.losses, each.name) for each in fields(method.losses)}
    return {f"{prefix}.glm": method.glm, f"{prefix}.plm": method.plm, **losses}
