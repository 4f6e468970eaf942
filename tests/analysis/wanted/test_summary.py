"""What wanted names get, against sums in a loop; which regions are kept to be looked at; and the advice."""

import json
import math
from collections import Counter
from statistics import median

import pytest
import torch
from tests.stand_ins import unit_vectors

from clipteacher.analysis.wanted.advice import CLOSE, advise_wanted
from clipteacher.analysis.wanted.regions import NameFeatures, PhotoRegions
from clipteacher.analysis.wanted.summary import SHOWN, VISIBLE, NamedPhoto, summarize
from clipteacher.method.plm.naming import NO_NAME
from clipteacher.utils.atomic_files import json_text

NAMES = NameFeatures(("cat", "kite", "zebra"), ("sky", "grass", "wall"), unit_vectors(3, 8), unit_vectors(3, 8, 2))


def photo(number: int, pixels: int = 1600) -> NamedPhoto:
    return NamedPhoto(number, f"photo{number}", pixels)


def regions(*each: tuple[int, list[float], int, float, float]) -> PhotoRegions:
    """Regions of name, margins, best rival, spread and share; each has a position of its own."""
    names, margins, rivals, spreads, shares = zip(*each, strict=True) if each else ([], [], [], [], [])
    return PhotoRegions(
        torch.arange(max(1, len(each))).view(1, -1) if each else torch.tensor([[-1]]),
        torch.tensor(names, dtype=torch.int64),
        torch.tensor(margins).reshape(-1, 3),
        torch.tensor(rivals, dtype=torch.int64),
        torch.tensor(spreads),
        torch.tensor(shares, dtype=torch.float64),
    )


def test_against_sums_in_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(number: int) -> PhotoRegions:
        count = number % 5
        margins = torch.rand(count, 3, generator=generator) - 0.5
        margins[:, 2] = margins[:, :2].amin(1) - 0.1  # zebra never wins
        best, names = margins.max(dim=1)
        shares = torch.rand(count, generator=generator).double() / 8
        rivals = torch.randint(3, (count,), generator=generator)
        spreads = 0.1 + torch.rand(count, generator=generator)
        labels = torch.arange(-1, count).view(1, -1)
        return PhotoRegions(labels, names.where(best > 0, NO_NAME), margins, rivals, spreads, shares)

    photos = [(photo(i, 1000 + 100 * i), draw(i)) for i in range(40)]
    summary, shown = summarize(iter(photos), NAMES)
    flat = [
        (where, int(each.names[i]), float(each.shares[i]) * where.pixels, each.margins[i].tolist(), i, each)
        for where, each in photos
        for i in range(len(each.names))
    ]
    total = sum(row[2] for row in flat)
    assert (summary.photos, summary.pixels, summary.unlabelled) == (40, sum(p.pixels for p, _ in photos), round(total))
    latent = [row for row in flat if row[1] == NO_NAME]
    assert (summary.latent_regions, summary.latent_pixels) == (len(latent), round(sum(row[2] for row in latent)))
    assert summary.latent_share == pytest.approx(sum(row[2] for row in latent) / total, abs=1e-3)
    for name, found in enumerate(summary.names[:2]):
        own = [row for row in flat if row[1] == name]
        assert (found.name, found.regions) == (NAMES.wanted[name], len(own))
        assert (found.photos, found.pixels) == (len({row[0] for row in own}), round(sum(row[2] for row in own)))
        assert found.share == pytest.approx(sum(row[2] for row in own) / total)
        assert found.margin == pytest.approx(median(row[3][name] for row in own))
        assert found.relative_margin == pytest.approx(
            median(row[3][name] / float(row[5].spreads[row[4]]) for row in own)
        )
        assert found.closest == max(row[3][name] for row in flat)
        rivals = Counter(NAMES.rivals[int(row[5].best_rivals[row[4]])] for row in own)
        assert rivals[found.rival or ""] == max(rivals.values())
        by_photo = Counter[str]()
        for row in own:
            by_photo[row[0].name] += row[2]  # type: ignore[assignment]
        assert found.most_pixels == tuple((key, round(count)) for key, count in by_photo.most_common(5))
        assert len(shown[name]) == SHOWN
    zebra = summary.names[2]
    assert (zebra.regions, zebra.photos, zebra.pixels, zebra.share, shown[2]) == (0, 0, 0, 0, ())
    assert math.isnan(zebra.margin)
    assert math.isnan(zebra.relative_margin)
    closest = max(flat, key=lambda row: row[3][2])
    assert zebra.closest == closest[3][2]
    winner = NAMES.wanted[closest[1]] if closest[1] >= 0 else NAMES.rivals[int(closest[5].best_rivals[closest[4]])]
    assert zebra.rival == winner
    assert json.loads(json_text(summary.to_dict()))["names"][2]["margin"] is None


