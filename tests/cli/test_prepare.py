"""`clipteacher prepare`: what is there, what is missing and where it is from; nothing is written."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.data.tiny_copies import (
    Written,
    write_ade20k,
    write_ade20k_full,
    write_coco_stuff,
    write_context,
    write_msrc21,
    write_voc12,
)

from clipteacher.cli.main import main
from clipteacher.data.opened import RELEASES
from clipteacher.data.release import check_archive, check_count
from clipteacher.protocols.named import protocol_named

WRITERS: dict[str, Callable[[Path], Written]] = {
    "voc12": write_voc12,
    "coco-stuff": write_coco_stuff,
    "context": write_context,
    "ade20k": write_ade20k,
    "ade20k-full": write_ade20k_full,
    "msrc21": lambda root: write_msrc21(root, protocol_named("msrc21-16-5").class_split.names),
}


def prepare(*arguments: str | Path) -> int:
    try:
        main(["prepare", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize("name", RELEASES)
def test_an_empty_folder(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(name, "--root", tmp_path) == 1
    out = capsys.readouterr().out
    for part in RELEASES[name].parts:
        assert f"{part.what}: missing" in out
        assert part.home in out
        assert part.licence in out
        assert all(archive in out for archive in part.archives)
    assert "[ok]" not in out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_a_tiny_copy(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts are found; the numbers of photos are not the published ones, until these are."""
    written = WRITERS[name](tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert prepare(name, "--root", tmp_path) == 1
    out = capsys.readouterr().out
    assert out.count("[ok]") == len(RELEASES[name].parts)
    expected = RELEASES[name].photos["val"][0]
    assert f"val: got 2 photos with masks, expected {expected:,}" in out
    tiny = replace(RELEASES[name], photos={split: (len(files),) for split, files in written.items()})
    monkeypatch.setattr("clipteacher.cli.prepare.RELEASES", {**RELEASES, name: tiny})
    assert prepare(name, "--root", tmp_path) == 0
    out = capsys.readouterr().out
    assert "[missing]" not in out
    assert f"clipteacher audit --data {tmp_path} --protocol" in out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_name_of_a_protocol_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare("ade20k-847", "--root", tmp_path) == 1
    assert "ADE20K_2021_17_01.zip" in capsys.readouterr().out


def test_an_unknown_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare("imagenet", "--root", tmp_path) == 2
    assert "got 'imagenet', expected one of voc12, coco-stuff" in capsys.readouterr().err


def test_a_missing_part_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_voc12(tmp_path, sbd="none", added=0)
    assert prepare("voc12", "--root", tmp_path) == 1
    out = capsys.readouterr().out
    assert "SBD, more masks to train on: missing" in out
    assert "[ok]      PASCAL VOC 2012" in out
    assert "train: " in out
    assert "train-voc: got 2 photos" in out


def test_an_archive_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "VOCtrainval_11-May-2012.tar"
    path.write_bytes(b"half of it")
    assert prepare("voc12", "--root", tmp_path) == 1
    out = capsys.readouterr().out
    assert "VOCtrainval_11-May-2012.tar: got md5 " in out
    assert "expected 6cd6e144f989b92b3379bac3b3de84fd. Download it again." in out
    assert check_archive(path, "md5:6e7e6eb0fd0e0fbf8d1a2e2e4e8b0fbb")[0] is False
    assert check_archive(path, "sha1:3eddda9073523f25352c6251880df46745ec7029")[0]


def test_published_numbers() -> None:
    assert RELEASES["voc12"].photos == {"train": (10582,), "train-voc": (1464,), "val": (1449,)}
    assert check_count("train", 4996, RELEASES["context"].photos["train"])[0]
    assert check_count("train", 4998, RELEASES["context"].photos["train"])[0]
    assert "expected 5,105 or 5,104" in check_count("val", 5, RELEASES["context"].photos["val"])[1]
