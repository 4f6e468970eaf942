"""Segmenter: the test rule against a twin, and the words it answers to."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.stand_ins import (
    StandInStudent,
    StandInTeacher,
    StandInText,
    convolutions,
    random_tensor,
    smooth_photo,
    unit_vectors,
    word_vectors,
)
from tests.stand_ins import random_images as picture
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from clipteacher.inference import DensePrediction, TestSettings, TextClassifier
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.seen_gate import SeenGate
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmentation import NONE, Segmentation
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.segmenter.vocabulary import encode_names
from clipteacher.teachers.openclip import OpenClipText
from clipteacher.teachers.teacher import TextEncoder, ZeroShotTeacher

WIDTH = 8


def own_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, WIDTH, 3, stride=4, padding=1), nn.BatchNorm2d(WIDTH))


def segmenter(student: nn.Module | None = None, **options: Any) -> Segmenter:  # noqa: ANN401
    """A segmenter of three names; further arguments are its own, or fields of `TestSettings`."""
    own = {name: options.pop(name) for name in ("text_spec", "seen", "wanted") if name in options}
    settings = TestSettings(**{"pad_multiple": 16} | options)
    names = ["sky", "cat", "sea"]
    return Segmenter(student or own_network(), names, unit_vectors(3, WIDTH), unseen=["cat"], settings=settings, **own)


def logits_of(model: Segmenter, images: Tensor) -> Tensor:
    return DensePrediction(model.student, images, model.settings).logits(model.classifier)


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (5, 70)])
def test_logits_against_a_twin_pixel_by_pixel(size: tuple[int, int]) -> None:
    model = segmenter().eval()
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(2))
    logits = logits_of(model, image)
    padded = torch.zeros(1, 3, -(-size[0] // 16) * 16, -(-size[1] // 16) * 16)
    padded[:, :, : size[0], : size[1]] = image
    features = model.student(padded)[0]
    small = torch.stack([sum(t[c] * features[c] for c in range(WIDTH)) for t in model.text_features])
    full = F.interpolate(small[None], size=padded.shape[2:], mode="bilinear", align_corners=False)
    assert logits.shape == (1, 3, *size)
    assert torch.allclose(logits, full[:, :, : size[0], : size[1]], atol=1e-5)
    assert torch.equal(ids_of(model, image[0]), logits[0].argmax(0))


def test_segment_is_in_eval_mode_whatever_the_mode_was() -> None:
    model, image = segmenter().train(), torch.rand(3, 16, 16)
    before = {name: tensor.clone() for name, tensor in model.student.state_dict().items()}
    ids = ids_of(model, image)
    assert ids.dtype == torch.int64
    assert not model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.student.state_dict().items())


def test_known_names_need_no_text_tower_and_others_ask_it_once() -> None:
    words = StandInText(WIDTH)
    assert isinstance(words, TextEncoder)
    model = segmenter()
    assert torch.equal(model.with_names(["sea", "sky"]).text_features, model.text_features[[2, 0]])
    other = model.with_names(["owl", "cat", "zebra"], words)
    assert words.asked == [["owl", "zebra"]]
    assert torch.equal(other.text_features[1], model.text_features[1])
    assert other.unseen == ("cat",)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "expected at least one name"),
        ("", "expected at least one name"),
        (["sky", "sky"], "'sky' twice"),
        ("sky, Sky", "'Sky' beside 'sky'"),
        (["sky", " "], "expected letters"),
    ],
)
def test_names_must_be_different_and_there(names: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        segmenter().with_names(names)


def test_a_name_that_nobody_can_encode_is_named() -> None:
    with pytest.raises(ValueError, match=r"\['owl'\].*sky, cat, sea"):
        segmenter().with_names(["owl", "cat"])
    with pytest.raises(ValueError, match="kind 'mine'"):
        encode_names(["owl"], {}, {"kind": "mine"})


class Silent(StandInText):
    """A text tower that nobody may ask."""

    def encode_text(self, names: Sequence[str]) -> Tensor:
        raise AssertionError(f"asked for {list(names)}")


def colours(pad_multiple: int = 32, **options: Any) -> Segmenter:  # noqa: ANN401
    """Red is "rose", green "grass", blue "sky": a pixel's strongest channel is its class."""
    settings = TestSettings(pad_multiple=pad_multiple)
    return Segmenter(nn.Identity(), ["rose", "grass", "sky"], torch.eye(3), settings=settings, **options)


