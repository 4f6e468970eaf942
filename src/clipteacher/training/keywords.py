"""Keyword arguments of `clipteacher.train` that it does not have: an error that names the one that was meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from lightning.pytorch import Trainer

from clipteacher.data.augment import Augment
from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import MethodConfig
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.optimizer import OptimizerConfig

_P = ParamSpec("_P")
_R = TypeVar("_R")

MEANT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("folder", "root", "path", "dataset", "data_dir", "datamodule"), "data"),
    **dict.fromkeys(("model", "network", "net", "module"), "student"),
    **dict.fromkeys(("clip", "text_encoder"), "teacher"),
    **dict.fromkeys(("epochs", "num_steps", "iterations", "max_iters", "n_steps"), "steps"),
    "learning_rate": "optimizer",
    **dict.fromkeys(("output", "out_dir", "output_dir", "save_dir", "run"), "out"),
    **dict.fromkeys(("random_seed", "seed_everything"), "seed"),
    **dict.fromkeys(("preset", "config"), "method"),
    **dict.fromkeys(("device", "gpu"), "accelerator"),
    **dict.fromkeys(("gpus", "num_devices"), "devices"),
    **dict.fromkeys(("classes", "class_names", "names"), "wanted"),
}
"""Words of other libraries, and of this one's parts, for arguments of `clipteacher.train`."""

PARTS: Final[Mapping[Callable[..., object], str]] = {
    FolderDataModule: "data=FolderDataModule(folder, {}=...)",
    Augment: "data=FolderDataModule(folder, augment=Augment({}=...))",
    MethodConfig: "method=MethodConfig({}=...)",
    OptimizerConfig: "optimizer=OptimizerConfig({}=...)",
    TestSettings: "test=TestSettings({}=...)",
}
"""What has options of its own, and where `clipteacher.train` takes them."""


def keywords_checked(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function whose further arguments are the trainer's refuse those that neither has, before anything else.

    Python itself would only name an argument that is missing then, and Lightning would say that it knows no such one.

    Raises:
        TypeError: When the function is called with such an argument; the message says which was meant.
    """
    own = [name for name, each in inspect.signature(function).parameters.items() if each.kind is not each.VAR_KEYWORD]
    trainers = list(inspect.signature(Trainer).parameters)

    @wraps(function)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        check_keywords(function.__name__, kwargs, own, trainers)
        return function(*args, **kwargs)

    return checked


def check_keywords(function: str, given: Iterable[str], own: Sequence[str], further: Sequence[str] = ()) -> None:
    """Check the names of keyword arguments.

    Args:
        function: Whose they are.
        given: The names.
        own: Those that it has.
        further: Those of the trainer, where it hands them on.

    Raises:
        TypeError: It has no such argument; the message says which was meant.
    """
    for name in given:
        if name not in own and name not in further:
            raise TypeError(f"{function}: got the argument {name!r}, {_meant(name, own, further)}")


def _meant(name: str, own: Sequence[str], trainers: Sequence[str]) -> str:
    """Say which argument was meant."""
    where = next((text for part, text in PARTS.items() if name in inspect.signature(part).parameters), None)
    if where is not None and name not in MEANT:
        return f"expected it in one of its parts. Give {where.format(name)}."
    close = [MEANT[name]] if name in MEANT else get_close_matches(name, [*own, *trainers, *MEANT], n=1)
    if close:
        return f"expected one that it has. Did you mean {MEANT.get(close[0], close[0])}?"
    further = ", or one of lightning.pytorch.Trainer" if trainers else ""
    return f"expected one of {', '.join(own)}{further}. Correct the name."
