"""Self-training against loops over pixels: the bar for each name, who is sure, and who is doubted."""

import math

import pytest
import torch
from tests.stand_ins import random_tensor
from torch import Tensor

from clipteacher.method.self_training import (
    SelfTraining,
    SelfTrainingConfig,
    least_logits,
    name_moments,
    student_labels,
)

SEEN, WANTED, IGNORED = 2, 3, -1


def example(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits (2, 5, 4, 6), labels with seen, wanted, latent and ignored pixels, and where nobody labelled."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, 8, (2, 4, 6), generator=generator)
    return 3 * random_tensor(2, SEEN + WANTED, 4, 6, seed=seed), labels, labels >= SEEN


def naive_least(logits: Tensor, labels: Tensor) -> list[float]:
    found = []
    for name in range(SEEN, SEEN + WANTED):
        values = [float(logits[b, name, y, x]) for b, y, x in (labels == name).nonzero().tolist()]
        found.append(sum(values) / len(values) if values else math.inf)
    return found


def test_the_bar_against_a_loop() -> None:
    logits, labels, _ = example()
    labels = labels.masked_fill(labels == SEEN + 1, 0)  # a wanted name without pixels
    least = least_logits(name_moments(logits, labels, SEEN))
    assert least[1] == math.inf
    torch.testing.assert_close(least, torch.tensor(naive_least(logits, labels)), rtol=1e-4, atol=1e-4)


def naive_labels(
    logits: Tensor, labels: Tensor, open_pixels: Tensor, least: list[float], learned: list[bool]
) -> Tensor:
    out = labels.clone()
    for b, y, x in open_pixels.nonzero().tolist():
        scores = logits[b, :, y, x].tolist()
        best, label = scores.index(max(scores)), int(labels[b, y, x])
        if SEEN <= label < SEEN + WANTED and not learned[label - SEEN]:
            continue
        if best >= SEEN and scores[best] >= least[best - SEEN]:
            out[b, y, x] = best
        elif SEEN <= label < SEEN + WANTED and label != best:
            out[b, y, x] = IGNORED
    return out


@pytest.mark.parametrize("seed", range(4))
def test_labels_against_a_loop(seed: int) -> None:
    logits, labels, open_pixels = example(seed)
    least, learned = [1.0, 2.0, math.inf], [True, False, True]
    bars = torch.tensor(least), torch.tensor(learned)
    found = student_labels(logits, labels, open_pixels, SEEN, *bars, ignore_index=IGNORED)
    assert torch.equal(found, naive_labels(logits, labels, open_pixels, least, learned))
    assert torch.equal(found[~open_pixels], labels[~open_pixels]), "what somebody labelled stays"
    assert not torch.equal(found, labels)


def test_the_module_remembers_names_over_batches() -> None:
    module = SelfTraining(WANTED, SelfTrainingConfig())
    logits, labels, open_pixels = example(1)
    module(logits, labels, open_pixels, SEEN, ignore_index=IGNORED)
    first = name_moments(logits, labels, SEEN)
    torch.testing.assert_close(module.moments, first)
    module(logits + 1, labels, open_pixels, SEEN, ignore_index=IGNORED)
    torch.testing.assert_close(module.moments, 0.9 * first + name_moments(logits + 1, labels, SEEN))
    assert "moments" in module.state_dict(), "a resumed run goes on with them"


def test_a_name_that_the_teacher_never_gave_is_never_taken() -> None:
    module = SelfTraining(WANTED)
    logits = torch.zeros(1, SEEN + WANTED, 2, 2)
    logits[:, SEEN + 2] = 100.0
    labels = torch.full((1, 2, 2), SEEN + WANTED)  # one latent region
    found = module(logits, labels, labels >= SEEN, SEEN, ignore_index=IGNORED)
    assert torch.equal(found, labels)


def test_agreement_is_counted() -> None:
    logits, labels, _ = example()
    best = logits.argmax(dim=1)
    expected = [int(((labels == name) & (best == name)).sum()) for name in range(SEEN, SEEN + WANTED)]
    assert name_moments(logits, labels, SEEN)[2].tolist() == expected
    assert name_moments(logits, labels, SEEN)[0].tolist() == [int((labels == name).sum()) for name in range(2, 5)]


@pytest.mark.parametrize(("agreement", "lost"), [(0.0, True), (0.5, False)])
def test_a_name_that_is_not_learned_yet_is_not_doubted(agreement: float, lost: bool) -> None:
    # The teacher names every pixel; the student takes three of four for a seen class.
    module = SelfTraining(WANTED, SelfTrainingConfig(agreement=agreement))
    logits = torch.zeros(1, SEEN + WANTED, 2, 2)
    logits[0, SEEN], logits[0, 0, :, :] = 1.0, 2.0
    logits[0, SEEN, 0, 0] = 3.0
    labels = torch.full((1, 2, 2), SEEN)
    found = module(logits, labels, labels >= SEEN, SEEN, ignore_index=IGNORED)
    assert bool((found == IGNORED).any()) == lost


@pytest.mark.parametrize("changes", [{"start": 1.5}, {"start": -0.1}, {"ema": 1.0}, {"agreement": 2.0}])
def test_wrong_options(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"self_training.{next(iter(changes))}"):
        SelfTrainingConfig(**changes)
