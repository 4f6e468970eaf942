"""Folder data for the trainer: what each argument does, resuming, and shares of several devices."""

import inspect
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser
from PIL import Image
from tests.data.tiny_copies import write_ade20k_full, write_voc12

from clipteacher.data.augment import Augment
from clipteacher.data.class_list import listed_words
from clipteacher.data.dataset import Sample
from clipteacher.data.files import DataError
from clipteacher.data.sampler import StepBatchSampler
from clipteacher.training.datamodule import FolderDataModule

AUGMENT = Augment(crop_size=(32, 32), scale=(0.9, 1.2))


def attach(data: FolderDataModule, **state: int) -> FolderDataModule:
    """Give the data what a trainer would tell it."""
    trainer: Any = SimpleNamespace(
        **{"max_steps": 6, "accumulate_grad_batches": 1, "global_rank": 0, "world_size": 1, "global_step": 0} | state,
        num_devices=1,
        accelerator=None,
    )
    data.trainer = trainer
    return data


def make(folder: Path, **arguments: Any) -> FolderDataModule:  # noqa: ANN401
    defaults: dict[str, Any] = {"root": folder, "unseen": ["sun"], "batch_size": 2, "workers": 0, "augment": AUGMENT}
    return FolderDataModule(**defaults | arguments)


def train_keys(data: FolderDataModule) -> list[list[tuple[int, int]]]:
    sampler: Any = data.train_dataloader().batch_sampler
    return list(sampler)


def first_batch(data: FolderDataModule) -> Sample:
    batch: Sample = next(iter(data.train_dataloader()))
    return batch


def spoil(folder: Path, split: str) -> None:
    path = folder / "masks" / split / "scene1.png"
    with Image.open(path) as picture:
        mask = np.array(picture)
    mask[0, 0] = 77
    Image.fromarray(mask).save(path)


def test_protocol_is_named_after_the_folder_and_the_split(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make(folder).protocol == "drawn-3-1"
    assert make(folder, unseen=[]).protocol == "drawn-4-0"
    assert make(folder, protocol="mine").protocol == "mine"
    monkeypatch.chdir(folder)
    assert make(Path(".")).protocol == "drawn-3-1"
    assert make(tmp_path / "drawn" / "images" / "..").protocol == "drawn-3-1"


def test_classes_are_those_of_the_folder(folder: Path) -> None:
    split = make(folder, unseen=["house", "sun"]).class_split
    assert split.names == ("sky", "grass", "sun", "house")
    assert split.unseen == ("sun", "house")
    with pytest.raises(ValueError, match="Did you mean 'sun'"):
        make(folder, unseen=["sum"])


@pytest.mark.parametrize(
    ("given", "unseen"),
    [("sun", ("sun",)), ("house, sun", ("sun", "house")), ("[sun]", ("sun",)), ("[house, sun]", ("sun", "house"))],
)
def test_unseen_names_as_they_are_typed(folder: Path, given: str, unseen: tuple[str, ...]) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(FolderDataModule, "data")
    parsed = parser.parse_args(["--data.root", str(folder), "--data.unseen", given])
    assert make(folder, unseen=parsed.data.unseen).class_split.unseen == unseen
    again = parser.parse_string(parser.dump(parsed))
    assert make(folder, unseen=again.data.unseen).class_split.unseen == unseen


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ("[no, 1, on]", ["no", "1", "on"]),
        ("no", "no"),
        ("[sun, house]", ["sun", "house"]),
        ("'sun; house'", "sun; house"),
        ("null", None),
        ("\n  - 'no'\n  - 0x1\n", ["no", "0x1"]),
    ],
)
def test_words_in_a_configuration_are_those_that_were_typed(
    fit_parser: ArgumentParser, tiny_config: Path, yaml: str, words: object
) -> None:
    text = tiny_config.read_text()
    tiny_config.write_text(text.replace("  unseen:\n  - sun\n", f"  unseen: {yaml}\n"))
    parsed = fit_parser.parse_args(["--config", str(tiny_config)])
    assert parsed.data.unseen == words
    assert parsed.data.batch_size == 2
    typed = fit_parser.parse_args(["--config", str(tiny_config), "--data.wanted", "[no, 1]"])
    assert listed_words(typed.data.wanted, "wanted") == ("no", "1")


