"""Folders of photos and masks as people have them: what each is recognised as, and the ids that are written."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.conftest import write_folder
from tests.convert.layouts import bands, converted, each, mask, pairs, photo, text, values_by_name, written
from tests.data.pngs import GREY, png_16

from clipteacher.convert.layouts import LayoutOptions, prepare, recognise
from clipteacher.data.files import DataError
from clipteacher.utils.lists import subsample

VOC_PALETTE = ([0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128])


def refused(root: Path, **options: Any) -> str:  # noqa: ANN401
    with pytest.raises(DataError) as error:
        recognise(root, LayoutOptions(**options))
    return str(error.value)


def test_our_own_folder_is_read_in_place(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data", {"train": 3, "val": 2})
    (root / "notes.json").write_text('{"images": [], "annotations": [], "categories": []}')
    layout = recognise(root)
    assert (layout.kind, layout.in_place, layout.classes) == ("folder", True, ("sky", "grass", "sun", "house"))
    assert {split: len(photos) for split, photos in layout.photos.items()} == {"train": 3, "val": 2}
    prepared = prepare(layout, tmp_path / "out")
    assert (prepared.root, prepared.in_place, prepared.notes) == (root, True, ())
    assert not (tmp_path / "out").exists()
    assert recognise(tmp_path).root == root, "the only folder in a folder"
    assert recognise(root, LayoutOptions(layout="folder")).in_place


def test_our_own_folder_without_a_split_to_score_on(tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b c d e", [0, 1, 255], "images/train", "masks/train")
    text(root / "classes.txt", "road", "sky")
    layout, prepared = converted(root, tmp_path / "out")
    assert (layout.kind, layout.in_place) == ("images-masks", False)
    assert layout.reason == (
        "images/ and masks/ with train/; ids 0..1 in 5 masks, named by classes.txt; "
        "no split to score on: 20 % drawn to score on, seed 0"
    )
    assert {split: len(photos) for split, photos in layout.photos.items()} == {"train": 4, "val": 1}
    assert values_by_name(prepared) == each("abcde", [0, 1, 255])
    again, other = recognise(root), recognise(root, LayoutOptions(seed=5, val=0.4))
    assert [each.target for each in again.photos["val"]] == [each.target for each in layout.photos["val"]]
    assert len(other.photos["val"]) == 2
    assert "40 % drawn to score on, seed 5" in other.reason
    for name in "abcde":
        (target,) = (tmp_path / "out/images").rglob(f"{name}.jpg")
        assert target.samefile(root / f"images/train/{name}.jpg"), "a hard link"


def test_our_own_folder_is_written_again_where_masks_are_not_as_they_should_be(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for split in ("train", "val"):
        pairs(root, "a b", [1, 2], f"images/{split}", f"masks/{split}")
    text(root / "classes.txt", "road", "sky")
    layout, prepared = converted(root, tmp_path / "out")
    assert not layout.in_place, "the ids count from 1"
    assert values_by_name(prepared)["a"] == [0, 1]
    with pytest.raises(DataError, match=r"classes\.txt: no such file"):
        recognise(root / "images", LayoutOptions(layout="folder"))


@pytest.mark.parametrize("lists", [True, False])
def test_voc_with_its_own_names(lists: bool, tmp_path: Path) -> None:
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for number in range(5):
        photo(root / f"JPEGImages/2007_00000{number}.jpg")
        palette = [*VOC_PALETTE, *[[0, 0, 0]] * 250, [224, 224, 192]]
        mask(root / f"SegmentationClass/2007_00000{number}.png", [0, 1, 4, 255], palette=palette)
        mask(root / f"SegmentationObject/2007_00000{number}.png", [0, 1, 2, 255])
    photo(root / "JPEGImages/2007_000009.jpg")
    text(root / "Annotations/2007_000000.xml", "<annotation/>")
    if lists:
        text(root / "ImageSets/Segmentation/train.txt", "2007_000000", "2007_000001", "2007_000009")
        text(root / "ImageSets/Segmentation/val.txt", "2007_000003")
        text(root / "ImageSets/Segmentation/trainval.txt", "2007_000000")
    layout, prepared = converted(tmp_path / "VOCdevkit", tmp_path / "out")
    assert (layout.kind, layout.root) == ("voc", root)
    assert prepared.classes[:2] == ("background", "aeroplane")
    assert len(prepared.classes) == 21
    assert set(map(tuple, written(prepared).values())) == {(0, 1, 4, 255)}
    notes = "\n".join(prepared.notes)
    assert "1 photos have no mask and were left out: 2007_000009.jpg" in notes
    assert "'background' is a class; add --ignore background" in notes
    if lists:
        assert set(written(prepared)) == {"train/2007_000000", "train/2007_000001", "val/2007_000003"}
        assert "1 names in train.txt have no photo with a mask" in notes
        assert "2 photos are not in train.txt or val.txt and were left out: 2007_000002, 2007_000004" in notes
        text(root / "ImageSets/Segmentation/val.txt", "2007_000001")
        assert "1 photos that are in train.txt too, such as 2007_000001" in refused(root)


def test_vocs_layout_with_other_names(tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b c", [0, 1, 2, 255], "JPEGImages", "SegmentationClass")
    assert 'Add --classes "road, sky, …" in the order of the ids' in refused(root), "no VOC names for other photos"
    text(root / "labels.txt", "cat", "dog")
    _, prepared = converted(root, tmp_path / "one")
    assert prepared.classes == ("background", "cat", "dog")
    assert values_by_name(prepared)["a"] == [0, 1, 2, 255]
    text(root / "labels.txt", "__ignore__", "_background_", "cat", "dog")
    _, prepared = converted(root, tmp_path / "two", ignore=("background",))
    assert prepared.classes == ("cat", "dog"), "as labelme2voc writes names"
    assert values_by_name(prepared)["a"] == [255, 0, 1, 255]
    text(root / "labels.txt", "cat", "dog", "cow", "hen", "ant")
    assert '--classes "background, cat, …"' in refused(root), "0 may be cat or the background"


def test_camvids_layout(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for split, names in {"train": "a b", "val": "c", "test": "d"}.items():
        pairs(root, names, [0, 1, 11], split, f"{split}annot", suffix=".png")
    text(root / "codes.txt", *(f"class {number}" for number in range(11)), "void")
    layout, prepared = converted(root, tmp_path / "out")
    assert (layout.kind, len(prepared.classes)) == ("train-trainannot", 11)
    assert written(prepared) == each(("train/a", "train/b", "val/c"), [0, 1, 255])
    assert prepared.notes == ("test/ is not used", "not labelled (255): 'void'")


@pytest.mark.parametrize(
    ("photos", "masks"),
    [
        ("images/{}", "labels/{}"),
        ("{}/images", "{}/masks"),
        ("{}_images", "{}_masks"),
        ("{}/imgs", "{}/gt"),
        ("{}", "{}_labels"),
        ("{}", "{}/masks"),
    ],
)
@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_where_splits_stand(photos: str, masks: str, val: str, tmp_path: Path) -> None:
    root = tmp_path / "in"
    for split, names in {"train": "a b", val: "c", "test": "d"}.items():
        pairs(root, names, [0, 1], photos.format(split), masks.format(split))
    layout, prepared = converted(root, tmp_path / "out", classes=("road", "sky"))
    assert written(prepared) == each(("train/a", "train/b", "val/c"), [0, 1])
    assert any("is not used" in note for note in prepared.notes)
    assert "drawn" not in layout.reason


@pytest.mark.parametrize("name", ["masks", "labels", "annotations", "gt", "ground_truth", "SegmentationMasks/mask"])
def test_names_of_the_folder_of_masks(name: str, tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b", [0, 1], "images", name)
    if name.startswith("Segm"):
        assert "expected photos with masks of the same names" in refused(root, classes=("road", "sky"))
    else:
        assert converted(root, tmp_path / "out", classes=("road", "sky"))[1].classes == ("road", "sky")


def test_a_folder_of_the_same_split_without_masks(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for split, names in {"train": "a b", "val": "c"}.items():
        pairs(root, names, [0, 1], f"{split}_images", f"{split}_masks")
        text(root / f"{split}_annotations/a.xml", "<annotation/>")
    layout, _ = converted(root, tmp_path / "out", classes=("road", "sky"))
    assert layout.reason.startswith("train_images/ and train_masks/, val_images/ and val_masks/; ")


def test_lists_at_the_top_and_endings_of_masks(tmp_path: Path) -> None:
    """fast.ai's CamVid: a_P.png has an ending that is not known, a_L.png has."""
    root = tmp_path / "in"
    for name in "abc":
        photo(root / f"images/{name}.png")
        mask(root / f"labels/{name}_L.png", [0, 1])
    text(root / "codes.txt", "road", "sky")
    text(root / "valid.txt", "b.png")
    layout, prepared = converted(root, tmp_path / "out")
    assert set(written(prepared)) == {"train/a", "val/b", "train/c"}
    assert layout.reason.startswith("images/ and labels/ with valid.txt; ")
    text(root / "valid.txt", "z.png")
    assert "valid.txt: got z.png, expected names of photos" in refused(root)


