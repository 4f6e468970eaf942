"""Wanted names in the framework: who is encoded, which pixels learn a name, and that nothing differs without them."""

from dataclasses import replace

import pytest
import torch
from tests.method.test_framework import PLM_ON, SEEN, WEIGHTED, WIDTH, batch, gradients, of
from tests.stand_ins import StandInTeacher, random_tensor, unit_vectors, word_vectors

from clipteacher.method.config import MethodConfig
from clipteacher.method.framework import CLIPTeacher
from clipteacher.method.plm.fused_labels import FusedLabels
from clipteacher.method.plm.naming import NamingConfig, name_regions
from clipteacher.method.self_training import SelfTrainingConfig
from clipteacher.method.wanted_names import WantedNames

WANTED = ("cat", "dog")
METHOD = MethodConfig(
    glm=None, plm=replace(PLM_ON, prototypes="region_pooling"), naming=NamingConfig(background_prompts=("thing",))
)


def build(wanted: tuple[str, ...] = WANTED, method: MethodConfig = METHOD) -> CLIPTeacher:
    return of(method, wanted)


def encoded(module: CLIPTeacher) -> set[str]:
    assert isinstance(module.teacher, StandInTeacher)
    return {name for names in module.teacher.text.asked for name in names}


def test_only_seen_and_wanted_names_and_prompts_are_encoded() -> None:
    assert encoded(build()) == {*SEEN, *WANTED, "thing"}
    assert encoded(build(wanted=())) == set(SEEN)
    prompted = replace(METHOD, naming=NamingConfig(background_prompts=("cat", "sky", "thing")))
    module = build(method=prompted)
    assert module.wanted_names is not None
    assert len(module.wanted_names.rivals) == len(SEEN) + 1, "a prompt that is a name is none"


def test_without_wanted_names_naming_changes_no_bit() -> None:
    off = replace(METHOD, naming=None, self_training=None)
    one, other = build(wanted=()), build(wanted=(), method=off)
    losses, expected = one(*batch()), other(*batch())
    assert losses.keys() == expected.keys()
    assert all(torch.equal(losses[name], expected[name]) for name in losses)
    mine, theirs = gradients(one, losses), gradients(other, expected)
    assert all(torch.equal(grad, other_grad) for grad, other_grad in zip(mine.values(), theirs.values(), strict=True))  # type: ignore[arg-type]
    assert one.state_dict().keys() == other.state_dict().keys()


def test_the_names_reach_the_loss() -> None:
    images, labels = batch(ignored="all")
    losses = [build(wanted)(images, labels)["ce"].item() for wanted in ((), WANTED, ("cat", "piano"))]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("method", [replace(METHOD, plm=PLM_ON, losses=WEIGHTED), METHOD])
def test_all_terms_are_finite_and_reach_the_student(method: MethodConfig) -> None:
    module = build(method=method)
    images, labels = batch()
    averaged = random_tensor(3, WIDTH, 8, 8)
    for _ in range(2):
        losses = module(images, labels, averaged=averaged)
    assert all(loss.isfinite() for loss in losses.values())
    assert all(grad is not None for name, grad in gradients(module, losses).items() if name.startswith("student"))


def test_regions_take_names_by_their_own_tokens() -> None:
    text = unit_vectors(5, WIDTH)
    # One token a quarter of the image: cat, dog, a seen name, the background prompt.
    dense = text[torch.tensor([2, 3, 1, 4])].T.reshape(1, WIDTH, 2, 2)
    labels = torch.arange(4).view(1, 2, 2) + 4
    names = WantedNames(text[:2], text[2:4], text[4:], NamingConfig(), None, alpha=3.0)
    named = names(FusedLabels(labels, torch.ones(1, 4, dtype=torch.bool)), dense, None, ignore_index=-1)
    assert named.labels.tolist() == [[[2, 3], [6, 7]]]
    assert named.valid_mask.tolist() == [[False, False, True, True]]


def test_self_training_corrects_a_region_where_the_student_is_sure() -> None:
    text = unit_vectors(4, WIDTH)
    dense = text[torch.tensor([2, 2, 2, 2])].T.reshape(1, WIDTH, 2, 2)
    fused = FusedLabels(torch.full((1, 2, 2), 4), torch.ones(1, 1, dtype=torch.bool))
    names = WantedNames(text[:2], text[2:4], text[:0], NamingConfig(), SelfTrainingConfig(), alpha=3.0)
    # The student finds name 2 weakly everywhere, but for one pixel, which it takes for name 3.
    averaged = text[torch.tensor([2, 2, 2, 3])].T.reshape(1, WIDTH, 2, 2)
    labels = names(fused, dense, averaged, ignore_index=-1).labels
    assert labels.tolist() == [[[2, 2], [2, -1]]], "no pixel of a region was named 3, so nothing says how sure is sure"
    assert names(fused, dense, None, ignore_index=-1).labels.tolist() == [[[2, 2], [2, 2]]]


def test_mixed_precision_changes_no_name() -> None:
    text, dense = unit_vectors(6, WIDTH), random_tensor(2, WIDTH, 6, 6)
    names = WantedNames(text[:3], text[3:], text[:0], NamingConfig(), SelfTrainingConfig(agreement=0.0), alpha=3.0)
    fused = FusedLabels(torch.arange(36).view(1, 6, 6).expand(2, 6, 6) + 6, torch.ones(2, 36, dtype=torch.bool))
    averaged = random_tensor(2, WIDTH, 6, 6, seed=3)
    found = []
    for mixed in (False, True):
        names.self_training.moments.zero_()  # type: ignore[union-attr]
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            found.append(names(fused, dense, averaged, ignore_index=-1).labels)
    assert torch.equal(*found)
    assert (found[0] < 6).any()


@pytest.mark.parametrize(
    ("wanted", "method", "match"),
    [
        (("sky",), METHOD, "labelled"),
        (("cat", "cat"), METHOD, "twice"),
        (("Sky",), METHOD, "case"),
        ((" ",), METHOD, "expected letters"),
        (("cat",), replace(METHOD, naming=None), "method.naming switched off"),
        (("cat",), replace(METHOD, plm=None), "method.plm switched off"),
    ],
)
def test_what_cannot_be_wanted(wanted: tuple[str, ...], method: MethodConfig, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        build(wanted, method)


def test_the_segmenter_knows_what_was_wanted() -> None:
    segmenter = build().segmenter(["sky", "cat", "piano"])
    assert (segmenter.seen, segmenter.wanted, segmenter.unseen) == (SEEN, WANTED, ("cat", "piano"))
    assert build().segmenter().class_names == (*SEEN, *WANTED)


def test_naming_is_name_regions() -> None:
    text, regions = word_vectors([*SEEN, *WANTED], WIDTH), random_tensor(1, 6, WIDTH)
    valid = torch.ones(1, 6, dtype=torch.bool)
    expected = name_regions(regions, valid, text[3:], text[:3])
    named = WantedNames(text[:3], text[3:], text[:0], NamingConfig(), None, alpha=1.0)
    dense = regions[0].T.reshape(1, WIDTH, 2, 3)
    labels = named(FusedLabels(torch.arange(6).view(1, 2, 3) + 5, valid), dense, None, ignore_index=-1).labels
    taken = [label - 3 if label < 5 else -1 for label in labels.flatten().tolist()]
    assert taken == expected[0].tolist()
