"""The batched K-means of PLM beside scikit-learn's, from the same seeds, on 16 images of 32 × 32 tokens.

scikit-learn's is Euclidean: its centroids are means, ours are means at unit length, so sometimes another one is the
nearest, even among unit points. Both are therefore also compared with a third: the same spherical K-means written with
scikit-learn's tools, one image at a time, whose labels should be ours.

Wall time includes what other processes take; processor time of the whole process does not. Runs are paired: each round
times all of them one after another.

    .venv/bin/python benchmarks/kmeans.py --threads 2
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans  # type: ignore[import-untyped]
from sklearn.preprocessing import normalize  # type: ignore[import-untyped]
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.plm.kmeans import kmeans, window_seeds
from clipteacher.method.plm.module import PLMConfig
from clipteacher.utils.atomic_files import write_json
from machine import provenance, wait
from tables import head, row, spread_of_ratios


def drawn_tokens(images: int, side: int, channels: int, seed: int, noise: float) -> Tensor:
    """Draw smooth maps with noise, (B, C, h, w), float32, as `latent_masks` has them: unit length, then centred."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(images, channels, side // 4, side // 4, generator=generator)
    maps = F.interpolate(coarse, size=(side, side), mode="bicubic")
    tokens = F.normalize(maps + noise * torch.randn(images, channels, side, side, generator=generator), dim=1)
    return tokens - tokens.mean(dim=(0, 2, 3), keepdim=True)


def sklearn_labels(points: NDArray[np.float32], seeds: NDArray[np.float32], iterations: int) -> NDArray[np.int64]:
    """Run scikit-learn's KMeans image by image: points (B, L, C), seeds (B, K, C) to labels (B, L)."""
    runs = (
        KMeans(len(first), init=first, n_init=1, max_iter=iterations, tol=0.0, algorithm="lloyd").fit(each)
        for each, first in zip(points, seeds, strict=True)
    )
    return np.stack([run.labels_ for run in runs]).astype(np.int64)


def spherical_labels(points: NDArray[np.float32], seeds: NDArray[np.float32], iterations: int) -> NDArray[np.int64]:
    """Run spherical K-means image by image in numpy: points (B, L, C), seeds (B, K, C) to labels (B, L)."""
    found = []
    for each, centroids in zip(points, seeds.copy(), strict=True):
        labels = (each @ centroids.T).argmax(axis=1)
        for _ in range(iterations):
            for cluster in np.unique(labels):
                centroids[cluster] = normalize(each[labels == cluster].sum(axis=0, keepdims=True))[0]
            labels = (each @ centroids.T).argmax(axis=1)
        found.append(labels)
    return np.stack(found)


def timed(run: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Time a run: wall and processor seconds."""
    wait(device)
    wall, processor = time.perf_counter(), time.process_time()
    run()
    wait(device)
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Time the rounds, compare labels, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--channels", type=int, default=512)
    parser.add_argument("--noise", type=float, default=0.5)
    parser.add_argument("--iterations", type=int, default=PLMConfig.iterations)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/kmeans.json"))
    given = parser.parse_args()
    warnings.filterwarnings("ignore", module="sklearn")  # 10 updates do not converge
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    tokens = drawn_tokens(given.images, given.side, given.channels, given.seed, given.noise)
    seeds = F.normalize(window_seeds(tokens, PLMConfig.windows, PLMConfig.overlap), dim=2)
    points = F.normalize(tokens.flatten(2).transpose(1, 2), dim=2).contiguous()
    there, seeds_there = points.to(device), seeds.to(device)
    runs: dict[str, Callable[[], Any]] = {
        "ours": lambda: kmeans(there, seeds_there, given.iterations)[1],
        "sklearn": lambda: sklearn_labels(points.numpy(), seeds.numpy(), given.iterations),
        "spherical, image by image": lambda: spherical_labels(points.numpy(), seeds.numpy(), given.iterations),
    }
    labels = {name: np.asarray(torch.as_tensor(run()).cpu()) for name, run in runs.items()}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(given.rounds):
        for name, run in runs.items():
            seconds[name].append(timed(run, device))
    result: dict[str, Any] = {
        **provenance(device),
        "clusters": seeds.shape[1],
        "rows": {},
    }
    print(f"{result['machine']}; K = {seeds.shape[1]}\n")
    print(head(["", "wall s", "processor s", "ours is faster, wall", "processor", "labels"]))
    for name in runs:
        columns = {way: tuple(zip(*rounds, strict=True)) for way, rounds in seconds.items()}
        ratios = [spread_of_ratios(columns[name][kind], columns["ours"][kind]) for kind in (0, 1)]
        same = float((labels[name] == labels["ours"]).mean())
        medians = [f"{statistics.median(column):.3f}" for column in columns[name]]
        result["rows"][name] = {"seconds": seconds[name], "ratio_wall_processor": ratios, "labels_as_ours": same}
        print(row([name, *medians, *ratios, f"{100 * same:.2f} %"]))
    write_json(given.out, result)


if __name__ == "__main__":
    main()