def ids_of(model: Segmenter, image: Tensor) -> Tensor:
    """The ids of a photo, (H, W)."""
    return torch.from_numpy(model.segment(image).labels)


def interpolation(size: int, full: int) -> Tensor:
    """The matrix (full, size) of bilinear interpolation between pixel centres, written out."""
    matrix = torch.zeros(full, size)
    for i in range(full):
        place = max(0.0, (i + 0.5) * size / full - 0.5)
        low = int(place)
        matrix[i, low] += 1 - (place - low)
        matrix[i, min(low + 1, size - 1)] += place - low
    return matrix


@pytest.mark.parametrize(("height", "width"), [(16, 24), (13, 24), (16, 17), (9, 31), (1, 1), (3, 40)])
def test_logits_with_the_interpolation_written_out(height: int, width: int) -> None:
    student, text, images = StandInStudent(5, multiple=8), unit_vectors(3, 5), picture(2, 3, height, width)
    padded = torch.zeros(2, 3, math.ceil(height / 8) * 8, math.ceil(width / 8) * 8)
    padded[:, :, :height, :width] = images
    with torch.no_grad():
        prediction = DensePrediction(student, images, TestSettings(pad_multiple=8))
        logits, features = prediction.logits(TextClassifier(text)), student(padded)
    assert logits.shape == (2, 3, height, width)
    down, across = (interpolation(features.shape[2 + i], padded.shape[2 + i]) for i in range(2))
    for b, n in [(b, n) for b in range(2) for n in range(3)]:
        small = torch.tensor([[float(pixel @ text[n]) for pixel in row] for row in features[b].permute(1, 2, 0)])
        expected = (down @ small @ across.T)[:height, :width]
        torch.testing.assert_close(logits[b, n], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "multiple", "padded"), [((9, 31), 8, (16, 32)), ((8, 16), 8, (8, 16)), ((5, 9), 32, (32, 32))]
)
def test_images_are_padded_no_more_than_needed(size: tuple[int, int], multiple: int, padded: tuple[int, int]) -> None:
    student = StandInStudent(5, multiple=8)
    DensePrediction(student, picture(1, 3, *size), TestSettings(pad_multiple=multiple))
    assert student.sizes == [(1, 3, *padded)]


def test_logits_alone_come_to_full_size() -> None:
    """Features of 64 channels stay at the student's stride: nothing in the whole run is larger than they are there."""
    largest = 0

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
            nonlocal largest
            result = func(*args, **(kwargs or {}))
            if isinstance(result, Tensor):
                largest = max(largest, result.numel())
            return result

    with torch.no_grad(), Watch():  # type: ignore[no-untyped-call]
        prediction = DensePrediction(nn.Conv2d(3, 64, 4, stride=4), picture(1, 3, 128, 128))
        prediction.logits(TextClassifier(random_tensor(2, 64)))
    features = 64 * 32 * 32
    assert 2 * 128 * 128 < features < 64 * 128 * 128
    assert largest == features


@pytest.mark.parametrize("multiple", [1, 7, 32])
def test_ids_are_the_best_names_whatever_the_padding(multiple: int) -> None:
    images = picture(2, 3, 33, 50)
    ids = colours(pad_multiple=multiple)(images)
    assert ids.dtype == torch.int64
    assert torch.equal(ids, images.argmax(dim=1))


def test_segment_gives_the_same_ids_each_time_without_a_gradient() -> None:
    student = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Dropout(0.5))
    segmenter, image = Segmenter(student, ["a", "b", "c"], random_tensor(3, 8)).train(), picture(3, 20, 33)
    ids = ids_of(segmenter, image)
    assert (ids.shape, ids.dtype, ids.device.type) == ((20, 33), torch.int64, "cpu")
    assert not ids.requires_grad
    assert torch.equal(ids_of(segmenter.train(), image), ids)
    assert not any(module.training for module in segmenter.modules())


def test_your_own_network_in_three_lines() -> None:
    student = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(6, 3, 1))
    segmenter = Segmenter(student, ["rose", "grass", "sky"], torch.eye(3))
    assert ids_of(segmenter, picture(3, 30, 41)).shape == (30, 41)


def test_vectors_are_no_weight_and_take_no_gradient() -> None:
    vectors = random_tensor(3, 3).double().requires_grad_()
    segmenter = Segmenter(nn.Identity(), ["a", "b", "c"], vectors)
    assert segmenter.text_features.dtype == torch.float32
    assert not segmenter.text_features.requires_grad
    assert not segmenter.state_dict()


