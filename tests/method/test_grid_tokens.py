"""Cells of GLM: the split against numpy's, the loss against GLM over each cell, and what is refused."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from clipteacher.method.glm import GLM, GLMConfig
from clipteacher.method.grid_tokens import grid_cells


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = (4, 6), (4, 6, 5, 4), (4, 6, 9, 7)
    cls, dense, features = (torch.randn(*shape, generator=generator) for shape in shapes)
    return cls, dense, features


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_cells_cover_each_position_once_and_their_tokens_are_means(side: int) -> None:
    _, dense, features = maps()
    cells = list(grid_cells(dense, features, side))
    assert len(cells) == side**2
    assert sum(cell.features[0, 0].numel() for cell in cells) == features[0, 0].numel()
    torch.testing.assert_close(
        torch.stack([cell.features.sum(dim=(2, 3)) for cell in cells]).sum(0), features.sum(dim=(2, 3))
    )
    unit = (dense / dense.norm(dim=1, keepdim=True)).numpy()
    edges = [[i * size // side for i in range(side + 1)] for size in dense.shape[2:]]
    for number, cell in enumerate(cells):
        row, column = divmod(number, side)
        part = unit[:, :, edges[0][row] : edges[0][row + 1], edges[1][column] : edges[1][column + 1]]
        mean = part.reshape(4, 6, -1).mean(axis=2)
        np.testing.assert_allclose(cell.token.numpy(), mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-6)


def test_the_loss_is_the_mean_of_the_whole_images_and_each_cells() -> None:
    config = GLMConfig(bank_size=8, grid=2)
    glm = GLM(6, config)
    glm.bank.enqueue(F.normalize(maps(1)[0], dim=1))
    cls, dense, features = maps()
    parts = []
    for asks, part in [(cls, features), *((cell.token, cell.features) for cell in grid_cells(dense, features, 2))]:
        alone = GLM(6, GLMConfig(bank_size=8))
        alone.bank.load_state_dict(glm.bank.state_dict())
        parts.append(alone(asks, part).mean())
    torch.testing.assert_close(glm(cls, features, dense).mean(), torch.stack(parts).mean())
    assert int(glm.bank.written) == 8, "the bank takes CLS tokens alone"


def test_no_cells_are_the_papers_glm_to_the_bit() -> None:
    cls, dense, features = maps()
    assert torch.equal(GLM(6)(cls, features, dense).total, GLM(6)(cls, features).total)


def test_a_cell_teaches_its_own_features_alone() -> None:
    _, dense, features = maps()
    features.requires_grad_(True)
    first = next(grid_cells(dense, features, 2))
    (gradient,) = torch.autograd.grad(first.features.square().sum(), features)
    inside = torch.zeros(9, 7, dtype=torch.bool)
    inside[:4, :3] = True
    assert (gradient[:, :, ~inside] == 0).all()
    assert (gradient[:, :, inside] != 0).all()


@pytest.mark.parametrize(
    ("cells", "with_dense", "message"),
    [
        (-1, True, "glm.grid: got -1, expected 0"),
        (
            5,
            True,
            r"glm.grid: got 5 with maps of \(5, 4\) tokens and \(9, 7\) features, expected at most 4",
        ),
        (2, False, "glm.grid: got 2 without dense tokens"),
    ],
)
def test_what_is_refused(cells: int, with_dense: bool, message: str) -> None:
    cls, dense, features = maps()
    with pytest.raises(ValueError, match=message):
        GLM(6, GLMConfig(grid=cells))(cls, features, dense if with_dense else None)
