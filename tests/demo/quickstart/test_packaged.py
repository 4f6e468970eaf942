"""The quickstart on what the package carries: its own YAML and its own CLIP, in one step."""

import io
import json
from pathlib import Path

import yaml
from rich.console import Console

from clipteacher.demo.quickstart.config import FIT_CONFIG, QuickstartConfig
from clipteacher.demo.quickstart.run import quickstart
from clipteacher.segmenter.segmenter import Segmenter


def test_the_packaged_configuration_with_the_packaged_clip(tmp_path: Path) -> None:
    fit = yaml.safe_load(FIT_CONFIG.read_text())
    fit["trainer"]["max_steps"] = 1
    fit["data"]["batch_size"] = 2
    (tmp_path / "one_step.yaml").write_text(yaml.safe_dump(fit))
    config = QuickstartConfig(train=2, val=2, size=64, fit=tmp_path / "one_step.yaml", rows=1, timed=1)
    out = tmp_path / "out"
    results, _ = quickstart(out, seed=0, config=config, console=Console(file=io.StringIO()))
    assert results.protocol == "world-15-5"
    spec = json.loads((out / "before" / "model" / "config.json").read_text())["text_encoder"]
    assert spec["model"] == "package:clipteacher.demo.tiny_clip"
    student: Segmenter = Segmenter.from_pretrained(out / "before" / "model")
    assert student.with_names(["a dark cloud", "sand"]).text_features.shape == student.text_features[:2].shape
