"""Regions of a photo against a loop over its positions; names are those of training; labels say only what is open."""

import math

import pytest
import torch
from tests.stand_ins import StandInTeacher, random_tensor, unit_vectors, word_vectors
from torch.nn import functional as F

from clipteacher.analysis.wanted.regions import STRIDE, NameFeatures, encode_names, find_regions, name_photo
from clipteacher.data.dataset import Sample
from clipteacher.method.config import MethodConfig
from clipteacher.method.framework import CLIPTeacher
from clipteacher.method.plm.module import PLMConfig, latent_masks
from clipteacher.method.plm.naming import BACKGROUND_PROMPTS, NO_NAME, NamingConfig
from clipteacher.teachers.teacher import check_teacher

PLM = PLMConfig(windows=(2, 4), fusion_threshold=0.3)
WIDTH = 8


def random_names(wanted: int = 3, rivals: int = 4) -> NameFeatures:
    words = tuple(f"wanted {i}" for i in range(wanted)), tuple(f"rival {i}" for i in range(rivals))
    return NameFeatures(*words, unit_vectors(wanted, WIDTH, seed=5), unit_vectors(rivals, WIDTH, seed=6))


def random_labels(height: int, width: int, seed: int) -> torch.Tensor:
    """Labels (1, H, W) of blocks, about half of them ignored."""
    labels = torch.randint(4, (1, -(-height // 3), -(-width // 3)), generator=torch.Generator().manual_seed(seed))
    labels = labels.repeat_interleave(3, 1).repeat_interleave(3, 2)[:, :height, :width]
    return labels.masked_fill(labels >= 2, 255)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_it_is_what_a_loop_over_the_positions_finds(seed: int, margin: float) -> None:
    height, width = 10, 13
    dense, labels, names = random_tensor(1, WIDTH, 6, 7, seed=seed), random_labels(height, width, seed), random_names()
    found = name_photo(dense, labels, names, PLM, NamingConfig(margin=margin))
    masks = latent_masks(dense, PLM)[0]
    tokens = F.interpolate(F.normalize(dense, dim=1), (height, width), mode="bilinear", align_corners=False)[0]
    members: dict[int, list[tuple[int, int]]] = {}
    for y in range(height):
        for x in range(width):
            if labels[0, y, x] == 255:
                mask = int(masks[math.floor((y + 0.5) * 6 / height), math.floor((x + 0.5) * 7 / width)])
                members.setdefault(mask, []).append((y, x))
            else:
                assert found.labels[y, x] == -1
    assert len(found.names) == len(members) > 1
    for region, mask in enumerate(sorted(members)):
        assert (found.labels == region).nonzero().tolist() == [list(each) for each in members[mask]]
        token = F.normalize(torch.stack([tokens[:, y, x] for y, x in members[mask]]).mean(0), dim=0)
        wanted = [float(token @ each) for each in names.wanted_features]
        rivals = [float(token @ each) for each in names.rival_features]
        named = wanted.index(max(wanted)) if max(wanted) > max(rivals) + margin else NO_NAME
        assert found.names[region] == named
        assert found.best_rivals[region] == rivals.index(max(rivals))
        torch.testing.assert_close(found.margins[region], torch.tensor(wanted) - max(rivals), atol=1e-5, rtol=0)
        spread = torch.tensor(wanted + rivals).std(correction=0)
        torch.testing.assert_close(found.spreads[region], spread, atol=1e-5, rtol=0)
        assert found.shares[region] == len(members[mask]) / (height * width)


def test_which_seen_class_it_is_changes_nothing() -> None:
    dense, labels, names = random_tensor(1, WIDTH, 6, 7), random_labels(12, 14, 0), random_names()
    found = name_photo(dense, labels, names, PLM, NamingConfig())
    other = name_photo(dense, labels.where(labels == 255, 1 - labels), names, PLM, NamingConfig())
    assert all(torch.equal(one, two) for one, two in zip(found, other, strict=True))


@pytest.mark.parametrize(("ignored", "regions"), [(False, 0), (True, 1)])
def test_a_photo_that_is_all_labelled_or_not_at_all(ignored: bool, regions: int) -> None:
    labels = torch.full((1, 8, 8), 255 if ignored else 0)
    found = name_photo(torch.ones(1, WIDTH, 4, 4), labels, random_names(), PLM, NamingConfig())
    assert (len(found.names), float(found.shares.sum())) == (regions, regions)
    assert (found.labels == (0 if ignored else -1)).all()


def test_the_names_are_those_of_training() -> None:
    """The same text features, and for a photo of the same size the same names as `CLIPTeacher` gives a batch of one."""
    seen, wanted, naming = ("sky", "grass"), ("cat", "ground", "kite"), NamingConfig(margin=-0.2)
    teacher, method = StandInTeacher(WIDTH), MethodConfig(plm=PLM, naming=naming)
    check_teacher(teacher)
    names = encode_names(teacher, seen, wanted, naming)
    framework = CLIPTeacher(torch.nn.Conv2d(3, WIDTH, 3, 4, 1), teacher, seen, method, wanted=wanted)
    assert names.rivals == (*seen, *(prompt for prompt in BACKGROUND_PROMPTS if prompt != "ground"))
    assert torch.equal(torch.cat([word_vectors(seen, WIDTH), names.wanted_features]), framework.text_features)
    assert framework.wanted_names is not None
    assert torch.equal(names.rival_features, framework.wanted_names.rivals)
    image = 3 * random_tensor(3, 48, 64)  # tokens of many directions
    labels = random_labels(48 // STRIDE, 64 // STRIDE, 1).repeat_interleave(STRIDE, 1).repeat_interleave(STRIDE, 2)
    found = find_regions(teacher, Sample(image, labels[0].to(torch.uint8), "photo"), names, PLM, naming)
    small = labels[:, ::STRIDE, ::STRIDE]
    small = small.masked_fill(small == 255, -1)
    dense = teacher.encode_image(image[None]).dense
    assert framework.plm is not None
    refinement = naming.refinement
    fused = framework.plm.fused_labels(dense, small, 5, image[None], ignore_index=-1, refinement=refinement)
    (trained,) = framework.wanted_names(fused, dense, None, ignore_index=-1).labels
    assert len(set(found.names.tolist())) > 1
    for region, name in enumerate(found.names.tolist()):
        assert (trained[found.labels == region] == (2 + name if name != NO_NAME else 5 + region)).all()


def test_the_size_for_the_teacher() -> None:
    teacher = StandInTeacher(WIDTH)
    names = encode_names(teacher, ["sky"], ["cat"], NamingConfig())
    sample = Sample(torch.zeros(3, 20, 30, dtype=torch.uint8), torch.full((20, 30), 255, dtype=torch.uint8), "photo")
    for short_side, size in ((None, (20, 30)), (40, (40, 60)), (10, (10, 15))):
        found = find_regions(teacher, sample, names, PLM, NamingConfig(), short_side)
        assert teacher.sizes[-1] == (1, 3, *size)
        assert found.labels.shape == (-(-size[0] // STRIDE), -(-size[1] // STRIDE))


def test_nothing_competes() -> None:
    with pytest.raises(ValueError, match=r"expected at least one.*Give naming\.background_prompts"):
        encode_names(StandInTeacher(WIDTH), [], ["cat"], NamingConfig(background_prompts=()))