@pytest.mark.parametrize("shape", [(2, 3), (4, 3), (3,), (3, 3, 1)])
def test_vectors_that_do_not_match_the_names(shape: tuple[int, ...]) -> None:
    message = rf"class_names: got 3 names and text features \({', '.join(map(str, shape))},?\), expected \(N, C\)"
    with pytest.raises(ValueError, match=message):
        Segmenter(nn.Identity(), ["a", "b", "c"], torch.zeros(shape))


def test_known_names_ask_neither_the_tower_in_hand_nor_that_of_the_spec() -> None:
    known, image = colours(text_spec={"kind": "none there is"}), picture(3, 12, 17)
    for tower in (Silent(3), None):
        other = known.with_names(["sky", "rose"], tower)
        assert torch.equal(ids_of(other, image), image[[2, 0]].argmax(dim=0))


def test_with_names_shares_the_student_and_leaves_the_first_alone() -> None:
    model = segmenter(text_spec={"kind": "x"})
    before = model.text_features.clone()
    other = model.with_names(["cat", "old mill", "sky"], StandInText(WIDTH))
    assert other.student is model.student
    assert other.text_spec == {"kind": "x"}
    assert other.settings is model.settings
    assert other.unseen == ("cat",)
    assert model.with_names(["sky"]).unseen == ()
    assert model.class_names == ("sky", "cat", "sea")
    assert torch.equal(model.text_features, before)


SLIDE = TestPipeline(short_side=24, mode="slide", crop=16, stride=12)


def test_the_default_is_the_whole_image_at_its_own_size_to_the_bit() -> None:
    """The rule as it was before there were pipelines, written out."""
    model, image = segmenter().eval(), picture(1, 3, 37, 50)
    with torch.no_grad():
        padded = F.pad(image, (0, 14, 0, 11))
        scores = torch.einsum("bchw,nc->bnhw", model.student(padded).float(), model.text_features)
        full = F.interpolate(scores, size=(48, 64), mode="bilinear", align_corners=False)[:, :, :37, :50]
        assert torch.equal(logits_of(model, image), full)
    assert Segmenter(nn.Identity(), ["a"], torch.eye(1)).settings == TestSettings(OWN_SIZE, 32, 2**22, 0.0)
    assert torch.equal(ids_of(model, image[0]), full[0].argmax(dim=0))


def test_an_image_is_segmented_by_the_settings() -> None:
    plain, image = segmenter().eval(), picture(3, 37, 50)
    other = plain.with_settings(pipeline=SLIDE)
    with torch.no_grad():
        expected = DensePrediction(plain.student, image[None], TestSettings(SLIDE, 16)).labels(plain.classifier)[0]
    assert torch.equal(ids_of(other, image), expected)
    assert not torch.equal(ids_of(plain, image), expected)
    assert expected.shape == (37, 50)


def test_with_settings_shares_the_student_and_leaves_the_first_alone() -> None:
    model = segmenter(text_spec={"kind": "x"}, max_logits=99, seen=["sky", "sea", "owl"])
    other = model.with_settings(pipeline=SLIDE, calibration=0.3)
    assert other.student is model.student
    assert torch.equal(other.text_features, model.text_features)
    assert model.settings == TestSettings(OWN_SIZE, 16, 99)
    assert other.settings == TestSettings(SLIDE, 16, 99, 0.3)
    for name in ("class_names", "seen", "unseen", "text_spec", "text_cache"):
        assert getattr(other, name) == getattr(model, name), name
    assert model.bias is None
    assert other.bias is not None
    torch.testing.assert_close(other.bias, torch.tensor([-0.3, 0.0, -0.3]))
    assert other.with_names(["sea"]).settings == other.settings
    assert model.with_settings().settings == model.settings


def test_settings_that_do_not_exist_or_are_out_of_their_range() -> None:
    with pytest.raises(TypeError, match="gamma"):
        segmenter().with_settings(gamma=0.3)
    with pytest.raises(ValueError, match="max_logits: got 0, expected a whole number"):
        segmenter().with_settings(max_logits=0)


def test_fewer_logits_at_once_change_no_label() -> None:
    plain, image = segmenter(), picture(3, 37, 50)
    assert torch.equal(ids_of(plain.with_settings(max_logits=400), image), ids_of(plain, image))