def test_one_region_a_photo_is_shown_then_others_and_slivers_last() -> None:
    large, sliver = 0.1, VISIBLE / 2
    first = regions((0, [0.9, 0, 0], 0, 1.0, large), (0, [0.8, 0, 0], 0, 1.0, large), (0, [0.95, 0, 0], 0, 1.0, sliver))
    photos = [(photo(0), first), *((photo(i), regions((0, [0.1 * i, 0, 0], 0, 1.0, large))) for i in range(1, 4))]
    _, (cats, *_) = summarize(photos, NAMES)
    found = [(each.photo.number, round(each.margin, 2)) for each in cats]
    assert found == [(0, 0.9), (0, 0.8), (3, 0.3), (2, 0.2), (1, 0.1), (0, 0.95)]
    assert [int(each.mask.sum()) for each in cats] == [1] * 6
    photos += [(photo(i), regions((0, [0.01 * i, 0, 0], 0, 1.0, large))) for i in range(4, 9)]
    _, (cats, *_) = summarize(photos, NAMES)
    assert [each.photo.number for each in cats] == [0, 3, 2, 1, 8, 7], "the second region of a photo gives way"
    assert cats[0].mask.tolist() == [[True, False, False]]


def test_no_photos_and_nothing_open() -> None:
    with pytest.raises(ValueError, match="photos: got none"):
        summarize([], NAMES)
    summary, shown = summarize([(photo(0), regions())], NAMES)
    assert (summary.unlabelled, summary.latent_regions, shown) == (0, 0, ((), (), ()))
    assert math.isnan(summary.latent_share)
    assert all(math.isnan(each.share) and math.isnan(each.closest) and each.rival is None for each in summary.names)
    (advice,) = advise_wanted(summary, NAMES, ["sky", "grass"])
    assert "every pixel of these photos is labelled" in advice


def test_each_piece_of_advice() -> None:
    close = CLOSE / 2
    photos = [
        (photo(0), regions((0, [0.4, 0, -0.2], 0, 0.1, 0.6), (1, [0, 0.1 * close, -0.3], 1, 0.1, 0.2))),
        (photo(1), regions((NO_NAME, [-0.1, -0.2, -0.125], 2, 0.1, 0.1))),
    ]
    summary, _ = summarize(photos, NAMES)
    nothing, most, hardly = advise_wanted(summary, NAMES, ["sky", "grass"])
    assert "no region gets these names: zebra (where nearest, wall wins, margin -0.125)." in nothing
    assert "most of what is not labelled: cat (67 %)." in most
    assert "hardly nearer than others: kite (margin 0.025, next grass)." in hardly


def test_no_advice_where_all_is_well() -> None:
    photos = [(photo(0), regions(*((i, [0.4] * 3, 0, 0.1, 0.2) for i in range(3))))]
    assert advise_wanted(summarize(photos, NAMES)[0], NAMES, ["sky", "grass"]) == ()


def test_names_that_are_nearly_the_same() -> None:
    """A wanted name beside another wanted one, or beside a seen one; not two seen ones, or a prompt."""
    photos = [(photo(0), regions(*((i, [0.4] * 3, 0, 0.1, 0.2) for i in range(3))))]
    axes = torch.eye(8)
    near = torch.nn.functional.normalize(axes[0] + 0.2 * axes[7], dim=0)
    wanted, rivals = torch.stack([axes[0], near, axes[2]]), torch.stack([axes[2], axes[3], axes[3], axes[0]])
    names = NameFeatures(("cat", "kitten", "lawn"), ("grass", "sky", "heaven", "thing"), wanted, rivals)
    (advice,) = advise_wanted(summarize(photos, names)[0], names, ["grass", "sky", "heaven"])
    listed = advice.removeprefix("nearly the same to the teacher: ").split(". ")[0]
    assert listed == "lawn / grass (cosine 1.00), cat / kitten (cosine 0.98)"
