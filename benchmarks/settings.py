"""The matched-backbone ablation: teacher alone, student alone, dense distillation, +GLM, +PLM, both, over seeds.

Each run is the command `clipteacher fit` with its switches; a run that is finished already is read, not repeated, and
one that was interrupted goes on. From the project's root:

    .venv/bin/python benchmarks/settings.py --runs runs/settings --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from clipteacher.files import write_json
from tables import HEAD, row
from teacher_alone import score_teacher

SWITCHES = {
    "student alone": ["--model.glm", "null", "--model.plm", "null"],
    "dense distillation": [
        *("--model.glm", "null", "--model.plm", "null", "--model.distillation", "{weight: 1.0, ignored_only: false}")
    ],
    "+ GLM": ["--model.plm", "null"],
    "+ PLM": ["--model.glm", "null"],
    "+ GLM + PLM": [],
}


def student_run(config: Path, data: Path, out: Path, seed: int, switches: list[str]) -> dict[str, Any]:
    """Run `clipteacher fit`, unless the run is finished, and read its scores."""
    if not (out / "metrics.json").exists():
        command = [str(Path(sys.executable).with_name("clipteacher")), "fit", "--config", str(config)]
        command += ["--data.root", str(data), "--seed_everything", str(seed), "--out", str(out), "--resume", *switches]
        subprocess.run(command, check=True)  # noqa: S603 (our own command)
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def main() -> None:
    """Run or read all settings and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/msrc21-paper.yaml"))
    parser.add_argument("--data", type=Path, default=Path("../shared/msrc21"))
    parser.add_argument("--unseen", nargs="+", default=["cat", "car", "flower", "sign", "cow"])
    parser.add_argument("--runs", type=Path, default=Path("runs/settings"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--settings", nargs="+", choices=list(SWITCHES), default=list(SWITCHES))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/msrc21_settings.json"))
    given = parser.parse_args()
    rows: dict[str, list[dict[str, Any]]] = {"teacher alone": [score_teacher(given.config, given.data, given.unseen)]}
    for seed in given.seeds:
        for setting in given.settings:
            name = setting.replace("+ ", "").replace(" ", "-").lower()
            run = student_run(given.config, given.data, given.runs / f"{name}-seed{seed}", seed, SWITCHES[setting])
            rows.setdefault(setting, []).append(run)
    protocol = rows["teacher alone"][0]["protocol"]
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__.split('+')[0]}"
    write_json(
        given.out,
        {
            "command": shlex.join(
                ["python", "benchmarks/settings.py", "--seeds", *map(str, given.seeds), "--settings", *given.settings]
            ),
            "protocol": protocol,
            "seeds": given.seeds,
            "machine": machine,
            "date": time.strftime("%Y-%m-%d"),
            "settings": rows,
        },
    )
    print(f"{protocol}; seeds {given.seeds}; {machine}\n\n{HEAD}")
    for setting, runs in rows.items():
        print(row(setting, runs))


if __name__ == "__main__":
    main()