def test_names_of_a_file_are_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("held.txt").write_text("sun\nhouse\n")
    Path("words.txt").write_text("old chair\n")
    with caplog.at_level(logging.INFO):
        data = make(folder, unseen="held.txt", wanted="words.txt")
        assert (data.class_split.unseen, data.wanted) == (("sun", "house"), ("old chair",))
        said = ["unseen: 2 words of held.txt, one a line", "wanted: 1 word of words.txt, one a line"]
        assert caplog.messages == said
        assert make(folder, unseen=None, wanted=None).class_split.unseen == ()
        assert caplog.messages == said


def test_unseen_names_in_a_string_are_checked(folder: Path) -> None:
    with pytest.raises(ValueError, match="Did you mean 'sun'"):
        make(folder, unseen="house, sum")
    with pytest.raises(ValueError, match="unseen: got '' after 'house'"):
        make(folder, unseen="house,,sun")
    assert make(folder, unseen="house,").class_split.unseen == ("house",)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("red barn", ("red barn",)),
        ("house, red barn", ("house", "red barn")),
        ("[red barn]", ("red barn",)),
        ("[]", ()),
    ],
)
def test_wanted_names_as_they_are_typed(folder: Path, given: str, wanted: tuple[str, ...]) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(FolderDataModule, "data")
    parsed = parser.parse_args(["--data.root", str(folder), "--data.wanted", given])
    assert make(folder, wanted=parsed.data.wanted).wanted == wanted
    again = parser.parse_string(parser.dump(parsed))
    assert make(folder, wanted=again.data.wanted).wanted == wanted


def test_wanted_names_with_masks_are_held_back_and_the_others_are_words(folder: Path) -> None:
    data = attach(make(folder, wanted=["house", "red barn"]))
    assert data.wanted == ("house", "red barn")
    assert data.class_split.unseen == data.held_back == ("sun", "house")
    assert data.protocol == "drawn-2-2-transductive-1-of-2"
    assert set(first_batch(data).mask.flatten().tolist()) <= {0, 1, 255}
    assert any((sample.mask == 3).any() for sample in data.val_dataloader()), "they are scored"
    assert torch.equal(first_batch(data).mask, first_batch(attach(make(folder, unseen=["sun", "house"]))).mask)
    with pytest.raises(ValueError, match=r"wanted: got \['sun'\] as unseen as well"):
        make(folder, wanted="sun, red barn")
    with pytest.raises(TypeError, match=r"wanted: got 3 at position 1"):
        make(folder, wanted=["red barn", 3])


def test_a_transductive_protocol_brings_its_names(tmp_path: Path) -> None:
    write_voc12(tmp_path)
    inductive, transductive = (
        FolderDataModule(tmp_path, protocol=f"voc12-15-5{ending}") for ending in ("", "-transductive")
    )
    assert inductive.wanted == ()
    assert transductive.wanted == ("pottedplant", "sheep", "sofa", "train", "tvmonitor")
    assert transductive.class_split == inductive.class_split
    assert transductive.held_back == (), "a released set is audited in full"
    for protocol in (inductive.protocol, transductive.protocol):
        with pytest.raises(ValueError, match=f"wanted: got cat beside protocol {protocol}, which "):
            FolderDataModule(tmp_path, wanted="cat", protocol=protocol)


def test_training_photos_are_augmented_and_test_photos_are_not(folder: Path) -> None:
    data = attach(make(folder))
    batch = first_batch(data)
    assert batch.image.shape == (2, 3, 32, 32)
    assert batch.mask.shape == (2, 32, 32)
    assert set(batch.mask.flatten().tolist()) <= {0, 1, 2, 255}
    tests = [sample.image.shape for sample in data.val_dataloader()]
    assert tests == [(1, 3, 70, 90), (1, 3, 72, 90), (1, 3, 70, 90)]
    assert any((sample.mask == 3).any() for sample in data.val_dataloader()), "test masks keep the file's ids"


@pytest.mark.parametrize("max_steps", [-1, 0])
def test_steps_must_be_given(folder: Path, max_steps: int) -> None:
    with pytest.raises(ValueError, match=r"expected trainer\.max_steps >= 1"):
        attach(make(folder), max_steps=max_steps).train_dataloader()


def test_without_a_trainer(folder: Path) -> None:
    data = make(folder)
    with pytest.raises(ValueError, match=r"expected trainer\.max_steps >= 1"):
        data.train_dataloader()
    assert len(data.val_dataloader()) == 3
    assert data.state_dict() == {"step": 0, "photos": 5}


