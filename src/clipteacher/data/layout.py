"""Finding the parts of a data set as its archives unpack them; what is missing is said with the command that helps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from clipteacher.data.files import DataError, Record


def first_folder(root: str | Path, places: Sequence[str], what: str, dataset: str) -> Path:
    """Return the first of some folders that is there.

    Args:
        root: Where to look.
        places: Paths below it, the usual one first.
        what: What they hold, in the plural, for the message.
        dataset: Key of the data set, for the message.

    Raises:
        DataError: None of them is a folder.
    """
    root = Path(root)
    for place in places:
        if (root / place).is_dir():
            return root / place
    raise DataError(
        f"{root}: got no {what}, expected them in {' or '.join(str(root / place) for place in places)}. "
        f"{advice(dataset, root)}"
    )


def read_list(path: Path, dataset: str, root: str | Path) -> tuple[str, ...]:
    """Read a list of photos: the file name without folder and ending of the first word of each line.

    Args:
        path: The text file.
        dataset: Key of the data set, for the message.
        root: Its folder, for the message.

    Raises:
        DataError: The file is missing or empty, or names a photo twice.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file, expected a list of photos, one a line. {advice(dataset, root)}")
    stems = tuple(Path(line.split()[0]).stem for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    if not stems or len(set(stems)) != len(stems):
        raise DataError(
            f"{path}: got {len(stems)} lines with {len(set(stems))} different photos, expected each photo once. Unpack "
            "it from its archive again."
        )
    return stems


def listed_records(
    stems: Iterable[str], images: Path, masks: Path, endings: tuple[str, str], dataset: str, root: str | Path
) -> tuple[Record, ...]:
    """Pair listed photos with their masks.

    Args:
        stems: File names without ending.
        images: Folder of the photos.
        masks: Folder of the masks.
        endings: What photo and mask end in, such as (".jpg", ".png").
        dataset: Key of the data set, for the message.
        root: Its folder, for the message.

    Returns:
        A record for each photo, in the list's order.

    Raises:
        DataError: A photo or a mask is not there.
    """
    records = tuple(Record(images / f"{stem}{endings[0]}", masks / f"{stem}{endings[1]}") for stem in stems)
    for folder, part in ((images, 0), (masks, 1)):
        # One listing for a hundred thousand files, not a hundred thousand questions.
        present = {entry.name for entry in folder.iterdir()}
        missing = [record[part] for record in records if record[part].name not in present]
        if missing:
            raise DataError(
                f"{missing[0]}: no such file, and {len(missing)} of {len(records)} are missing in {folder}, expected "
                f"one for each listed photo. {advice(dataset, root)}"
            )
    return records


def folder_stems(folder: Path, ending: str, dataset: str, root: str | Path) -> tuple[str, ...]:
    """Return the files of a folder by name, sorted, without their ending.

    Args:
        folder: The folder.
        ending: What the files end in, such as ".jpg".
        dataset: Key of the data set, for the message.
        root: Its folder, for the message.

    Raises:
        DataError: It holds no such file.
    """
    # Hidden files are no photos: macOS leaves a `._photo.jpg` beside `photo.jpg`.
    stems = sorted(
        entry.name.removesuffix(ending)
        for entry in folder.iterdir()
        if entry.name.endswith(ending) and not entry.name.startswith(".")
    )
    if not stems:
        raise DataError(f"{folder}: got no file ending in {ending}, expected the photos. {advice(dataset, root)}")
    return tuple(stems)


def check_split(split: str, splits: Sequence[str], dataset: str) -> None:
    """Check the name of a split.

    Raises:
        DataError: The data set has no such split.
    """
    if split not in splits:
        raise DataError(
            f"split: got {split!r}, expected one that {dataset} has: {', '.join(splits)}. Name one of them."
        )


def advice(dataset: str, root: str | Path) -> str:
    """Say which command tells what is missing and where it is from."""
    return f"`clipteacher prepare {dataset} --root {root}` says what is missing and where it is from."
