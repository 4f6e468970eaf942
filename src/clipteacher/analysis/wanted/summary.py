"""What each wanted name gets on the training photos: regions, pixels, and how clearly it wins."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final, NamedTuple

from torch import Tensor

from clipteacher.analysis.wanted.regions import NameFeatures, PhotoRegions
from clipteacher.method.plm.naming import NO_NAME

SHOWN: Final = 6
"""Regions of each name that are kept to be looked at."""

VISIBLE: Final = 0.005
"""Share of a photo from which on a region can be looked at: slivers have the highest margins, and show nothing."""

_PHOTOS: Final = 5  # photos that are listed for each name
_LEAST_SPREAD: Final = 1e-6  # of the cosines of a token without a direction


class NamedPhoto(NamedTuple):
    """A photo by its number.

    Attributes:
        number: Its number in the data set.
        name: File name without its suffix.
        pixels: Pixels of the whole photo, H · W.
    """

    number: int
    name: str
    pixels: int


class PhotoPixels(NamedTuple):
    """A photo, by its file name without suffix, and how many of its pixels a name gets."""

    photo: str
    pixels: int


class ShownRegion(NamedTuple):
    """A region to look at.

    Attributes:
        photo: Its photo.
        margin: Cosine to its name, less that to the best rival.
        mask: (h, w) bool, at a stride of the photo.
    """

    photo: NamedPhoto
    margin: float
    mask: Tensor


@dataclass(frozen=True)
class WantedName:
    """What one wanted name gets. Pixels are those of the photos at their own size.

    Attributes:
        name: The name.
        regions: Number of regions that get it.
        photos: Number of photos that these lie in.
        pixels: Their pixels.
        share: Share of all pixels that nobody labelled, 0..1; NaN where everything is labelled.
        margin: Median margin of its regions: cosine to the name, less that to the best rival. NaN without a region.
        relative_margin: Median margin in units of the region's spread, see `PhotoRegions`; NaN without a region.
        rival: The rival that its regions are most often nearest to; without a region, the name that beats it where
            it comes nearest. None where there is no region at all.
        closest: Its largest margin over the best rival on any region; NaN where there is none.
        most_pixels: The photos with most of its pixels, most first, each with how many.
    """

    name: str
    regions: int
    photos: int
    pixels: int
    share: float
    margin: float
    relative_margin: float
    rival: str | None
    closest: float
    most_pixels: tuple[PhotoPixels, ...]


@dataclass(frozen=True)
class WantedSummary:
    """What all wanted names get, and what is left.

    Attributes:
        photos: Number of photos.
        pixels: Their pixels.
        unlabelled: Pixels that nobody labelled.
        latent_regions: Regions that get no name and stay latent.
        latent_pixels: Their pixels.
        names: Each wanted name, in the order given.
    """

    photos: int
    pixels: int
    unlabelled: int
    latent_regions: int
    latent_pixels: int
    names: tuple[WantedName, ...]

    @property
    def latent_share(self) -> float:
        """Share of the unlabelled pixels that stays latent, 0..1; NaN where everything is labelled."""
        return self.latent_pixels / self.unlabelled if self.unlabelled else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return everything as nested dicts and lists, ready for `write_json`."""
        names = [asdict(each) | {"most_pixels": [top._asdict() for top in each.most_pixels]} for each in self.names]
        return asdict(self) | {"latent_share": self.latent_share, "names": names}


class _Region(NamedTuple):
    """A region without its mask."""

    photo: int
    name: int
    pixels: float
    margin: float
    spread: float
    rival: int


class _Closest(NamedTuple):
    """Where a name comes nearest to winning a region: its margin there, and what beats it."""

    margin: float
    beaten_by: str | None


class _Ranked(NamedTuple):
    """A region that may be shown, and whether it is a sliver."""

    sliver: bool
    region: ShownRegion

    def place(self) -> tuple[bool, float]:
        return self.sliver, -self.region.margin


