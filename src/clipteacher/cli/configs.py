"""Configurations of `clipteacher fit` that ship with the package, by name: `--config msrc21`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
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
    found = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*.yaml"), key=lambda each: each.with_suffix(""))
    }
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
    lines = (
        f"config: no file {given}, expected one, or a name that ships.{did_you_mean(name, known)} These ship:",
        *_listed(known),
    )
    raise FileNotFoundError("\n".join(lines))


def _listed(names: Iterable[str]) -> Iterator[str]:
    """List names, a line for those without a folder and for the folders that hold the same ones."""
    yield f"  {', '.join(name for name in names if '/' not in name)}"
    folders: dict[str, list[str]] = {}
    for name in names:
        if "/" in name:
            folder, student = name.split("/")
            folders.setdefault(folder, []).append(student)
    alike: dict[tuple[str, ...], list[str]] = {}
    for folder, students in folders.items():
        alike.setdefault(tuple(students), []).append(folder)
    for inside, same in alike.items():
        yield f"  {{{', '.join(same)}}}/{{{', '.join(inside)}}}"


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
