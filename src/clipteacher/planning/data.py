"""The photos of a run: read where they lie, or written as the folder format into the run's folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from clipteacher.convert.layouts import LayoutOptions, Prepared, prepare, recognise
from clipteacher.utils.atomic_files import write_json

_DATA: Final = "data"  # folder of what is written, in the run's folder
_SOURCE: Final = "source.json"  # beside it: what it was made of


class RunData(NamedTuple):
    """Where the photos of a run are, in the folder format, and what they were recognised as, for a table."""

    root: Path
    layout: str


def prepare_data(data: Path, out: Path, options: LayoutOptions, console: Console) -> RunData:
    """Recognise a folder, and bring it into the folder format where it is not.

    Args:
        data: The folder.
        out: The run's folder, whose `data/` takes what is written.
        options: What cannot be told from the folder.
        console: Where to say what was found.

    Returns:
        Where the photos are. A second call with the same arguments takes what the first one wrote.

    Raises:
        DataError: The layout cannot be told, or a file cannot be used; the message names the flag to add.
        FileExistsError: There is something else in the place of what is to be written.
        ImportError, OSError, ValueError: As `recognise` and `prepare`.
    """
    layout = recognise(data, options)
    root = out / _DATA / layout.root.resolve().name
    made_of = _description(data, options, {split: len(photos) for split, photos in layout.photos.items()})
    if not layout.in_place and _written(root, made_of):
        prepared = Prepared(root, layout.classes, layout.notes, False)
    else:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("Writing masks", total=sum(map(len, layout.photos.values())))
            prepared = prepare(layout, root, progress=lambda done: progress.update(task, completed=done))
        if not prepared.in_place:
            write_json(root.with_name(f"{root.name}.{_SOURCE}"), made_of)
    for note in prepared.notes:
        console.print(Text(f"note: {note}."), soft_wrap=True)
    return RunData(prepared.root, f"{layout.kind}: {layout.reason}")


def _description(data: Path, options: LayoutOptions, photos: dict[str, int]) -> dict[str, Any]:
    """Return what decides what is written."""
    given = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()}
    described: dict[str, Any] = json.loads(json.dumps({"source": str(data.resolve()), "photos": photos, **given}))
    return described


def _written(root: Path, made_of: dict[str, Any]) -> bool:
    """Whether the data was written before, of the same."""
    try:
        was = json.loads(root.with_name(f"{root.name}.{_SOURCE}").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(was == made_of) and root.is_dir()
