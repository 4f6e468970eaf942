"""Arguments that `clipteacher.train` does not have: the error names the one that was meant."""

import inspect
from typing import Any

import pytest
from lightning.pytorch import Trainer

import clipteacher
from clipteacher.training.keywords import MEANT, PARTS

GIVEN: dict[str, Any] = {"student": None, "teacher": None}


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


def test_every_word_leads_to_an_argument_and_none_is_one_itself() -> None:
    arguments = {*inspect.signature(clipteacher.train).parameters, *inspect.signature(Trainer).parameters} - {"trainer"}
    assert set(MEANT.values()) <= arguments
    assert not set(MEANT) & arguments
    assert all(text.count("{}") == 1 for text in PARTS.values())


def test_the_signature_is_still_its_own() -> None:
    assert list(inspect.signature(clipteacher.train).parameters)[:3] == ["data", "student", "teacher"]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'data'"):
        clipteacher.train(**GIVEN)
