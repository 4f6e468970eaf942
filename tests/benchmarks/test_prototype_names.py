"""`benchmarks/prototype_names.py`: the nearest name of a prototype, and both kinds over a run's own photographs."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from clipteacher.analysis.student.run_config import read_run_options
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.demo.drawn_world import write_world
from clipteacher.method.plm.module import PLM, PLMConfig
from clipteacher.segmenter.segmenter import Segmenter

ROOT = Path(__file__).parents[2]
UNSEEN = ["sand", "brick wall", "boat", "balloon", "flower"]


@pytest.fixture
def prototype_names(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import prototype_names

    return prototype_names


def test_the_nearest_name_of_a_prototype(prototype_names: Any) -> None:  # noqa: ANN401
    names = ("cat", "dog", "cow")
    found = prototype_names.nearest_name(torch.tensor([3.0, 4.0, 0.0]), torch.eye(3), names, "cat")
    assert found == {"nearest": "dog", "cosine": pytest.approx(0.6)}


def test_both_sources_of_a_run(
    prototype_names: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_world(tmp_path / "world", seed=0, train=1, val=12, size=96)
    opened = open_data(tmp_path / "world", "val", None, tuple(UNSEEN))
    settings = yaml.safe_load((ROOT / "src" / "clipteacher" / "demo" / "quickstart" / "quickstart.yaml").read_text())
    settings["model"]["method"]["plm"]["prototypes"] = "synthesizer"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    teacher = read_run_options(tmp_path / "config.yaml").teacher
    torch.manual_seed(0)
    student, plm = torch.nn.Conv2d(3, 128, 4, stride=4), PLM(128, PLMConfig(windows=(2, 4), prototypes="synthesizer"))
    names = opened.class_split.names
    segmenter = Segmenter(student, names, teacher.encode_text(names), unseen=tuple(UNSEEN))
    (tmp_path / "checkpoints").mkdir()
    state = {f"framework.plm.{key}": value for key, value in plm.state_dict().items()}
    torch.save({"state_dict": state | {"framework.other": torch.ones(1)}}, tmp_path / "checkpoints" / "last.ckpt")

    segmenter.save_pretrained(tmp_path / "model")
    monkeypatch.setattr(Segmenter, "from_pretrained", lambda folder: segmenter)
    run = prototype_names.read_run(tmp_path)
    assert run.plm.state_dict().keys() == plm.state_dict().keys()
    assert all(torch.equal(value, plm.state_dict()[key]) for key, value in run.plm.state_dict().items())
    samples = SegmentationDataset(opened.source, opened.class_split, training=False)
    found = list(prototype_names.regions(run, samples, 3))
    assert found
    assert {each["name"] for each in found} <= set(UNSEEN)
    right = {
        source: sum(each[source]["nearest"] == each["name"] for each in found)
        for source in ("synthesizer", "region token")
    }
    assert right["region token"] > len(found) / 2, "the tiny CLIP knows the drawn world"
    assert right["synthesizer"] < len(found) / 2, "untrained, it knows nothing"

    settings["model"]["method"]["plm"]["prototypes"] = "region_pooling"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ValueError, match="without a synthesizer"):
        prototype_names.read_run(tmp_path)
