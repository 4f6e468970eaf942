"""The presets: what each of them switches on, field by field."""

from dataclasses import fields, replace
from typing import Any

import pytest

from clipteacher.method.config import SUPERVISED, LossConfig, MethodConfig, preset_defaults
from clipteacher.method.distillation import DistillationConfig
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig

# Every value is written out: a default that changes has to change here too.
GLM = GLMConfig(normalize=True, scale=20.0, temperature=0.07, bank_size=256, keep=1.0, keep_steps=0, grid=0)
PLM = PLMConfig(
    windows=(6, 14),
    overlap=0.5,
    iterations=10,
    fusion_threshold=0.4,
    center=True,
    prototypes="region_pooling",
    layers=1,
    heads=8,
    feedforward=1024,
    dropout=0.0,
)


def test_recommended_is_what_was_measured_best() -> None:
    losses = LossConfig(
        glm=0.25,
        focal=0.0,
        dice=0.0,
        ce=1.0,
        bce=1.0,
        alpha=3.0,
        beta=20.0,
        cross_image_negatives=True,
        ignored_are_negatives=True,
    )
    assert MethodConfig.recommended() == MethodConfig(GLM, PLM, losses, None)


def test_paper_has_the_papers_modules_and_losses_alone() -> None:
    losses = LossConfig(
        glm=1.0,
        focal=100.0,
        dice=1.0,
        ce=1.0,
        bce=1.0,
        alpha=1.0,
        beta=10.0,
        cross_image_negatives=False,
        ignored_are_negatives=True,
    )
    assert MethodConfig.paper() == MethodConfig(GLM, replace(PLM, prototypes="synthesizer"), losses, None)


def test_recommended_is_the_default_and_presets_have_names() -> None:
    assert MethodConfig() == MethodConfig.recommended() == MethodConfig.preset("recommended")
    assert MethodConfig.preset("paper") == MethodConfig.paper() != MethodConfig()
    with pytest.raises(ValueError, match=r"preset: got 'Paper', expected one of recommended, paper\. Leave it out"):
        MethodConfig.preset("Paper")


@pytest.mark.parametrize(
    ("method", "needed"),
    [
        (MethodConfig(), True),
        (MethodConfig.paper(), True),
        (SUPERVISED, False),
        (MethodConfig(glm=None), True),
        (MethodConfig(plm=None), True),
        (MethodConfig(plm=None, losses=LossConfig(glm=0.0)), False),
        (replace(SUPERVISED, distillation=DistillationConfig()), True),
        (replace(SUPERVISED, distillation=DistillationConfig(0.0)), False),
    ],
)
def test_the_teacher_is_needed_where_a_loss_takes_its_tokens(method: MethodConfig, needed: bool) -> None:
    assert method.needs_teacher == needed


@pytest.mark.parametrize("name", ["recommended", "paper"])
def test_a_presets_values_by_dotted_name_are_the_whole_preset(name: str) -> None:
    values: dict[str, Any] = preset_defaults(name, "model.method")
    losses = {key.removeprefix("model.method.losses."): values.pop(key) for key in [*values] if ".losses." in key}
    parts = {key.removeprefix("model.method."): value for key, value in values.items()}
    assert MethodConfig(**parts, losses=LossConfig(**losses)) == MethodConfig.preset(name)
    assert losses.keys() == {field.name for field in fields(LossConfig)}
