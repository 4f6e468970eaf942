"""How many labels change from frame to frame where nothing moves and only the camera's noise does.

    python benchmarks/flicker.py --model runs/quickstart/after/model --data runs/quickstart/world --out FILE

A still photo becomes a clip: each frame is the photo with noise of its own, as a sensor's in dim light. Each frame is
segmented by itself, as `clipteacher segment clip.mp4` does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.photo import eight_bits, read_photo
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_json
from machine import provenance


def noisy_clip(photo: NDArray[np.uint8], sigma: float, frames: int, seed: int) -> list[NDArray[np.uint8]]:
    """Make frames (H, W, 3), uint8, of a still photo, each with Gaussian noise of its own of `sigma` levels of 255."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, sigma, (frames, *photo.shape))
    return list((photo + noise).round().clip(0, 255).astype(np.uint8))


def changed(segmenter: Segmenter, frames: list[NDArray[np.uint8]]) -> float:
    """Return the share of pixels, 0..1, whose label differs from that in the frame before."""
    labels = np.stack([found.labels for found in segmenter.segment_batch(frames)])
    return float((labels[1:] != labels[:-1]).mean())


def main() -> None:
    """Measure each noise, and write and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model/ of a run")
    parser.add_argument("--data", type=Path, required=True, help="folder with images/val/")
    parser.add_argument("--sigmas", type=float, nargs="+", default=[0, 2, 4, 8], help="noise, in levels of 255")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/flicker.json"))
    given = parser.parse_args()
    segmenter = Segmenter.from_pretrained(given.model, text_cache=False)
    photos = [eight_bits(read_photo(path)) for path in sorted((given.data / "images" / "val").iterdir())]
    photos = photos[: given.photos]
    rows = {
        f"{sigma:g}": [changed(segmenter, noisy_clip(photo, sigma, given.frames, i)) for i, photo in enumerate(photos)]
        for sigma in given.sigmas
    }
    print("| noise, levels of 255 | labels that change from frame to frame, % |\n|---|---|")
    for sigma, shares in rows.items():
        print(f"| {sigma} | {100 * np.mean(shares):.1f} |")
    write_json(given.out, {**provenance(), "frames": given.frames, "photos": len(photos), "rows": rows})


if __name__ == "__main__":
    main()
