"""The whole check of wanted names on training photos, and what it writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipteacher.analysis.wanted.advice import advise_wanted
from clipteacher.analysis.wanted.regions import PhotoRegions, encode_names, find_regions
from clipteacher.analysis.wanted.sheet import Read, wanted_sheet
from clipteacher.analysis.wanted.summary import NamedPhoto, ShownRegion, WantedSummary, summarize
from clipteacher.data.dataset import Sample
from clipteacher.method.config import MethodConfig
from clipteacher.pictures.saving import save_picture
from clipteacher.teachers.teacher import Teacher


@dataclass(frozen=True, eq=False)
class WantedReport:
    """What wanted names get on training photos.

    Attributes:
        title: What the photos are.
        of: Number of photos in the split, of which the summary may have fewer.
        seen: The seen names.
        summary: The numbers.
        advice: Sentences; none where there is nothing to advise.
        shown: The regions to look at, for each name.
    """

    title: str
    of: int
    seen: tuple[str, ...]
    summary: WantedSummary
    advice: tuple[str, ...]
    shown: tuple[tuple[ShownRegion, ...], ...]

    @property
    def caption(self) -> str:
        """What the photos are, and how many of them were used."""
        return f"{self.title}: {self.summary.photos} of {self.of} photos"

    def to_dict(self) -> dict[str, Any]:
        """Return all but the regions as nested dicts and lists, ready for `write_json`."""
        own = {"data": self.title, "of": self.of, "seen": list(self.seen), "advice": list(self.advice)}
        return own | self.summary.to_dict()

    def write_sheet(self, path: Path, read: Read) -> None:
        """Write the sheet of regions as PNG, whole or not at all.

        Args:
            path: The file.
            read: Reads a photo, (H, W, 3), uint8, RGB, by its number.

        Raises:
            OSError: The disk refuses the file.
        """
        save_picture(wanted_sheet(self.summary, self.shown, read, self.caption), path)


def report_wanted(
    teacher: Teacher,
    method: MethodConfig,
    samples: Iterable[tuple[int, Sample]],
    seen: Sequence[str],
    wanted: Sequence[str],
    *,
    title: str,
    of: int,
    short_side: int | None = None,
) -> WantedReport:
    """Name the latent regions of training photos. No mask of a wanted name is used.

    Args:
        teacher: The teacher.
        method: It has the options of PLM and of naming.
        samples: Training photos with their numbers: image (3, H, W), uint8; mask (H, W), uint8, seen ids, 255 = ignore.
        seen: Names of the seen classes.
        wanted: The wanted names, at least one.
        title: What the photos are.
        of: Number of photos in the split.
        short_side: Size to which a photo's shorter side is brought for the teacher; None keeps its own.

    Returns:
        The report.

    Raises:
        ValueError: PLM or naming is switched off, there are no photos, or nothing competes with the wanted names.
    """
    plm, naming = method.parts_for_wanted(len(wanted))
    names = encode_names(teacher, seen, wanted, naming)

    def regions(number: int, sample: Sample) -> tuple[NamedPhoto, PhotoRegions]:
        photo = NamedPhoto(number, sample.name, sample.mask.numel())
        return photo, find_regions(teacher, sample, names, plm, naming, short_side)

    summary, shown = summarize((regions(*each) for each in samples), names)
    return WantedReport(title, of, tuple(seen), summary, advise_wanted(summary, names, seen), shown)
