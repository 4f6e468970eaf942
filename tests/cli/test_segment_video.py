"""`clipteacher segment` with a video: where the result goes, what is printed, and what is refused in one line."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.onnx.models import NAMES, segmenter
from tests.video.clips import halves, read, write

from clipteacher.cli.main import main
from clipteacher.onnx.export import export_onnx
from clipteacher.onnx.segmenter import OnnxSegmenter
from clipteacher.video.segment import is_segmented, segment_video
from clipteacher.video.writing import CODECS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "student.onnx"
    export_onnx(segmenter(), path, text_input=True)
    return path


def run(model: Path, *arguments: str | Path) -> None:
    main(["segment", "--onnx", str(model), *map(str, arguments)])


def fails(capsys: pytest.CaptureFixture[str], model: Path, *arguments: str | Path, status: int = 2) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        run(model, *arguments)
    assert stop.value.code == status
    printed, error = capsys.readouterr()
    assert "Traceback" not in error
    if status == 2:
        assert error.count("\n") == error.count("clipteacher: error: ") == 1
        assert "Written" not in printed
    return error


def test_a_video(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, out = write(tmp_path / "clip.mp4", halves()), tmp_path / "new" / "out.mp4"
    run(model, clip, "--out", out, "--classes", "sky, sea", "--background_own", "--threshold", "0.1")
    printed = " ".join(capsys.readouterr().out.split())
    assert f"Written: {out}, 6 frames of 64x48, " in printed
    assert f" a second. {out.parent / 'out_legend.png'} names its colours." in printed
    assert sorted(path.name for path in out.parent.iterdir()) == ["out.mp4", "out_legend.png"]
    few = OnnxSegmenter(model).with_names(["sky", "sea"])
    segment_video(few, clip, tmp_path / "again.mp4", background_prompts=NAMES, threshold=0.1)
    assert np.array_equal(read(out)[0], read(tmp_path / "again.mp4")[0])
    with Image.open(out.parent / "out_legend.png") as legend:
        assert legend.height > 16
    run(model, clip, "--out", out, "--classes", "sky, sea")
    assert "Written: " in capsys.readouterr().out, "an earlier result is written over"


@pytest.mark.parametrize("ending", CODECS)
def test_a_result_says_that_it_is_one(ending: str, tmp_path: Path) -> None:
    clip, out = write(tmp_path / "clip.mp4", halves(1)), tmp_path / f"out{ending}"
    segment_video(segmenter(), clip, out)
    assert (is_segmented(out), is_segmented(clip), is_segmented(tmp_path)) == (True, False, False)


@pytest.mark.parametrize(
    ("name", "out", "made"),
    [
        ("clip.mov", "there", "there/clip.mov"),
        ("clip.mov", "new/folder", "new/folder/clip.mov"),
        ("clip.avi", "there", "there/clip.mp4"),
        ("clip.MKV", "out.webm", "out.webm"),
        ("clip.gif", "out.mp4", "out.mp4"),
    ],
)
def test_where_it_goes(name: str, out: str, made: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    clip = tmp_path / name
    if name.endswith("gif"):
        first, *others = (Image.fromarray(frame) for frame in halves(3))
        first.save(clip, save_all=True, append_images=others, duration=80)
    else:
        write(clip, halves(3), codec="mpeg4" if name.endswith("avi") else "libx264")
    run(model, clip, "--out", tmp_path / out)
    assert len(read(tmp_path / made)[0]) == 3


def test_an_animation_into_a_folder_is_a_photo(model: Path, tmp_path: Path) -> None:
    Image.fromarray(halves(1)[0]).save(tmp_path / "clip.gif")
    run(model, tmp_path / "clip.gif", "--out", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip.png", "clip_ids.png"]


def test_what_is_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, other = write(tmp_path / "clip.mp4", halves(1)), write(tmp_path / "other.mp4", halves(1))
    Image.fromarray(halves(1)[0]).save(tmp_path / "photo.png")
    (tmp_path / "page.mp4").write_text("<html>")
    (tmp_path / "b").mkdir()
    shutil.copy(other, tmp_path / "b" / "clip.mp4")
    shutil.copy(tmp_path / "photo.png", tmp_path / "new_legend.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    cases: list[tuple[list[str | Path], str]] = [
        ([clip, "--out", tmp_path / "out.xyz"], "expected a file that ends in .mp4, .mov, .mkv, .webm"),
        ([clip, "--out", tmp_path / "out.avi"], "expected a file that ends in"),
        ([clip, "--out", clip], "is the video itself"),
        ([clip, "--out", tmp_path], "is the video itself"),
        ([clip, other, "--out", tmp_path / "out"], "Give one video at a time"),
        ([clip, tmp_path / "photo.png", "--out", tmp_path / "out"], "Give one video at a time"),
        ([tmp_path / "photo.png", "--out", tmp_path / "out.mp4"], "for photographs, expected a folder"),
        ([clip, "--out", tmp_path / "out.mp4", "--areas", tmp_path / "areas.csv"], "areas: got"),
        ([tmp_path / "nowhere.mp4", "--out", tmp_path / "out.mp4"], "video: no file"),
        ([tmp_path / "page.mp4", "--out", tmp_path / "out.mp4"], "cannot be read as a video"),
        ([clip, "--out", tmp_path / "out.mp4", "--max_pixels", "9"], "expected at most 9"),
        ([clip, "--out", tmp_path / "out.mp4", "--opacity", "2"], "opacity: got 2"),
        ([clip, "--out", other], f"{other} would be written over, expected nothing there, or an earlier result"),
        ([clip, "--out", tmp_path / "b"], f"{tmp_path / 'b' / 'clip.mp4'} would be written over"),
        ([clip, "--out", tmp_path / "new.mp4"], f"{tmp_path / 'new_legend.png'} would be written over"),
    ]
    for arguments, message in cases:
        assert message in fails(capsys, model, *arguments), arguments
        assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_a_damaged_video_ends_with_status_1(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = write(tmp_path / "clip.mkv", halves(60))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.warns(UserWarning, match="damaged or missing"):
        fails(capsys, model, clip, "--out", tmp_path / "out.mp4", status=1)
    assert read(tmp_path / "out.mp4")[0]


def test_without_pyav(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write(tmp_path / "clip.mp4", halves(1))
    monkeypatch.setitem(sys.modules, "av", None)
    assert "Run: pip install 'clipteacher[video]'" in fails(capsys, model, clip, "--out", tmp_path / "out.mp4")


def test_control_c_leaves_nothing(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write(tmp_path / "clip.mp4", halves())

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("clipteacher.video.segment.paint", stop)
    error = fails(capsys, model, clip, "--out", tmp_path / "out.mp4", "--classes", ", ".join(NAMES), status=130)
    assert error.splitlines() == [f"clipteacher: stopped: nothing is written to {tmp_path / 'out.mp4'}"]
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
