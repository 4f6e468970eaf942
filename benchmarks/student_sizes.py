"""The students of the paper: their parameters and FLOPs beside those that their authors published.

.venv/bin/python benchmarks/student_sizes.py
"""

from __future__ import annotations

from clipteacher.students.published import PAPER_STUDENTS
from clipteacher.students.size import count_flops, count_parameters
from tables import head, row

CLASSES = 150
TITLES = (
    *("student", "stride", "parameters (M)", "published (M)"),
    *("GFLOPs at 512²", "GFLOPs, as published", "published"),
)


def main() -> None:
    """Print the table of docs/guides/students.md."""
    print(head(TITLES))
    for paper in PAPER_STUDENTS:
        network = paper.build(CLASSES).to("meta")
        parameters = count_parameters(network) / 1e6
        published = f"{paper.parameters:g}" + (f", {paper.auxiliary:.1f} auxiliary" if paper.auxiliary else "")
        here = count_flops(network, 512, 512) / 1e9
        there = count_flops(network, *paper.flops_size, every_product=paper.every_product) / 1e9
        size = "" if paper.flops_size == (512, 512) else f" at {paper.flops_size[0]} by {paper.flops_size[1]}"
        cells = (paper.name, paper.stride, f"{parameters:.2f}", published, f"{here:.1f}", f"{there:.1f}{size}")
        print(row([*cells, f"{paper.flops:g}"]), flush=True)


if __name__ == "__main__":
    main()
