"""Arguments that `clipteacher.train` does not have: the error names the one that was meant."""

import inspect
from typing import Any

import pytest
from lightning.pytorch import Trainer
from torch import nn

import clipteacher
from clipteacher.planning.train import train_photos
from clipteacher.training.keywords import MEANT, PARTS
from clipteacher.training.train import train

GIVEN: dict[str, Any] = {"student": nn.Identity(), "teacher": nn.Identity()}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "Did you mean data?"),
        ("root", "Did you mean data?"),
        ("epochs", "Did you mean steps?"),
        ("unsen", "Did you mean unseen?"),
        ("precison", "Did you mean precision?"),
        ("acelerator", "Did you mean accelerator?"),
        ("batch_size", r"Give data=FolderDataModule\(folder, batch_size=\.\.\.\)"),
        ("crop_size", r"Give data=FolderDataModule\(folder, augment=Augment\(crop_size=\.\.\.\)\)"),
        ("lr", r"Give optimizer=OptimizerConfig\(lr=\.\.\.\)"),
        ("glm", r"Give method=MethodConfig\(glm=\.\.\.\)"),
        ("pad_multiple", r"Give test=TestSettings\(pad_multiple=\.\.\.\)"),
        ("zzzz", "expected one of data, student, teacher, .*, or one of lightning.pytorch.Trainer"),
    ],
)
def test_what_was_meant(name: str, said: str) -> None:
    with pytest.raises(TypeError, match=rf"train: got the argument '{name}', .*{said}"):
        clipteacher.train(**{**GIVEN, name: 1})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "Did you mean data?"),
        ("unsen", "Did you mean unseen?"),
        ("minute", "Did you mean minutes?"),
        ("steps", "for photos alone, where it is decided"),
        ("method", "for photos alone, where it is decided"),
        ("zzzz", r"expected one of data, wanted, .*console\. Correct"),
    ],
)
def test_what_was_meant_with_photos_alone(name: str, said: str) -> None:
    with pytest.raises(TypeError, match=rf"train: got the argument '{name}'.*{said}"):
        clipteacher.train(**{name: 1})  # type: ignore[call-overload]


def test_every_word_leads_to_an_argument_and_none_is_one_itself() -> None:
    trainers = {*inspect.signature(Trainer).parameters} - {"trainer"}
    arguments = {*inspect.signature(train).parameters, *trainers}
    assert set(MEANT.values()) <= arguments
    assert not set(MEANT) & arguments
    assert all(text.count("{}") == 1 for text in PARTS.values())
    assert set(MEANT) & {*inspect.signature(train_photos).parameters} == {"device"}, "photos alone take it"


def test_the_signature_is_still_its_own() -> None:
    assert list(inspect.signature(train).parameters)[:3] == ["data", "student", "teacher"]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'data'"):
        clipteacher.train(**GIVEN)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'data'"):
        clipteacher.train(wanted=["cat"])  # type: ignore[call-overload]