def test_wanted_names_stay_whatever_it_answers_to() -> None:
    model = segmenter(wanted=["cat", "red barn"])
    assert model.wanted == ("cat", "red barn")
    assert segmenter().wanted == ()
    for other in (model.with_names(["sea", "sky"]), model.with_settings(calibration=0.5)):
        assert other.wanted == ("cat", "red barn")
    assert model.with_names(["sea", "cat"]).unseen == ("cat",)
    calibrated = segmenter(wanted=["cat"], calibration=0.5)
    assert calibrated.bias is not None
    assert calibrated.bias.tolist() == [-0.5, 0, -0.5], "wanted names have no masks, and keep their logits"


def test_a_name_that_is_seen_and_wanted() -> None:
    with pytest.raises(ValueError, match=r"seen: got \['sea'\] as seen and as unseen, expected each name in one"):
        segmenter(wanted=["sea"])


def test_a_name_that_is_seen_and_unseen() -> None:
    with pytest.raises(ValueError, match=r"seen: got \['cat'\] as seen and as unseen, expected each name in one"):
        segmenter(seen=["sky", "cat"])


@pytest.mark.parametrize("settings", [TestSettings(), TestSettings(SLIDE, pad_multiple=8, calibration=0.2)])
def test_photos_of_8_bits_and_of_floating_point_give_the_same_ids(settings: TestSettings) -> None:
    model, pixels = segmenter().eval(), photo_of(37, 50)
    model = Segmenter(model.student, model.class_names, model.text_features, settings=settings).eval()
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    with torch.no_grad():
        ids = model(images)
        assert torch.equal(model(images.float() / 255), ids)
    assert np.array_equal(model.segment(pixels).labels, ids[0])
    assert np.array_equal(model.segment(pixels.astype(np.float32) / 255).labels, ids[0])


def test_a_teacher_by_itself_is_a_segmenter() -> None:
    teacher, names, settings = StandInTeacher(WIDTH), ["sky", "cat"], TestSettings(SLIDE, 8)
    model = Segmenter.from_teacher(teacher, names, settings=settings).eval()
    assert (model.class_names, model.seen, model.unseen, model.settings) == (("sky", "cat"), (), (), settings)
    image = picture(3, 37, 50)
    with torch.no_grad():
        prediction = DensePrediction(ZeroShotTeacher(teacher), image[None], settings)
        expected = prediction.labels(TextClassifier(word_vectors(names, WIDTH)))[0]
    assert torch.equal(ids_of(model, image), expected)
    assert not model.state_dict(), "the teacher is no weight of it"
    assert model.with_settings(calibration=0.3).bias is None, "it saw no class more than another"


def test_the_photo_is_kept_to_draw_on() -> None:
    pixels = photo_of(40, 50)
    found = segmenter().segment(pixels)
    assert found.photo is not None
    assert np.array_equal(found.photo, pixels)
    drawn = np.asarray(found.plot(opacity=0.0))
    assert np.array_equal(drawn[:40, :50], pixels)


def test_one_string_is_read_as_on_a_command_line() -> None:
    text = "sky; 'owl, barn',"
    assert colours().with_names(text, StandInText(3)).class_names == ("sky", "owl, barn")
    model, image = segmenter(), picture(3, 37, 50)
    listed = model.segment(image, ["sea", "cat"], background_prompts=["sky"])
    typed = model.segment(image, "[sea, cat]", background_prompts="sky")
    assert typed.class_names == ("sea", "cat")
    assert np.array_equal(typed.labels, listed.labels)
    assert model.to_closed_set("sea").class_names == ("sea",)
    with pytest.raises(ValueError, match=r"looks like a file's name"):
        model.segment(image, "words.txt")


def test_names_of_the_model_itself_are_strings_in_a_list() -> None:
    for names in ("sky", ["sky", 3]):
        with pytest.raises(TypeError, match=r"class_names: got .*, expected a list of names"):
            Segmenter(nn.Identity(), names, torch.eye(3)[: len(names)])  # type: ignore[arg-type]


@pytest.mark.parametrize("names", [["owl"], ["rose", "owl"]])
def test_a_text_tower_of_another_width(names: list[str]) -> None:
    with pytest.raises(ValueError, match=str(WIDTH)):
        colours().with_names(names, StandInText(WIDTH))


