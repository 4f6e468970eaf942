"""Grid tokens: a photo split into cells, each with its own token, so that GLM has several global tokens an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F


class GridCell(NamedTuple):
    """One cell of every image of a batch.

    Attributes:
        token: (B, C), unit vectors: what the teacher says of the cell.
        features: (B, C, h', w'), the student's features in the cell, a view.
    """

    token: Tensor
    features: Tensor


def grid_cells(dense: Tensor, features: Tensor, side: int) -> Iterator[GridCell]:
    """Cut both maps into a grid of cells, row by row; a cell's token is the mean of the teacher's unit tokens in it.

    Deviation: the paper has one CLS token an image, which describes what is largest in it. Tokens of cells cost no
    further pass of the teacher, other than the CLS tokens of crops.

    Args:
        dense: D, (B, C, h, w), any length.
        features: R, (B, C, H, W).
        side: k, the cells in a row and in a column. Where a map is not divisible, cells differ by a row or a column.

    Returns:
        k² cells.

    Raises:
        ValueError: A map has fewer rows or columns than the grid.

    Example:
        >>> import torch
        >>> [tuple(cell.features.shape) for cell in grid_cells(torch.ones(1, 2, 4, 4), torch.ones(1, 2, 5, 8), side=2)]
        [(1, 2, 2, 4), (1, 2, 2, 4), (1, 2, 3, 4), (1, 2, 3, 4)]
    """
    least = min(*dense.shape[2:], *features.shape[2:])
    if least < side:
        raise ValueError(
            f"glm.grid: got {side} with maps of {tuple(dense.shape[2:])} tokens and {tuple(features.shape[2:])} "
            f"features, expected at most {least}. Take fewer cells, or larger crops."
        )
    unit = F.normalize(dense.float(), dim=1)
    for row in range(side):
        for column in range(side):
            tokens = _cell(unit, side, row, column).mean(dim=(2, 3))
            yield GridCell(F.normalize(tokens, dim=1), _cell(features, side, row, column))


def _cell(maps: Tensor, side: int, row: int, column: int) -> Tensor:
    height, width = maps.shape[2:]
    rows = slice(row * height // side, (row + 1) * height // side)
    return maps[:, :, rows, column * width // side : (column + 1) * width // side]