def test_roboflows_masks_beside_the_photos(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for split, name in (("train", "a"), ("train", "b"), ("valid", "c")):
        photo(root / split / f"{name}.jpg")
        mask(root / split / f"{name}_mask.png", [0, 1, 2])
        text(root / split / "_classes.csv", "Pixel Value, Class", "0, background", "1, cat", "2, old chair")
    _, prepared = converted(root, tmp_path / "out")
    assert prepared.classes == ("background", "cat", "old chair")
    assert written(prepared) == each(("train/a", "train/b", "val/c"), [0, 1, 2])


def test_photos_at_the_top_and_photos_beside_their_masks(tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b", [0, 1], ".", "masks", suffix=".JPG")
    assert set(values_by_name(converted(root, tmp_path / "one", classes=("road", "sky"))[1])) == {"a", "b"}
    for name in "ab":
        (root / f"masks/{name}.png").rename(root / f"{name}-mask.png")
    (root / "masks").rmdir()
    assert values_by_name(converted(root, tmp_path / "two", classes=("road", "sky"))[1]) == {"a": [0, 1], "b": [0, 1]}


def test_subfolders_and_names(tmp_path: Path) -> None:
    root = tmp_path / "in"
    decomposed = unicodedata.normalize("NFD", "Zürich")
    assert decomposed != "Zürich"
    photo(root / "images" / f"{decomposed}.JPG")
    mask(root / "masks/Zürich.png", [0, 1])
    pairs(root, "day1/a day2/a", [0, 1])
    photo(root / "images/bare.jpg")
    mask(root / "masks/lone.png", [0])
    (root / "images/._bare.jpg").write_bytes(b"macOS")
    text(root / "classes.txt", "road", "sky")
    _, prepared = converted(root, tmp_path / "out")
    assert set(values_by_name(prepared)) == {"Zürich", "day1_a", "day2_a"}
    assert [image.name for image in sorted((prepared.root / "images").rglob("Z*.JPG"))] == ["Zürich.JPG"]
    assert prepared.notes == (
        "1 photos have no mask and were left out: bare.jpg",
        "1 masks have no photo and were left out: lone.png",
    )


def test_each_way_to_store_ids(tmp_path: Path) -> None:
    """Grey of 1, 8 and 16 bits, a palette whose colours are no ids, three equal channels, opacity, TIFF and BMP."""
    root = tmp_path / "in"
    names = ("grey.png", "deep.png", "palette.png", "rgb.png", "rgba.png", "la.png", "x.tif", "y.bmp", "deep16.tif")
    (root / "masks").mkdir(parents=True)
    ids = bands([0, 1, 2, 255])
    for name in names:
        photo(root / "images" / f"{Path(name).stem}.jpg")
        grey = Image.fromarray(ids)
        path = root / "masks" / name
        if name == "deep.png":
            path.write_bytes(png_16(np.where(ids == 255, 65535, ids).astype(np.uint16), GREY))
        elif name == "deep16.tif":
            Image.fromarray(np.where(ids == 255, 65535, ids).astype(np.uint16)).save(path)
        elif name == "palette.png":
            mask(path, [0, 1, 2, 255], palette=[[9, 9, 9], [7, 0, 0], [1, 1, 1], *[[0, 0, 0]] * 253])
        else:
            grey.convert({"rgb.png": "RGB", "rgba.png": "RGBA", "la.png": "LA"}.get(name, "L")).save(path)
    text(root / "classes.txt", "road", "sky", "tree")
    _, prepared = converted(root, tmp_path / "out")
    assert values_by_name(prepared) == {Path(name).stem: [0, 1, 2, 255] for name in names}


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits(bits: int, tmp_path: Path) -> None:
    """Pillow stretches grey of 2 and 4 bits to 0..255; written by hand, since it saves none."""
    from tests.convert.pngs import png_of_bits

    root = tmp_path / "in"
    ids = bands([0, 1] if bits == 1 else [0, 3, 1, 2])
    for name in "ab":
        photo(root / f"images/{name}.jpg")
        (root / "masks").mkdir(exist_ok=True)
        (root / f"masks/{name}.png").write_bytes(png_of_bits(ids, bits))
    _, prepared = converted(root, tmp_path / "out", classes=("road", "sky", "tree", "cat")[: 2 if bits == 1 else 4])
    assert values_by_name(prepared)["a"] == ([0, 1] if bits == 1 else [0, 3, 1, 2])


@pytest.mark.parametrize(("value", "names"), [(255, ("crack",)), (1, ("crack",)), (255, ("wall", "crack"))])
def test_masks_of_one_object(value: int, names: tuple[str, ...], tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b c", [0, value, 0])
    message = refused(root)
    assert f"got masks of 0 and {value}, one object and the rest, and no name of the object" in message
    assert "Add --classes crack" in message
    layout, prepared = converted(root, tmp_path / "out", classes=names)
    assert layout.kind == "binary"
    rest = names[0] if len(names) == 2 else "background"
    assert prepared.classes == (rest, "crack")
    assert f"masks of 0 and {value}: {value} is 'crack', 0 is {rest!r}" in layout.reason
    assert values_by_name(prepared)["a"] == [0, 1, 0]


def test_masks_of_one_object_that_are_not(tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b", [0, 255])
    text(root / "classes.txt", "road", "sky", "tree")
    layout, prepared = converted(root, tmp_path / "one")
    assert layout.kind == "images-masks", "three names: 255 is not labelled"
    assert values_by_name(prepared)["a"] == [0, 255]
    text(root / "classes.txt", "background", "crack")
    assert recognise(root).kind == "binary"
    for names in (("crack",), ("road", "crack")):
        text(root / "classes.txt", *names)
        message = refused(root)
        assert f"Add --layout binary if it is 'crack', or --layout images-masks if 0 is {names[0]!r} and 255" in message
    text(root / "classes.txt", "crack")
    _, prepared = converted(root, tmp_path / "ids", layout="images-masks")
    assert (prepared.classes, values_by_name(prepared)["a"]) == (("crack",), [0, 255])
    _, prepared = converted(root, tmp_path / "binary", layout="binary")
    assert (prepared.classes, values_by_name(prepared)["a"]) == (("background", "crack"), [0, 1])
    (root / "classes.txt").unlink()
    _, prepared = converted(root, tmp_path / "two", classes=("crack",), ignore=("background",))
    assert prepared.classes == ("crack",)
    assert values_by_name(prepared)["a"] == [255, 0]
    mask(root / "masks/a.png", [0, 3, 255])
    assert "got values 0, 3, 255, expected 0 and one more" in refused(root, layout="binary", classes=("crack",))


def test_ids_without_names_and_names_that_do_not_fit(tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b", [0, 1, 2, 3, 4, 255])
    assert refused(root) == (
        f"{root / 'masks'}: found ids 0..4 in 2 masks, no file of class names, expected the names. Add "
        '--classes "road, sky, …" in the order of the ids.'
    )
    text(root / "classes.txt", "road", "sky", "tree", "cat")
    message = refused(root)
    assert "found ids 0..4 in 2 masks, but 4 names in " in message
    assert '--classes "background, road, …" if 0 is the background, or --ignore 0 if it means not labelled' in message
    _, prepared = converted(root, tmp_path / "one", ignore=("0",))
    assert prepared.classes == ("road", "sky", "tree", "cat")
    assert values_by_name(prepared)["a"] == [255, 0, 1, 2, 3, 255]
    assert "not labelled (255): 0" in prepared.notes
    text(root / "classes.txt", "road", "sky")
    assert "--ignore 4 if it is no class" in refused(root)
    text(root / "classes.txt", "0 road", "1 sky", "4 tree")
    assert "classes.txt has no name for 2, 3" in refused(root)
    text(root / "classes.txt", "0 road", "4 tree")
    _, prepared = converted(root, tmp_path / "two", ignore=("1", "2", "3"))
    assert prepared.classes == ("road", "tree")
    assert values_by_name(prepared)["a"] == [0, 255, 1, 255]
    assert "ignore: got 'car'" in refused(root, ignore=("car", "1", "2", "3"))


def test_a_value_that_only_a_later_mask_has(tmp_path: Path) -> None:
    """What the sample of masks does not show is found when it is written, and nothing is left."""
    root = pairs(tmp_path / "in", " ".join(f"m{number:03}" for number in range(70)), [0, 1])
    text(root / "classes.txt", "road", "sky")
    unread = min(set(range(70)) - set(subsample(70, 64)))
    mask(root / f"masks/m{unread:03}.png", [0, 1, 7])
    layout = recognise(root)
    with pytest.raises(DataError, match=rf"m{unread:03}\.png: got the value 7 \(\d+ pixels\), .*road, sky.*--ignore 7"):
        prepare(layout, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_sizes_and_orientations(tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b", [0, 1])
    text(root / "classes.txt", "road", "sky")
    photo(root / "images/turned.jpg", orientation=6)
    mask(root / "masks/turned.png", [0, 1])
    prepared = prepare(recognise(root), tmp_path / "one")
    (turned,) = (prepared.root / "masks").rglob("turned.png")
    ids = np.asarray(Image.open(turned))
    assert ids.shape == (40, 32), "upright, as the photo is read"
    assert ids[:, 0].tolist() == [0] * 20 + [1] * 20
    photo(root / "images/other.jpg", (30, 20))
    mask(root / "masks/other.png", [0, 1])
    with pytest.raises(DataError, match=r"other\.png: got 40x32 .*expected 30x20 as .*other\.jpg"):
        prepare(recognise(root), tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_masks_that_lost_their_ids(tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b", [0, 1])
    text(root / "classes.txt", "road", "sky")
    for name in "ab":
        Image.open(root / f"masks/{name}.png").save(root / f"masks/{name}.jpg")
        (root / f"masks/{name}.png").unlink()
    assert "a.jpg: got a mask saved as .jpg" in refused(root)
    for name in "ab":
        (root / f"masks/{name}.jpg").rename(root / f"masks/{name}.png")
    assert "a.png: got a mask saved as JPEG, expected PNG, since compression mixes" in refused(root)


def test_palettes_that_differ(tmp_path: Path) -> None:
    """Editors give each picture a palette of its own; then an index means nothing."""
    root = pairs(tmp_path / "in", "a b", [0, 1])
    text(root / "classes.txt", "road", "sky")
    mask(root / "masks/a.png", [0, 1], palette=[[0, 0, 0], [255, 0, 0]])
    mask(root / "masks/b.png", [0, 1], palette=[[0, 0, 0], [0, 255, 0]])
    message = refused(root)
    assert "index 1 has one colour in" in message
    assert "Add --colours FILE, or --layout images-masks if the indices are ids all the same" in message
    _, prepared = converted(root, tmp_path / "out", layout="images-masks")
    assert values_by_name(prepared) == {"a": [0, 1], "b": [0, 1]}


def test_what_cannot_be_told(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    assert "got no file, expected photos with masks" in refused(root)
    photo(root / "images/a.jpg")
    assert "got 1 .jpg in images/" in refused(root)
    mask(root / "masks/z.png", [0, 1])
    assert "got photos (a.jpg) and masks (z.png) in images/ and masks/, and no name in common" in refused(root)
    pairs(root, "a b", [0, 1])
    pairs(root, "a b", [0, 1], masks="labels")
    assert "got masks in images/ and labels/ and in images/ and masks/" in refused(root)
    assert "no such folder" in refused(tmp_path / "none")
    with pytest.raises(ValueError, match="layout: got 'yolo', expected one of folder, voc"):
        LayoutOptions(layout="yolo")
    assert "expected the layout voc" in refused(root, layout="voc")


def test_smooth_edges_of_one_object(tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b", [*range(0, 240, 8), 255])
    for classes in ((), ("crack",)):
        message = refused(root, classes=classes)
        assert "got 31 values in 0..255" in message
        assert "smooth edges" in message


def test_links_to_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    root = tmp_path / "in"
    pairs(tmp_path / "disk", "a b", [0, 1])
    (root / "images").mkdir(parents=True)
    (root / "images/day").symlink_to(tmp_path / "disk/images")
    (root / "images/again").symlink_to(root / "images")
    (root / "masks").symlink_to(tmp_path / "disk/masks")
    _, prepared = converted(root, tmp_path / "out", classes=("road", "sky"))
    assert values_by_name(prepared) == each(("day_a", "day_b"), [0, 1])


def test_two_pictures_whose_names_differ_by_a_letter_are_photos(tmp_path: Path) -> None:
    for name in ("a.png", "a_l.png", "b.png"):
        photo(tmp_path / name)
    assert "got 3 .png, expected photos with masks" in refused(tmp_path)