def photo_of(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(256, size=(*shape, 3), dtype=np.uint8)


def test_a_path_a_picture_an_array_and_a_tensor_are_one_photo(tmp_path: Path) -> None:
    model, pixels = segmenter(), photo_of(37, 50)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    expected = ids_of(model, torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float() / 255)
    for photo in (
        tmp_path / "photo.png",
        str(tmp_path / "photo.png"),
        Image.fromarray(pixels),
        pixels,
        pixels.astype(np.float32) / 255,
        torch.from_numpy(pixels).permute(2, 0, 1),
    ):
        found = model.segment(photo)
        assert isinstance(found, Segmentation)
        assert found.labels.dtype == np.int64
        assert found.class_names == model.class_names
        assert found.logits is None
        assert np.array_equal(found.labels, expected)


def test_logits_on_demand_at_the_photos_size() -> None:
    model, image = segmenter(), picture(3, 37, 50)
    found = model.segment(image, return_logits=True)
    expected = logits_of(model, image[None])[0]
    assert found.logits is not None
    assert found.logits.dtype == np.float32
    assert found.logits.shape == (3, 37, 50)
    assert np.array_equal(found.logits, expected.detach().numpy())
    assert np.array_equal(found.labels, found.logits.argmax(axis=0))


def test_names_in_the_call_are_those_of_with_names() -> None:
    model, image = segmenter(), picture(3, 37, 50)
    found = model.segment(image, ["sea", "sky"])
    assert found.class_names == ("sea", "sky")
    assert np.array_equal(found.labels, ids_of(model.with_names(["sea", "sky"]), image))
    assert model.class_names == ("sky", "cat", "sea")


def cosines(model: Segmenter, image: Tensor) -> Tensor:
    """Cosine of each pixel to each name (N, H, W), with the length interpolated as the logits are."""
    with torch.no_grad():
        padded = F.pad(image[None], (0, -image.shape[2] % 16, 0, -image.shape[1] % 16))
        features = model.student(padded)
        scores = torch.einsum("bchw,nc->bnhw", features, model.text_features)
        both = torch.cat([scores, features.norm(dim=1, keepdim=True)], dim=1)
        full = F.interpolate(both, size=padded.shape[2:], mode="bilinear", align_corners=False)[0]
    full = full[:, : image.shape[1], : image.shape[2]]
    return full[:-1] / full[-1]


@pytest.mark.parametrize("threshold", [-1.0, -0.2, 0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("logits", [False, True])
def test_none_is_where_no_cosine_reaches_the_threshold(threshold: float, logits: bool) -> None:
    model, image = segmenter().eval(), picture(3, 37, 50)
    best, expected = cosines(model, image).max(dim=0)
    found = model.segment(image, threshold=threshold, return_logits=logits)
    clear = ((best - threshold).abs() > 1e-4).numpy()
    assert clear.mean() > 0.98
    assert np.array_equal(found.labels[clear], expected.masked_fill(best < threshold, NONE).numpy()[clear])
    assert found.none_area + sum(found.areas.values()) == pytest.approx(1)
    assert found.logits is None or found.logits.shape[0] == 3


def test_a_threshold_goes_with_windows_few_logits_at_once_and_many_names() -> None:
    """More names than channels: features are held, and classified a few names at a time."""
    names, vectors = [f"w{i}" for i in range(20)], unit_vectors(20, WIDTH)
    for pipeline in (OWN_SIZE, SLIDE):
        models = [
            Segmenter(own_network(), names, vectors, settings=TestSettings(pipeline, 16, most)) for most in (2**22, 900)
        ]
        whole, pieces = (model.segment(picture(3, 37, 50), threshold=0.5).labels for model in models)
        assert 0.1 < (whole == NONE).mean() < 0.9
        assert (whole == pieces).mean() > 0.999


def test_words_that_compete_are_none_of_the_names() -> None:
    model, image = segmenter(), picture(3, 37, 50)
    own = ids_of(model, image).numpy()
    found = model.segment(image, ["sea"], background_prompts=["sky", "cat"])
    assert found.class_names == ("sea",)
    assert np.array_equal(found.labels, np.where(own == 2, 0, NONE))
    same = model.segment(image, ["sea"], background_prompts=model.class_names)
    assert np.array_equal(same.labels, found.labels), "names are names"
    alone = model.segment(image, background_prompts=model.class_names)
    assert np.array_equal(alone.labels, own), "nobody is left to compete"
    both = model.segment(image, ["sea"], background_prompts=model.class_names, threshold=0.5)
    assert np.array_equal(both.labels, np.where(model.segment(image, threshold=0.5).labels == 2, 0, NONE))
    shouted = model.segment(image, ["sea", "sky"], background_prompts=["SKY"])
    assert np.array_equal(shouted.labels, model.segment(image, ["sea", "sky"]).labels), "case makes no other word"
    for wrong, said in ((["owl"], "classes: "), (["sky", " "], "background_prompts: "), ("sky,,cat", "got '' after")):
        with pytest.raises(ValueError, match=said):
            model.segment(image, ["sea"], background_prompts=wrong)


@pytest.mark.parametrize("threshold", [1.01, -2, math.nan, math.inf])
def test_a_threshold_that_is_no_cosine(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"threshold: got .*, expected a cosine, -1\.\.1"):
        segmenter().segment(picture(3, 8, 8), threshold=threshold)


def test_a_batch_of_many_sizes_is_each_photo_by_itself() -> None:
    model = segmenter()
    photos = [photo_of(*size, seed=i) for i, size in enumerate([(20, 30), (20, 30), (9, 14), (20, 30), (1, 1)])]
    sizes: list[int] = []
    model.student.register_forward_hook(lambda _, images, __: sizes.append(len(images[0])))
    for batch_size, expected in ((8, [2, 1, 1, 1]), (1, [1] * 5), (2, [2, 1, 1, 1]), (3, [2, 1, 1, 1])):
        sizes.clear()
        found = model.segment_batch(iter(photos), ["sea", "cat"], batch_size=batch_size, return_logits=True)
        assert sizes == expected
        for each, photo in zip(found, photos, strict=True):
            alone = model.segment(photo, ["sea", "cat"], return_logits=True)
            assert each.class_names == ("sea", "cat")
            assert each.logits is not None
            assert alone.logits is not None
            assert np.abs(each.logits - alone.logits).max() < 1e-5
            assert np.array_equal(each.labels, each.logits.argmax(axis=0))
    assert model.segment_batch([]) == []


def test_large_photos_go_through_the_network_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipteacher.segmenter.photo_batches.MOST_PIXELS", 2 * 20 * 30 + 1)
    model, shapes = segmenter(), list[tuple[int, ...]]()
    model.student.register_forward_hook(lambda _, images, __: shapes.append(tuple(images[0].shape)))
    photos = [photo_of(20, 30, seed=i) for i in range(5)]
    found = model.segment_batch(photos)
    assert [shape[0] for shape in shapes] == [2, 2, 1]
    for each, photo in zip(found, photos, strict=True):
        assert np.array_equal(each.labels, model.segment(photo).labels)
    shapes.clear()
    model.with_settings(pipeline=TestPipeline(short_side=40, mode="whole")).segment_batch(photos)
    assert shapes == [(1, 3, 48, 64)] * 5, "the size that the network sees counts, where it is larger"


def test_a_batch_that_is_one_photo_or_has_no_size() -> None:
    ones: list[Any] = [
        photo_of(4, 5),
        "photo.png",
        Path("photo.png"),
        picture(3, 4, 5),
        Image.fromarray(photo_of(4, 5)),
    ]
    for one in ones:
        with pytest.raises(TypeError, match=r"photos: got one .*Write \[photo\]"):
            segmenter().segment_batch(one)
    with pytest.raises(ValueError, match="batch_size: got 0"):
        segmenter().segment_batch([photo_of(4, 5)], batch_size=0)


def text_segmenter(tiny_clip: tuple[Path, Path]) -> Segmenter:
    """A segmenter whose words go through a real text tower, with a context of 16 tokens."""
    spec = OpenClipText(*map(str, tiny_clip)).spec()
    vectors = unit_vectors(2, 16)
    return Segmenter(nn.Conv2d(3, 16, 4, stride=4), ["sky", "sea"], vectors, text_spec=spec)


WORDS: dict[str, tuple[Any, str | None]] = {
    "one": (["barn"], None),
    "emoji": (["🐈‍⬛", "👩🏽‍🚒"], None),
    "other scripts": (["木", "Straße", "кот"], None),
    "HTML": (["<b>cat</b>", "<svg/onload>"], None),
    "braces": (["{}", "{0}", "%s"], None),
    "quotes": (["'; DROP TABLE--", '"'], None),
    "case": (["Sky", "SEA"], None),
    "case alone": (["Sky", "sky"], "'sky' beside 'Sky'"),
    "spaces alone": (["sky", "sky "], "'sky' twice"),
    "signs": (["!", "?", "..."], None),
    "right to left": (["قط", "כלב"], None),
    "turned round": (["\u202egnp"], r"'\\u202e', which turns the direction of writing"),
    "none": ([], "at least one name"),
    "twice": (["cat", "dog", "cat"], "'cat' twice, at positions 0 and 2"),
    "blank": (["cat", " \t"], r"' \\t' at position 1 as a word"),
    "no word": (["cat", None], "got None at position 1, expected a word"),
    "number": ([7], "got 7 at position 0, expected a word"),
    "a set": ({"cat"}, "got {'cat'}, expected a list of words"),
    "escape": (["\x1b[2Jcat"], r"control character '\\x1b'"),
    "line break": (["old\nchair"], r"control character '\\n'"),
    "NUL": (["cat\0"], r"control character '\\x00'"),
    "half a pair": (["\ud83d"], r"control character '\\ud83d'"),
    "line separator": (["a\u2028b"], r"control character '\\u2028'"),
    "190 words": ([" ".join(["very"] * 190) + " old chair"], r"'a photo of a very .* old chair', .*at most 16 tokens"),
    "1,000 letters": (["x" * 1_000], "longer than the text tower reads"),
    "10,000 letters": (["x" * 10_000], "of 10000 letters, expected at most 1000"),
}


@pytest.mark.parametrize("kind", WORDS)
def test_odd_words_are_words_or_a_clear_error_and_the_segmenter_goes_on(
    kind: str, tiny_clip: tuple[Path, Path]
) -> None:
    names, said = WORDS[kind]
    model, photo = text_segmenter(tiny_clip), photo_of(9, 13)
    before = model.segment(photo).labels
    if said is None:
        found = model.segment(photo, names)
        assert found.class_names == tuple(names)
        assert list(found.areas) == names
        tower = OpenClipText(*map(str, tiny_clip))
        expected = model.with_names(names, tower)
        torch.testing.assert_close(model.with_names(names).text_features, expected.text_features)
    else:
        with pytest.raises((TypeError, ValueError), match=said):
            model.segment(photo, names)
    assert np.array_equal(model.segment(photo).labels, before)


@pytest.mark.parametrize(
    "photo", [None, "", "no.png", b"", np.zeros((0, 3)), np.full((2, 2, 3), np.nan), torch.zeros(2, 2), [[1]], 1.5]
)
def test_a_bad_photo_changes_nothing_for_the_next(photo: Any) -> None:  # noqa: ANN401
    model = segmenter()
    before = ids_of(model, picture(3, 20, 30))
    with pytest.raises((TypeError, ValueError), match=r"photo: got|cannot be read"):
        model.segment(photo)
    with pytest.raises((TypeError, ValueError), match=r"photo: got|cannot be read"):
        model.segment_batch([photo_of(4, 5), photo])
    assert torch.equal(ids_of(model, picture(3, 20, 30)), before)


def test_a_new_word_builds_the_tower_once_for_all_segmenters_of_a_model(
    tiny_clip: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model, photo = text_segmenter(tiny_clip), photo_of(9, 13)
    built: list[Any] = []

    def build(spec: object) -> TextEncoder:
        built.append(spec)
        return StandInText(16)

    monkeypatch.setattr("clipteacher.segmenter.text_cache.build_text_encoder", build)
    for names in (["owl"], ["owl", "sky"], ["mill", "owl"]):
        model.segment(photo, names)
    model.with_names(["sky"]).with_settings(pipeline=SLIDE).segment(photo, ["owl", "barn"])
    assert built == [model.text_spec]
    again = text_segmenter(tiny_clip)
    again.segment(photo, ["owl", "mill", "barn", "sky"])
    assert built == [model.text_spec], "read from disk"
    off = Segmenter(again.student, again.class_names, again.text_features, text_spec=again.text_spec, text_cache=False)
    off.segment(photo, ["owl"])
    assert len(built) == 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_another_floating_point_is_converted(dtype: torch.dtype) -> None:
    """numpy divides into float64: no reason to refuse it."""
    model, image = segmenter(), picture(3, 20, 30).to(dtype)
    assert torch.equal(ids_of(model, image), ids_of(model, image.float()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype: torch.dtype) -> None:
    """`half()` and its like: the same names as with 32 bits but where two are about as good."""
    model = Segmenter(convolutions(8), ["a", "b", "c"], unit_vectors(3, 8), settings=TestSettings(calibration=0.01))
    photo = smooth_photo(40, 52)
    plain, fused = model.segment(photo).labels, model.to_closed_set().segment(photo).labels
    model.to(dtype)
    assert model.text_features.dtype == next(model.student.parameters()).dtype == dtype
    assert np.mean(model.segment(photo).labels == plain) > 0.97
    assert (model(photo[None])[0].numpy() == plain).mean() > 0.97
    assert (model((photo[None] * 255).to(torch.uint8))[0].numpy() == plain).mean() > 0.97
    closed = model.to_closed_set()
    assert next(closed.network.parameters()).dtype == dtype
    assert np.mean(closed.segment(photo).labels == fused) > 0.97
    assert (closed(photo[None])[0].numpy() == fused).mean() > 0.97


def test_names_in_both_forms_of_unicode_are_one() -> None:
    """The same name, of which one is typed as two signs: no text tower is asked, and it counts as seen."""
    split, joined = "Ba\N{COMBINING DIAERESIS}ume", "B\N{LATIN SMALL LETTER A WITH DIAERESIS}ume"
    model = Segmenter(convolutions(8), [split, "cat"], unit_vectors(2, 8), settings=TestSettings(calibration=0.5))
    assert model.class_names == model.with_names([joined, "cat"]).class_names == (joined, "cat")
    assert model.with_names([split, "cat"]).seen == (joined, "cat")
    found, same = (model.segment(smooth_photo(20, 24), ["cat", name]) for name in (split, joined))
    assert found.class_names == same.class_names == ("cat", joined)
    assert np.array_equal(found.labels, same.labels)
    alone = model.segment(smooth_photo(20, 24), ["cat"], background_prompts=[split])
    assert np.array_equal(alone.labels == NONE, found.labels == 1)
    with pytest.raises(ValueError, match="twice, at positions 0 and 1"):
        model.with_names([split, joined])


def gated(**options: Any) -> Segmenter:  # noqa: ANN401
    direction = torch.randn(WIDTH, generator=torch.Generator().manual_seed(5))
    return segmenter(**options).with_gate(SeenGate(direction, offset=-0.2, separation=1.2)).eval()


@pytest.mark.parametrize("calibration", [0.0, 0.3])
def test_a_gate_is_added_to_the_logits_of_seen_names(calibration: float) -> None:
    plain, model = segmenter().eval(), gated(calibration=calibration)
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    (features,) = DensePrediction(model.student, images, model.settings).features
    gate = model.gate
    assert gate is not None
    added = torch.einsum("bchw,c->bhw", features, gate.direction) + gate.offset - calibration
    stride = TextClassifier(plain.text_features).logits(features)
    expected = stride + added.unsqueeze(1) * torch.tensor([1.0, 0.0, 1.0]).view(1, 3, 1, 1)
    assert torch.allclose(model.classifier.logits(features), expected, atol=1e-5)
    assert plain.gate is None, "the first is left alone"
    assert model.with_gate(None).classifier.bias is None or calibration


def test_a_gate_stays_whatever_it_answers_to() -> None:
    model, image = gated(), photo_of(30, 40)
    all_three = model.segment(image, return_logits=True).logits
    assert all_three is not None
    fewer = model.with_names(["cat"]).with_names(["cat"])
    assert fewer.gate is model.gate
    assert torch.equal(fewer.text_features[0], model.text_features[1])
    asked = model.segment(image, ["sea"], background_prompts=["sky", "cat"], return_logits=True).logits
    assert asked is not None
    assert np.allclose(asked[0], all_three[2], atol=1e-5)
    assert model.with_settings(calibration=0.1).gate is model.gate


def test_a_gate_is_fused_and_kept(tmp_path: Path) -> None:
    model, image = gated(calibration=0.1), photo_of(64, 64)
    expected = model.segment(image).labels
    assert not np.array_equal(expected, model.with_gate(None).segment(image).labels), "it changes something"
    assert (model.to_closed_set().segment(image).labels == expected).mean() > 0.999
    model.save_pretrained(tmp_path / "model")
    again = Segmenter.from_pretrained(tmp_path / "model", student=own_network())
    assert again.gate is not None
    assert model.gate is not None
    assert torch.equal(again.gate.numbers, model.gate.numbers)
    assert np.array_equal(again.segment(image).labels, expected)