def test_batches_are_the_samplers(folder: Path) -> None:
    data = attach(make(folder, seed=3))
    assert train_keys(data) == list(StepBatchSampler(5, 2, steps=6, seed=3))
    assert len(data.train_dataloader()) == 6


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_resumed_run_goes_on_at_its_step(folder: Path, accumulate: int) -> None:
    """The trainer counts steps of the optimiser; each takes `accumulate` batches."""
    whole = attach(make(folder), accumulate_grad_batches=accumulate)
    keys = train_keys(whole)
    assert len(keys) == 6 * accumulate
    attach(whole, accumulate_grad_batches=accumulate, global_step=4)
    resumed = attach(make(folder), accumulate_grad_batches=accumulate)
    resumed.load_state_dict(whole.state_dict())
    assert train_keys(resumed) == keys[4 * accumulate :]
    assert len(resumed.train_dataloader()) == 6 * accumulate, "the trainer counts against the whole run"


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_test_photos_are_shared_out_once_each(folder: Path, world_size: int) -> None:
    shares = []
    for rank in range(world_size):
        data = attach(make(folder), global_rank=rank, world_size=world_size)
        samples = list(data.val_dataloader())
        assert samples, "the trainer passes over a validation without photos"
        shares.append([sample.name[0] for sample in samples if (sample.mask != 255).any()])
    assert sorted(name for share in shares for name in share) == ["scene0", "scene1", "scene2"]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_training_batches_are_cut_in_slices(folder: Path) -> None:
    whole = train_keys(attach(make(folder, batch_size=4)))
    slices = [train_keys(attach(make(folder, batch_size=4), global_rank=rank, world_size=2)) for rank in range(2)]
    assert [one + other for one, other in zip(*slices, strict=True)] == whole
    with pytest.raises(ValueError, match="batch_size: got 4 for 3 ranks"):
        attach(make(folder, batch_size=4), world_size=3).train_dataloader()


@pytest.mark.parametrize("split", ["train", "val"])
def test_bad_files_show_before_training_unless_that_is_switched_off(folder: Path, split: str) -> None:
    spoil(folder, split)
    with pytest.raises(DataError, match=r"scene1\.png: got value 77"):
        make(folder).setup("fit")
    with pytest.raises(DataError, match=r"scene1\.png: got value 77"):
        make(folder, audit=False).setup("fit")
    with pytest.raises(DataError, match=r"label audit of .*scene1\.png: got value 77 \(in 1 of"):
        make(folder, verify=False).setup("fit")
    make(folder, audit=False, verify=False).setup("fit")
    make(folder).setup("validate")


def reduced_again(folder: Path, split: str) -> None:
    """Masks of sky, grass, sun, house with zero reduction once too often, twelve of them."""
    for number in range(12):
        mask = np.array([[0, 1, 2, 3], [255, 3, 2, 1]], dtype=np.uint8).repeat(20, 0).repeat(20, 1)
        mask = np.where(mask == 0, 255, mask) - 1
        mask[mask == 254] = 255
        Image.fromarray(mask).save(folder / "masks" / split / f"more{number}.png")
        Image.fromarray(np.zeros((40, 80, 3), np.uint8)).save(folder / "images" / split / f"more{number}.png")
    for path in (folder / "masks" / split).glob("scene*.png"):
        (folder / "images" / split / path.name).unlink()
        path.unlink()


@pytest.mark.parametrize("split", ["train", "val"])
def test_wrong_labels_are_refused_unless_told_to_go_on(folder: Path, split: str) -> None:
    reduced_again(folder, split)
    with pytest.raises(DataError, match=rf"label audit of {split}: The last class, 'house', .*--data\.audit false"):
        make(folder).setup("fit")
    make(folder, audit=False).setup("fit")
    make(folder).setup("validate")


def test_what_is_held_back_may_be_absent_in_training_and_not_in_the_test(folder: Path) -> None:
    reduced_again(folder, "train")
    make(folder, unseen=["house"]).setup("fit")
    reduced_again(folder, "val")
    with pytest.raises(DataError, match="label audit of val: The last class, 'house'"):
        make(folder, unseen=["house"]).setup("fit")


def test_a_rare_class_that_a_small_sample_lacks_is_a_warning(folder: Path) -> None:
    for path in (folder / "masks" / "train").iterdir():
        with Image.open(path) as picture:
            mask = np.array(picture)
        mask[mask == 3] = 255
        Image.fromarray(mask).save(path)
    with pytest.warns(UserWarning, match="label audit of train: 1 of 4 classes never occur in 5 masks: house"):
        make(folder).setup("fit")


