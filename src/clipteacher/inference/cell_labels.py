"""Labels at full size from logits at the network's stride, without enlarging the logits of every class.

All classes are enlarged alike: the logit of class c at a pixel is a mean of a few positions k of the network's output,
z_c = Σ_k w_k s_c(k) with w_k ≥ 0 and Σ_k w_k = 1. That holds for one bilinear interpolation, for two in a row, and for
the mean over windows. Pixels that are mixed from the same few positions are a cell, these positions its corners:

    min_k (s_n(k) - s_m(k))  ≤  z_n - z_m  ≤  max_k (s_n(k) - s_m(k))    everywhere in the cell.

- A class that is the best at all corners is the best in the whole cell. This settles most cells of a photo.
- Elsewhere a class can win only if max_k s_c(k) ≥ min_k s_n(k) for every n. These candidates alone are enlarged.

Rounding: two ways to add the same numbers differ by less than `cells.rounding` times the largest logit, so that every
comparison leaves this margin. A pixel where two classes come closer is in doubt; a photo has a few. The caller enlarges
the classes in question whole, and so has the labels of the logits at full size to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

import torch
from torch import Tensor

from clipteacher.inference.cells import Side, parts, rounding

LogitsAt: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Rows (r,) and columns (c,) of positions, int64, ascending, to their logits (N, r, c), floating point."""

_FEWEST: Final = 16
_LEAST: Final = 2**20
_PER_CORNER: Final = 40
_PER_CORNER_OF_FEW: Final = 400
"""Fewest classes for each corner of a cell, and fewest logits at full size, in all and for each corner of each cell,
from which on labels by cells were clearly faster on CPUs; and how many for each corner make up for fewer classes."""

_MOST_CANDIDATES: Final = 0.25
_MOST_OF_FEW: Final = 0.1
"""Share of all classes in all cells beyond which it is faster to enlarge every class; and where classes are few."""

_AT_ONCE: Final = 1024
"""Cells whose candidates are found at once."""

_PROBE: Final = 64
"""Cells, evenly over a part, by whose candidates it is judged whether there are too many."""


class CellLabels(NamedTuple):
    """The labels of a photo, as far as they are known without enlarging all classes.

    Attributes:
        labels: Class ids, (H, W), int64; without meaning where in doubt.
        doubt: Pixels where rounding decides, (D,), int64, y · W + x; some may be repeated.
        classes: The classes in question at any of them, (n,), int64, ascending.
    """

    labels: Tensor
    doubt: Tensor
    classes: Tensor


class _Part(NamedTuple):
    """The logits at p positions.

    Attributes:
        logits: (N, p), float32.
        groups: The largest among each `size` classes in a row, (⌈N / size⌉, p).
        size: Classes in a group, but for the last.
        ids: The best class, (p,), int64.
        clear: Where it is better than all others by more than the margin, (p,), bool.
        margin: Difference of two logits that rounding may turn around.
    """

    logits: Tensor
    groups: Tensor
    size: int
    ids: Tensor
    clear: Tensor
    margin: float


class _Open(NamedTuple):
    """Cells that more than one class may win, U of them, with R × C corners and P × Q pixels.

    Attributes:
        corners: Positions in the part, (R, C, U), int64.
        tall: Shares of the corners' rows, (P, R, U), float32.
        wide: Shares of the corners' columns, (Q, C, U), float32.
        pixels: y · W + x of the pixels, (P · Q, U), int64; some may be repeated.
    """

    corners: Tensor
    tall: Tensor
    wide: Tensor
    pixels: Tensor


class _Decided(NamedTuple):
    """Pixels y · W + x and their labels, (U, P · Q), int64; those in doubt, (D,), and the classes in question, (n,)."""

    pixels: Tensor
    labels: Tensor
    doubt: Tensor
    classes: Tensor


def worthwhile(classes: int, pixels: int, positions: int) -> bool:
    """Return whether labels by cells may be faster, by the pixels of a photo and the positions of the output for it.

    It is less than `serves` asks, and known before there are cells: a cell has four corners or more.
    """
    logits = classes * pixels
    return logits >= _LEAST and (classes >= 4 * _FEWEST or logits >= 4 * _PER_CORNER_OF_FEW * positions)


def serves(rows: Side, columns: Side, classes: int, max_logits: int) -> bool:
    """Return whether the corners of a cell are within `max_logits`, and few for the classes and for its pixels.

    They are many where windows overlap much.
    """
    corners = rows.corners.shape[1] * columns.corners.shape[1]
    cells, pixels = len(rows.corners) * len(columns.corners), len(rows.run) * len(columns.run)
    least = _PER_CORNER_OF_FEW if _few(rows, columns, classes) else _PER_CORNER
    return corners * classes <= max_logits and least * corners * cells <= classes * pixels


