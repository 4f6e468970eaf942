"""The quickstart's folder, which must be its own. Nothing slow is imported here: a command refuses at once."""

from __future__ import annotations

from pathlib import Path


def check_empty(out: Path) -> None:
    """Check that nothing would be written over.

    Raises:
        FileExistsError: There is a file in the place of `out`, or something in it.
    """
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists():
        what = "holds a quickstart" if (out / "metrics.json").exists() else "is not empty"
        raise FileExistsError(
            f"out: {out} {what}, expected a new or an empty folder. Name another --out, or remove it."
        )