def test_a_protocol_decides_reader_classes_and_split(tmp_path: Path) -> None:
    written = write_voc12(tmp_path)
    data = FolderDataModule(tmp_path, protocol="voc12-15-5", batch_size=2, workers=0, augment=AUGMENT)
    assert data.protocol == "voc12-15-5"
    assert data.class_split.unseen == ("pottedplant", "sheep", "sofa", "train", "tvmonitor")
    assert (len(data.train_set), len(data.val_set)) == (4, 2)
    data.setup("fit")
    stem = data.train_set.source.paths(0).image.stem
    expected = np.where(written["train"][stem] > 14, 255, written["train"][stem])
    data.train_set.augment = None
    np.testing.assert_array_equal(data.train_set[0].mask.numpy(), expected)
    np.testing.assert_array_equal(data.val_set[0].mask.numpy(), written["val"][data.val_set.source.paths(0).image.stem])
    with pytest.raises(ValueError, match=r"unseen: got cat beside protocol voc12-15-5, which holds back pottedplant"):
        FolderDataModule(tmp_path, ["cat"], protocol="voc12-15-5")
    own = FolderDataModule(tmp_path, protocol="voc12-15-5", train_split="train-voc")
    assert len(own.train_set) == 2


def test_a_protocol_whose_data_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="clipteacher prepare coco-stuff --root"):
        FolderDataModule(tmp_path, protocol="coco-stuff-156-15")


def test_more_than_255_classes_are_not_trained_on(tmp_path: Path) -> None:
    write_ade20k_full(tmp_path)
    with pytest.raises(ValueError, match=r"class_split: got 847 classes to train on, expected at most 255"):
        FolderDataModule(tmp_path, protocol="ade20k-847")


def test_every_file_is_read_once_however_often_the_data_is_set_up(folder: Path) -> None:
    data = make(folder)
    data.setup("fit")
    spoil(folder, "train")
    data.setup("fit")
    with pytest.raises(DataError):
        make(folder).setup("fit")


@pytest.mark.parametrize("cache", [True, False])
def test_a_cache_keeps_what_was_read(folder: Path, cache: bool) -> None:
    data = attach(make(folder, cache=cache))
    data.setup("fit")
    for path in folder.rglob("*.png"):
        path.write_bytes(b"gone")
    if cache:
        assert first_batch(data).image.shape == (2, 3, 32, 32)
        assert len(list(data.val_dataloader())) == 3
    else:
        with pytest.raises(DataError, match="cannot be read"):
            first_batch(data)
        with pytest.raises(DataError, match="cannot be read"):
            next(iter(data.val_dataloader()))


def test_workers_change_nothing_but_the_time(folder: Path) -> None:
    alone, helped = attach(make(folder)), attach(make(folder, workers=1))
    assert helped.val_dataloader().num_workers == helped.train_dataloader().num_workers == 1
    one, other = first_batch(alone), first_batch(helped)
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.mask, other.mask)


def described(data: FolderDataModule) -> dict[str, Any]:
    """All that an argument may change, in comparable parts."""
    batch = first_batch(attach(data))
    return {
        "names": data.class_split,
        "wanted": data.wanted,
        "protocol": data.protocol,
        "train": [data.train_set.source.paths(index).image for index in range(len(data.train_set))],
        "val": [data.val_set.source.paths(index).image for index in range(len(data.val_set))],
        "pixels": batch.image.flatten().tolist(),
        "labels": batch.mask.flatten().tolist(),
        "workers": data.train_dataloader().num_workers,
        "cached": len(data.train_set._decoded),
        "audited": data.audit,
        "verified": data.verify,
    }


# Another value of each argument, and what it changes at least.
KNOBS: dict[str, tuple[Any, str]] = {
    "root": (None, "train"),
    "unseen": (["house"], "labels"),
    "wanted": (["house"], "labels"),
    "protocol": ("mine", "protocol"),
    "train_split": ("val", "train"),
    "val_split": ("train", "val"),
    "batch_size": (3, "pixels"),
    "augment": (Augment(crop_size=(24, 24)), "pixels"),
    "workers": (1, "workers"),
    "cache": (True, "cached"),
    "audit": (False, "audited"),
    "verify": (False, "verified"),
    "seed": (1, "pixels"),
}


def test_every_argument_is_tried() -> None:
    assert list(inspect.signature(FolderDataModule).parameters) == list(KNOBS)


@pytest.mark.parametrize("option", KNOBS)
def test_each_argument_changes_something(folder: Path, tmp_path: Path, option: str) -> None:
    value, part = KNOBS[option]
    if option == "root":
        value = tmp_path / "moved"
        folder.rename(value)
        other = described(make(value))
        value.rename(folder)
    else:
        other = described(make(folder, **{option: value}))
    assert other[part] != described(make(folder))[part]