def _few(rows: Side, columns: Side, classes: int) -> bool:
    return rows.corners.shape[1] * columns.corners.shape[1] * _FEWEST > classes


@torch.no_grad()
def cell_labels(logits_at: LogitsAt, rows: Side, columns: Side, classes: int, max_logits: int) -> CellLabels | None:
    """Label every pixel of a photo with its best class.

    Args:
        logits_at: The network's output.
        rows: The cells from top to bottom.
        columns: The cells from left to right.
        classes: N, at least 1.
        max_logits: Most logits in any tensor, but those of one cell at least.

    Returns:
        The labels; None where this cannot be done, because logits are not finite or not float32, or where too many
        classes come into question.
    """
    best = torch.zeros(len(rows.corners), len(columns.corners), dtype=torch.int64, device=rows.run.device)
    share, some = rounding(rows, columns), max(max_logits // classes, 1)
    at_once = max(min(some // (rows.corners.shape[1] * columns.corners.shape[1]), _AT_ONCE), 1)
    most = _MOST_OF_FEW if _few(rows, columns, classes) else _MOST_CANDIDATES
    decided = list[_Decided]()
    for down, across in parts(rows, columns, some):
        some_rows, at_rows = torch.unique(rows.corners[down], return_inverse=True)
        some_columns, at_columns = torch.unique(columns.corners[across], return_inverse=True)
        part = _part(logits_at(some_rows, some_columns).flatten(1), share)
        if part is None:
            return None
        corners = at_rows.T[:, None, :, None] * len(some_columns) + at_columns.T[None, :, None, :]
        winners = part.ids[corners]
        settled = ((winners == winners[0, 0]) & part.clear[corners]).flatten(0, 1).all(dim=0)
        best[down, across] = winners[0, 0]
        unsettled = (~settled).nonzero()
        if _too_many(part, corners, unsettled, min(at_once, _PROBE), most):
            return None
        for cells in torch.split(unsettled, at_once) if len(unsettled) else ():
            top, left = cells.unbind(dim=1)
            cell, ids = _candidates(part, corners[:, :, top, left])
            opened = _open(corners[:, :, top, left], rows, columns, top + down.start, left + across.start)
            decided += _decide(part, opened, cell, ids, max_logits)
    labels = best[rows.run[:, None], columns.run]
    for each in decided:
        labels.view(-1)[each.pixels] = each.labels
    if not decided:
        return CellLabels(labels, *labels.new_empty(2, 0))
    doubt, in_question = torch.cat([each.doubt for each in decided]), torch.cat([each.classes for each in decided])
    return CellLabels(labels, doubt, torch.unique(in_question))


def _part(logits: Tensor, share: float) -> _Part | None:
    """Find the best class at each position, (N, p); None where logits are not finite or not float32.

    The largest of each group of about √N classes shows where to look, for the best and for candidates.
    """
    if logits.dtype != torch.float32:
        return None
    size = round(math.sqrt(len(logits)))
    whole = len(logits) // size * size
    groups = torch.unflatten(logits[:whole], 0, (-1, size)).amax(dim=1)
    if whole < len(logits):
        groups = torch.cat([groups, logits[whole:].amax(dim=0, keepdim=True)])
    largest = max(-float(logits.amin()), float(groups.amax()))
    if not math.isfinite(largest):
        return None
    value, group = groups.max(dim=0)
    names, members = _members(logits, group, torch.arange(logits.shape[1], device=logits.device), size)
    place = members.max(dim=0, keepdim=True).indices
    others = torch.maximum(
        members.scatter(0, place, -torch.inf).amax(dim=0), groups.scatter(0, group[None], -torch.inf).amax(dim=0)
    )
    margin = share * largest
    return _Part(logits, groups, size, names.gather(0, place)[0], value - others > margin, margin)


def _members(logits: Tensor, group: Tensor, positions: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the classes of groups (q,), and their logits at positions (q,): (size, q); -inf past the last class."""
    ids = group * size + torch.arange(size, device=group.device)[:, None]
    found = logits[ids.clamp(max=len(logits) - 1), positions]
    return ids, found.masked_fill_(ids >= len(logits), -torch.inf)


def _candidates(part: _Part, corners: Tensor) -> tuple[Tensor, Tensor]:
    """Find the classes that may win somewhere in cells (R, C, U).

    Returns:
        Cells 0..U-1, (q,), ascending, and for each of them a class, (q,), ascending in a cell.
    """
    extreme, corners = corners[[0, 0, -1, -1], [0, -1, 0, -1]], corners.flatten(0, 1)
    # Any class's smallest logit is a bound, and the winners of the outer corners have high ones.
    least = part.logits[part.ids[extreme][:, None], corners].amin(dim=1).amax(dim=0) - part.margin
    classes, spots = part.logits.shape
    # Neighbours share corners: classes are looked up once for a position, by the lowest bound of its cells.
    lowest = least.new_full((spots,), torch.inf)
    lowest.scatter_reduce_(0, corners.flatten(), least.expand(len(corners), -1).flatten(), "amin")
    position, group = (part.groups >= lowest).T.nonzero(as_tuple=True)
    members, logits = _members(part.logits, group, position, part.size)
    row, member = (logits >= lowest[position]).T.nonzero(as_tuple=True)
    ids, logits, counts = members[member, row], logits[member, row], position[row].bincount(minlength=spots)
    # Each corner of each cell, as often as its position has classes.
    times = counts[corners.T].flatten()
    corner = torch.repeat_interleave(times)
    begin = (counts.cumsum(dim=0) - counts)[corners.T].flatten() - (times.cumsum(dim=0) - times)
    place = begin[corner] + torch.arange(len(corner), device=corner.device)
    cell = corner // len(corners)
    may_win = torch.zeros(corners.shape[1], classes, dtype=torch.bool, device=cell.device)
    enough = logits[place] >= least[cell]
    may_win[cell[enough], ids[place[enough]]] = True
    found, name = may_win.nonzero(as_tuple=True)
    return found, name


def _too_many(part: _Part, corners: Tensor, unsettled: Tensor, probe: int, most: float) -> bool:
    """Return whether unsettled cells (U, 2), among all of a part (R, C, g, h), have more than a share of candidates."""
    if not len(unsettled):
        return False
    top, left = unsettled[:: -(-len(unsettled) // probe)].unbind(dim=1)
    share = len(_candidates(part, corners[:, :, top, left])[0]) / len(top) / len(part.logits)
    return share * len(unsettled) > most * corners.shape[2] * corners.shape[3]


def _open(corners: Tensor, rows: Side, columns: Side, top: Tensor, left: Tensor) -> _Open:
    """Gather what enlarging needs, of cells (R, C, U) in rows (U,) and columns (U,) of cells."""
    pixels = rows.pixels[top].T[:, None] * len(columns.run) + columns.pixels[left].T
    tall, wide = rows.shares[top].permute(1, 2, 0), columns.shares[left].permute(1, 2, 0)
    return _Open(corners, tall, wide, pixels.flatten(0, 1))


def _decide(part: _Part, opened: _Open, cell: Tensor, ids: Tensor, max_logits: int) -> Iterator[_Decided]:
    """Enlarge the candidates, and find the best at each pixel: some cells at a time, within `max_logits`."""
    count = opened.pixels.shape[1]
    step = max(max_logits // (len(opened.pixels) * int(cell.bincount().max())), 1)
    for first in range(0, count, step):
        some = slice(first, min(first + step, count))
        begin, end = torch.searchsorted(cell, torch.tensor([some.start, some.stop], device=cell.device)).tolist()
        part_of = _Open(*(each[..., some] for each in opened))
        yield _decide_some(part, part_of, cell[begin:end] - first, ids[begin:end])


def _decide_some(part: _Part, opened: _Open, cell: Tensor, ids: Tensor) -> _Decided:
    """Enlarge the candidates (q,) of cells (q,), and find the best at each pixel."""
    mixed = _mixed(part.logits[ids, opened.corners[..., cell]], opened.tall[..., cell], opened.wide[..., cell])
    logits, counts = mixed.T.contiguous(), cell.bincount(minlength=opened.pixels.shape[1])
    highest = torch.segment_reduce(logits, "max", lengths=counts, axis=0)
    bar = highest.sub_(part.margin).index_select(0, cell)
    pair, pixel = (logits >= bar).nonzero(as_tuple=True)
    pixels = opened.pixels.T
    at = cell[pair] * pixels.shape[1] + pixel
    labels = torch.zeros_like(pixels).flatten()
    labels[at] = ids[pair]
    several = at.bincount(minlength=len(labels)) > 1
    doubt, classes = pixels.flatten()[several], torch.unique(ids[pair[several[at]]])
    return _Decided(pixels, labels.view_as(pixels), doubt, classes)


def _mixed(corners: Tensor, tall: Tensor, wide: Tensor) -> Tensor:
    """Mix logits (R, C, q) by the shares (P, R, q) of rows and (Q, C, q) of columns, to (P · Q, q).

    Sums of products in float32, and no product of matrices, which a setting of PyTorch's may round to fewer bits.
    """
    across = tall[:, 0, None] * corners[0]
    for row in range(1, len(corners)):
        across.addcmul_(tall[:, row, None], corners[row])
    mixed = across[:, None, 0] * wide[:, 0]
    for column in range(1, corners.shape[1]):
        mixed.addcmul_(across[:, None, column], wide[:, column])
    return mixed.flatten(0, 1)
