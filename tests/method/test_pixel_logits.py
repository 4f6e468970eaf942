"""Pixel logits against loops over pixels."""

import torch
from torch.nn import functional as F

from clipteacher.method.pixel_logits import cross_image_similarity, pixel_logits


def test_pixel_logits_as_a_loop_computes_them() -> None:
    torch.manual_seed(0)
    features, text, pseudo = torch.randn(2, 4, 2, 3), F.normalize(torch.randn(3, 4), dim=1), torch.randn(2, 2, 4)
    exists = torch.tensor([[True, False], [True, True]])
    logits = pixel_logits(features, text, pseudo, exists, alpha=0.5, beta=7.0)
    assert logits.shape == (2, 5, 2, 3)
    for b, y, x in [(b, y, x) for b in range(2) for y in range(2) for x in range(3)]:
        pixel = features[b, :, y, x]
        names = [0.5 * float(pixel @ name) for name in text]
        cosines = [7 * float(F.cosine_similarity(pixel, prototype, dim=0)) for prototype in pseudo[b]]
        expected = names + [c if exists[b, m] else -torch.inf for m, c in enumerate(cosines)]
        torch.testing.assert_close(logits[b, :, y, x], torch.tensor(expected), rtol=1e-4, atol=1e-5)
    alone = pixel_logits(features, text, None, None, alpha=0.5, beta=7.0)
    torch.testing.assert_close(alone, logits[:, :3])
    assert pixel_logits(features, text, pseudo[:, :0], exists[:, :0], alpha=0.5, beta=7.0).shape == (2, 3, 2, 3)


def test_cross_image_similarity_as_a_loop_computes_them() -> None:
    torch.manual_seed(0)
    features, pseudo = torch.randn(3, 4, 2, 3), torch.randn(3, 2, 4)
    exists = torch.tensor([[True, False], [True, True], [False, False]])
    owners = [(0, 0), (1, 0), (1, 1)]
    owner, _ = exists.nonzero(as_tuple=True)
    found = cross_image_similarity(features, F.normalize(pseudo[exists], dim=1), owner)
    assert found.shape == (3, 3, 2, 3)
    for b, y, x in [(b, y, x) for b in range(3) for y in range(2) for x in range(3)]:
        for k, (image, latent) in enumerate(owners):
            cosine = float(F.cosine_similarity(features[b, :, y, x], pseudo[image, latent], dim=0))
            expected = -torch.inf if image == b else cosine
            torch.testing.assert_close(float(found[b, k, y, x]), expected, rtol=1e-4, atol=1e-5)


def test_no_latent_id_in_the_batch_gives_no_channel() -> None:
    nothing = torch.zeros(0, dtype=torch.int64)
    assert cross_image_similarity(torch.randn(2, 4, 2, 3), torch.randn(0, 4), nothing).shape == (2, 0, 2, 3)


def test_a_prototype_of_another_process_belongs_to_no_image_here() -> None:
    features, prototypes = torch.randn(2, 4, 1, 1), F.normalize(torch.randn(3, 4), dim=1)
    found = cross_image_similarity(features, prototypes, torch.tensor([-1, 0, 1]))[:, :, 0, 0]
    assert found.isfinite().tolist() == [[True, False, True], [True, True, False]]


def test_prototypes_of_other_images_take_no_gradient() -> None:
    features, pseudo = torch.randn(2, 4, 1, 1, requires_grad=True), torch.randn(2, 1, 4, requires_grad=True)
    cosines = cross_image_similarity(features, F.normalize(pseudo[:, 0], dim=1), torch.arange(2))
    torch.autograd.backward(cosines[cosines.isfinite()].sum())
    assert features.grad is not None
    assert (features.grad != 0).any()
    assert pseudo.grad is None