class _Shown:
    """The regions to show of one name; no more of them are kept than may be shown."""

    def __init__(self) -> None:
        self.firsts: list[_Ranked] = []  # the best of each photo
        self.others: list[_Ranked] = []

    def add(self, new: _Ranked) -> None:
        """Take a region; those of one photo come one after another."""
        same = next((old for old in self.firsts if old.region.photo == new.region.photo), None)
        if same is not None:
            worse = max(same, new, key=_Ranked.place)
            self.others = sorted([*self.others, worse], key=_Ranked.place)[:SHOWN]
            if worse is new:
                return
            self.firsts.remove(same)
        self.firsts = sorted([*self.firsts, new], key=_Ranked.place)[:SHOWN]

    def chosen(self) -> tuple[ShownRegion, ...]:
        """Return them, the largest margin first."""
        kept = sorted([*self.firsts, *self.others[: SHOWN - len(self.firsts)]], key=_Ranked.place)
        return tuple(each.region for each in kept)


def summarize(
    photos: Iterable[tuple[NamedPhoto, PhotoRegions]], names: NameFeatures
) -> tuple[WantedSummary, tuple[tuple[ShownRegion, ...], ...]]:
    """Add up the regions of photos. One photo is in memory at a time.

    Args:
        photos: Each photo with its regions. Two photos may have one name.
        names: Wanted names and rivals.

    Returns:
        The summary; and for each wanted name at most `SHOWN` regions, those with the largest margin first: one of each
        photo, a second only where there are fewer photos; slivers last.

    Raises:
        ValueError: There are no photos.
    """
    regions: list[_Region] = []
    found: list[NamedPhoto] = []
    closest = [_Closest(-math.inf, None)] * len(names.wanted)
    shown = [_Shown() for _ in names.wanted]
    for photo, each in photos:
        for region, name in enumerate(each.names.tolist()):
            pixels, margins = float(each.shares[region]) * photo.pixels, each.margins[region].tolist()
            rival = int(each.best_rivals[region])
            winner = names.rivals[rival] if name == NO_NAME else names.wanted[name]
            closest = [
                _Closest(new, winner) if new > old.margin else old for old, new in zip(closest, margins, strict=True)
            ]
            margin = math.nan if name == NO_NAME else margins[name]
            regions.append(_Region(len(found), name, pixels, margin, float(each.spreads[region]), rival))
            if name != NO_NAME:
                sliver = float(each.shares[region]) < VISIBLE
                shown[name].add(_Ranked(sliver, ShownRegion(photo, margin, each.labels == region)))
        found.append(photo)
    if not found:
        raise ValueError("photos: got none, expected at least one")
    latent = [region for region in regions if region.name == NO_NAME]
    unlabelled = sum(region.pixels for region in regions)
    summary = WantedSummary(
        photos=len(found),
        pixels=sum(photo.pixels for photo in found),
        unlabelled=round(unlabelled),
        latent_regions=len(latent),
        latent_pixels=round(sum(region.pixels for region in latent)),
        names=tuple(
            _wanted_name(name, [region for region in regions if region.name == i], names, found, closest[i], unlabelled)
            for i, name in enumerate(names.wanted)
        ),
    )
    return summary, tuple(each.chosen() for each in shown)


def _wanted_name(
    name: str,
    regions: list[_Region],
    names: NameFeatures,
    photos: list[NamedPhoto],
    closest: _Closest,
    unlabelled: float,
) -> WantedName:
    """Add up the regions of one name."""
    by_photo: dict[int, float] = {}
    for region in regions:
        by_photo[region.photo] = by_photo.get(region.photo, 0.0) + region.pixels
    most = sorted(by_photo.items(), key=lambda item: -item[1])[:_PHOTOS]
    pixels = sum(by_photo.values())
    rivals = Counter(names.rivals[region.rival] for region in regions).most_common(1)
    return WantedName(
        name=name,
        regions=len(regions),
        photos=len(by_photo),
        pixels=round(pixels),
        share=pixels / unlabelled if unlabelled else math.nan,
        margin=median(region.margin for region in regions) if regions else math.nan,
        relative_margin=median(region.margin / max(region.spread, _LEAST_SPREAD) for region in regions)
        if regions
        else math.nan,
        rival=rivals[0][0] if rivals else closest.beaten_by,
        closest=closest.margin if closest.beaten_by is not None else math.nan,
        most_pixels=tuple(PhotoPixels(photos[i].name, round(count)) for i, count in most),
    )
