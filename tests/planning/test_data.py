"""The photos of a run: in place, or written into its folder once."""

import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from clipteacher.convert.layouts import LayoutOptions
from clipteacher.planning.data import prepare_data


def prepared(data: Path, out: Path, **options: object) -> tuple[Path, str, str]:
    console = Console(file=StringIO(), width=200)
    found = prepare_data(data, out, LayoutOptions(**options), console)  # type: ignore[arg-type]
    return found.root, found.layout, console.file.getvalue()  # type: ignore[attr-defined]


def test_our_own_format_is_read_in_place(folder: Path, tmp_path: Path) -> None:
    root, layout, _ = prepared(folder, tmp_path / "run")
    assert root == folder
    assert layout.startswith("folder: ")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def unsplit(folder: Path) -> Path:
    """The same photos without a split."""
    for kind in ("images", "masks"):
        for path in (folder / kind / "train").iterdir():
            shutil.move(path, folder / kind / path.name)
        for split in ("train", "val"):
            shutil.rmtree(folder / kind / split)
    return folder


def test_another_is_written_once(unsplit: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    root, layout, _ = prepared(unsplit, out)
    assert root == out / "data" / unsplit.name, "the name stands in every score"
    assert "20 % drawn to score on, seed 0" in layout
    assert len(list((root / "images" / "train").iterdir())) == 4
    assert len(list((root / "masks" / "val").iterdir())) == 1
    stamp = (root / "classes.txt").stat().st_mtime_ns
    again, _, _ = prepared(unsplit, out)
    assert again == root
    assert (root / "classes.txt").stat().st_mtime_ns == stamp
    with pytest.raises(FileExistsError):
        prepared(unsplit, out, seed=1)


def test_what_is_not_known_is_asked_for(unsplit: Path, tmp_path: Path) -> None:
    (unsplit / "classes.txt").unlink()
    with pytest.raises(ValueError, match="--classes"):
        prepared(unsplit, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    root, _, _ = prepared(unsplit, tmp_path / "run", classes=("sky", "grass", "sun", "house"))
    assert (root / "classes.txt").read_text().split() == ["sky", "grass", "sun", "house"]
