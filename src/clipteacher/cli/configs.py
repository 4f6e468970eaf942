"""Configurations of `clipteacher fit` that ship with the package, by name: `--config msrc21`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import clipteacher
from clipteacher.demo.quickstart.config import FIT_CONFIG
from clipteacher.utils.usage import did_you_mean

_PACKAGE: Final = Path(clipteacher.__file__).parent
_OPTIONS: Final = ("-c", "--config")
_NAME: Final = re.compile(r"[\w./-]+")  # what is none of it may be YAML on the command line


def shipped_configs() -> dict[str, Path]:
    """Return the configurations by name, such as "msrc21" and "voc12-15-5/segnext-b".

    They are `configs/` of the repository, which a wheel holds inside the package.
    """
    folder = next(each for each in (_PACKAGE / "configs", _PACKAGE.parents[1] / "configs") if each.is_dir())
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.yaml"))}
    return {"quickstart": FIT_CONFIG, **found}


def find_config(given: str) -> Path:
    """Return the file that `--config` names: a file, or else a configuration that ships.

    Args:
        given: A path, or a name such as "msrc21"; "configs/msrc21.yaml", its path in the repository, is its name too.

    Raises:
        FileNotFoundError: It is neither; the message lists the names.
    """
    if Path(given).exists():
        return Path(given)
    known = shipped_configs()
    name = given.removeprefix("configs/").removesuffix(".yaml")
    if name in known:
        return known[name]
    alone = [each for each in known if "/" not in each]
    grouped = groupby((each for each in known if "/" in each), key=lambda each: each.split("/")[0])
    recipes = [f"{group}/{{{','.join(each.split('/')[1] for each in names)}}}" for group, names in grouped]
    raise FileNotFoundError(
        f"config: no file {given}, expected one, or the name of a configuration that ships.{did_you_mean(name, known)}\n"
        f"These ship: {', '.join(alone)};\n  " + ";\n  ".join(recipes)
    )


def with_found_configs(arguments: Sequence[str]) -> list[str]:
    """Put the files of `--config` in the place of their names.

    Args:
        arguments: Those of `clipteacher fit`.

    Raises:
        FileNotFoundError: As `find_config`.
    """
    found, before = [], ""
    for word in arguments:
        option, equals, value = word.partition("=")
        if before in _OPTIONS and _NAME.fullmatch(word):
            word = str(find_config(word))
        elif option in _OPTIONS and equals and _NAME.fullmatch(value):
            word = f"{option}={find_config(value)}"
        found.append(word)
        before = word
    return found
