"""CLIPTeacher: which terms each setting has, what reaches the student, and what of the teacher stays outside."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.stand_ins import StandInStudent, StandInTeacher, word_vectors
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import LossConfig, MethodConfig
from clipteacher.method.distillation import DistillationConfig
from clipteacher.method.framework import IGNORE_INDEX, CLIPTeacher
from clipteacher.method.glm import GLMConfig
from clipteacher.method.losses.classification import pixel_cross_entropy
from clipteacher.method.losses.distillation import dense_distillation
from clipteacher.method.losses.nel import dice, sigmoid_focal
from clipteacher.method.pixel_logits import cross_image_similarity, pixel_logits
from clipteacher.method.plm.module import PLMConfig

WIDTH = 16
SEEN = ("sky", "grass", "house")
# The paper's, for they have every term.
WEIGHTED = MethodConfig.paper().losses
GLM_ON = GLMConfig(bank_size=8)
PLM_ON = PLMConfig(
    windows=(2, 4), iterations=3, fusion_threshold=0.9, prototypes="synthesizer", heads=2, feedforward=16
)
SETTINGS = {
    "supervised": MethodConfig(None, None, WEIGHTED),
    "dense distillation": MethodConfig(None, None, WEIGHTED, DistillationConfig()),
    "GLM": MethodConfig(GLM_ON, None, WEIGHTED),
    "PLM": MethodConfig(None, PLM_ON, WEIGHTED),
    "region pooling": MethodConfig(None, replace(PLM_ON, prototypes="region_pooling"), WEIGHTED),
    "both": MethodConfig(GLM_ON, PLM_ON, WEIGHTED),
}
TERMS = {
    "supervised": {"focal", "dice", "ce"},
    "dense distillation": {"focal", "dice", "ce", "distillation"},
    "GLM": {"glm", "focal", "dice", "ce"},
    "PLM": {"bce", "focal", "dice", "ce"},
    "region pooling": {"focal", "dice", "ce"},
    "both": {"glm", "bce", "focal", "dice", "ce"},
}
WEIGHTS = ("glm", "focal", "dice", "ce", "bce")


def of(method: MethodConfig, wanted: tuple[str, ...] = ()) -> CLIPTeacher:
    torch.manual_seed(0)  # of the synthesizer
    return CLIPTeacher(StandInStudent(WIDTH), StandInTeacher(WIDTH, patch=8), SEEN, method, wanted=wanted)


def build(setting: str = "both", /, **losses: Any) -> CLIPTeacher:  # noqa: ANN401
    method = SETTINGS[setting]
    return of(replace(method, losses=replace(method.losses, **losses)))


def teacher_of(module: CLIPTeacher) -> StandInTeacher:
    assert isinstance(module.teacher, StandInTeacher)
    return module.teacher


def batch(images: int = 3, ignored: str = "some") -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    pictures = torch.rand(images, 3, 8, 8, generator=generator).repeat_interleave(4, 2).repeat_interleave(4, 3)
    labels = torch.randint(3, (images, 8, 8), generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
    if ignored == "some":
        labels[:, 12:, :20] = 255
    elif ignored == "all":
        labels[:] = 255
    return pictures, labels


def gradients(module: CLIPTeacher, losses: dict[str, Tensor]) -> dict[str, Tensor | None]:
    names, parameters = zip(*module.named_parameters(), strict=True)
    total = torch.stack(list(losses.values())).sum()
    return dict(zip(names, torch.autograd.grad(total, parameters, allow_unused=True), strict=True))


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("images", [1, 3])
def test_each_setting_has_its_terms_and_they_reach_the_student(setting: str, images: int) -> None:
    module = build(setting)
    losses = module(*batch(images))
    assert losses.keys() == TERMS[setting]
    for name, loss in losses.items():
        assert loss.shape == ()
        assert loss.isfinite()
        assert loss > 0 or (name, images) == ("glm", 1)  # one image has no negative yet
    for name, gradient in gradients(module, losses).items():
        assert gradient is not None, name
        assert gradient.isfinite().all(), name
        assert (gradient != 0).any(), name


@pytest.mark.parametrize("term", WEIGHTS)
def test_every_term_alone_reaches_the_student(term: str) -> None:
    module = build(**{name: float(name == term) for name in WEIGHTS})
    losses = module(*batch())
    assert losses.keys() == {term}
    gradient = gradients(module, losses)["student.encoder.weight"]
    assert gradient is not None
    assert (gradient != 0).any()


@pytest.mark.parametrize("term", WEIGHTS)
def test_weights_scale_their_term_alone(term: str) -> None:
    plain = build(**dict.fromkeys(WEIGHTS, 1.0))(*batch())
    tripled = build(**dict.fromkeys(WEIGHTS, 1.0) | {term: 3.0})(*batch())
    for name in WEIGHTS:
        torch.testing.assert_close(tripled[name], plain[name] * (3 if name == term else 1))


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("term", WEIGHTS)
def test_a_term_of_weight_zero_is_absent_and_the_others_stay(setting: str, term: str) -> None:
    plain, without = build(setting)(*batch()), build(setting, **{term: 0.0})(*batch())
    assert without.keys() == TERMS[setting] - {term}
    for name, loss in without.items():
        torch.testing.assert_close(loss, plain[name])


def test_the_supervised_baseline_as_its_parts_give_it() -> None:
    module = build("supervised", alpha=2.0)
    images, labels = batch()
    features = module.student(images)
    small = labels[:, 2::4, 2::4].clone()  # blocks of 4 × 4 pixels are alike, so the stride of 4 loses nothing
    small[small == 255] = IGNORE_INDEX
    logits = torch.zeros(3, 3, 8, 8)
    for n, name in enumerate(SEEN):
        logits[:, n] = 2 * (features * word_vectors([name], WIDTH).view(1, WIDTH, 1, 1)).sum(dim=1)
    losses = module(images, labels)
    torch.testing.assert_close(losses["focal"], 100 * sigmoid_focal(logits, small, ignore_index=IGNORE_INDEX).mean())
    torch.testing.assert_close(losses["dice"], dice(logits, small, ignore_index=IGNORE_INDEX).mean())
    torch.testing.assert_close(losses["ce"], pixel_cross_entropy(logits, small, ignore_index=IGNORE_INDEX).mean())


def test_labels_come_to_the_students_stride_by_nearest_neighbour() -> None:
    """What lies off the centres of the student's cells is not looked at."""
    module = build("supervised")
    images, labels = batch()
    centres = torch.zeros(32, 32, dtype=torch.bool)
    centres[2::4, 2::4] = True
    changed = torch.where(centres, labels, 255)
    assert (changed != labels).any()
    plain, other = module(images, labels), module(images, changed)
    assert all(torch.equal(plain[name], other[name]) for name in plain)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("negatives", [True, False])
def test_everything_ignored_stays_finite(setting: str, negatives: bool) -> None:
    module = build(setting, ignored_are_negatives=negatives)
    losses = module(*batch(ignored="all"))
    assert losses.keys() == TERMS[setting]
    assert all(loss.isfinite() for loss in losses.values())
    if module.plm is not None:
        assert losses.get("bce", 0) == 0
        assert losses["ce"] > 0  # the latent ids are all there is to learn
    elif not negatives:
        assert losses["focal"] == losses["dice"] == losses["ce"] == 0
    for name, gradient in gradients(module, losses).items():
        assert gradient is None or gradient.isfinite().all(), name


@pytest.mark.parametrize("setting", SETTINGS)
def test_nothing_ignored_stays_finite(setting: str) -> None:
    module = build(setting)
    losses = module(*batch(ignored="none"))
    assert losses.keys() == TERMS[setting]
    assert all(loss.isfinite() for loss in losses.values())
    assert all(gradient is None or gradient.isfinite().all() for gradient in gradients(module, losses).values())


def test_images_with_different_numbers_of_latent_ids_stay_finite() -> None:
    module = build()
    images, labels = batch()
    labels[0], labels[1] = 255, labels[1].clamp(max=2)
    losses = module(images, labels)
    assert all(loss.isfinite() for loss in losses.values())
    assert all(gradient is None or gradient.isfinite().all() for gradient in gradients(module, losses).values())


@pytest.mark.parametrize("setting", SETTINGS)
def test_nothing_of_the_teacher_is_saved_or_trained(setting: str) -> None:
    module = build(setting).train()
    teacher = teacher_of(module)
    before = {name: tensor.clone() for name, tensor in teacher.tower.network.state_dict().items()}
    allowed = ("student.", "glm.bank.", "plm.synthesizer.")
    assert all(name.startswith(allowed) for name in module.state_dict())
    assert all(name.startswith(allowed) for name, _ in module.named_parameters())
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, weight_decay=0.1)
    torch.autograd.backward(torch.stack(list(module(*batch()).values())).sum())
    optimizer.step()
    assert all(parameter.grad is None for parameter in teacher.tower.network.parameters())
    assert not any(part.training for part in teacher.tower.network.modules())
    for name, tensor in teacher.tower.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert not module.text_features.requires_grad


@pytest.mark.parametrize("setting", SETTINGS)
def test_seen_names_alone_are_encoded_and_once(setting: str) -> None:
    module = build(setting)
    for _ in range(2):
        module(*batch())
    assert teacher_of(module).text.asked == [list(SEEN)]
    assert module.seen == SEEN
    assert torch.equal(module.text_features, word_vectors(SEEN, WIDTH))


@pytest.mark.parametrize(
    ("setting", "runs"),
    [("supervised", 0), ("dense distillation", 1), ("GLM", 1), ("PLM", 1), ("region pooling", 1), ("both", 1)],
)
def test_the_teacher_runs_once_a_step_or_never(setting: str, runs: int) -> None:
    module = build(setting)
    module(*batch())
    assert teacher_of(module).sizes == [(3, 3, 32, 32)] * runs
    assert module.method.needs_teacher == bool(runs)


@pytest.mark.parametrize("setting", SETTINGS)
def test_tokens_that_are_known_spare_the_teacher(setting: str) -> None:
    module, (images, labels) = build(setting), batch()
    tokens = StandInTeacher(WIDTH, patch=8).encode_image(images)
    losses = build(setting)(images, labels)
    given = module(images, labels, tokens)
    assert teacher_of(module).sizes == []
    assert all(torch.equal(given[name], loss) for name, loss in losses.items())


@pytest.mark.parametrize("setting", SETTINGS)
def test_photos_of_8_bits_and_small_labels_give_the_same_losses(setting: str) -> None:
    """uint8 photos and uint8 or int32 masks are what travels between processes."""
    _, labels = batch()
    photos = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8))
    expected = build(setting)(photos.float() / 255, labels)
    for dtype in (torch.uint8, torch.int32):
        found = build(setting)(photos, labels.to(dtype))
        assert all(torch.equal(found[name], loss) for name, loss in expected.items())


def test_a_label_that_is_no_seen_class_is_refused() -> None:
    images, labels = batch()
    labels[1, 2::4, 2::4] = 3
    with pytest.raises(ValueError, match=r"labels: got id 3, expected 0\.\.2 .*or 255 = ignore\. Renumber them with"):
        build()(images, labels)


def test_what_is_kept_is_the_student_with_its_names() -> None:
    module = build()
    plain = module.segmenter()
    assert (plain.class_names, plain.seen, plain.unseen) == (SEEN, SEEN, ())
    assert plain.student is module.student
    average, settings = StandInStudent(WIDTH, seed=1), TestSettings(pad_multiple=16, calibration=0.2)
    kept = module.segmenter(("sky", "sun", "house"), settings=settings, student=average)
    assert kept.student is average
    assert (kept.class_names, kept.seen, kept.unseen) == (("sky", "sun", "house"), SEEN, ("sun",))
    assert torch.equal(kept.text_features, word_vectors(kept.class_names, WIDTH))
    assert kept.settings == settings
    assert kept.bias is not None
    torch.testing.assert_close(kept.bias, torch.tensor([-0.2, 0.0, -0.2]))


def test_a_weight_for_no_seen_class_is_refused() -> None:
    with pytest.raises(ValueError, match=r"losses\.class_weights: got 'sun', expected seen classes"):
        of(replace(SETTINGS["both"], losses=LossConfig(class_weights={"sun": 2.0})))
    with pytest.raises(ValueError, match=r"losses\.class_weights: got 0 for 'sky', expected a number above 0"):
        LossConfig(class_weights={"sky": 0})


def distilled(setting: str = "supervised", /, ignored: str = "some", **options: Any) -> dict[str, Tensor]:  # noqa: ANN401
    method = replace(SETTINGS[setting], distillation=DistillationConfig(**options))
    losses: dict[str, Tensor] = of(method)(*batch(ignored=ignored))
    return losses


def test_dense_distillation_as_its_parts_give_it() -> None:
    images, labels = batch()
    features, dense = build("supervised").student(images), StandInTeacher(WIDTH, patch=8).encode_image(images).dense
    ignored = labels[:, 2::4, 2::4] == 255
    assert torch.equal(distilled(weight=3.0)["distillation"], 3 * dense_distillation(features, dense).mean())
    only = distilled(ignored_only=True)["distillation"]
    assert torch.equal(only, dense_distillation(features, dense, ignored).mean())
    assert only != distilled()["distillation"]
    assert distilled(ignored="none", ignored_only=True)["distillation"] == 0


@pytest.mark.parametrize("setting", ["supervised", "both"])
def test_dense_distillation_is_one_more_term(setting: str) -> None:
    """PLM fills the ignored pixels; what is distilled is what was ignored before."""
    plain, other = build(setting)(*batch()), distilled(setting, ignored_only=True)
    assert other.keys() == plain.keys() | {"distillation"}
    for name, loss in plain.items():
        assert torch.equal(other[name], loss), name
    assert torch.equal(other["distillation"], distilled(ignored_only=True)["distillation"])


def test_dense_distillation_knows_no_class() -> None:
    module, (images, labels) = build("dense distillation"), batch()
    other = torch.where(labels == 255, labels, (labels + 1) % 3)
    assert torch.equal(module(images, labels)["distillation"], module(images, other)["distillation"])
    assert module(images, labels)["ce"] != module(images, other)["ce"]


def test_distillation_of_weight_0_is_no_distillation() -> None:
    module = of(replace(SETTINGS["supervised"], distillation=DistillationConfig(0.0)))
    assert module(*batch()).keys() == TERMS["supervised"]
    assert teacher_of(module).sizes == []
    for weight in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=r"weight: got .*expected 0 or more\. Give 0 to switch distillation off"):
            DistillationConfig(weight)


OPTIONS: dict[str, Any] = dict.fromkeys(WEIGHTS, 0.5) | {"alpha": 3.0, "beta": 2.0, "ignored_are_negatives": False}
OPTIONS |= {"cross_image_negatives": True, "class_weights": {SEEN[0]: 4.0}}
# The terms that an option moves.
MOVES = {name: {name} for name in WEIGHTS} | {key: {"focal", "dice", "ce"} for key in ("alpha", "beta")}
MOVES |= {"cross_image_negatives": {"ce"}, "class_weights": {"ce"}}


def test_every_option_is_tried() -> None:
    assert {field.name for field in fields(LossConfig)} == OPTIONS.keys()


@pytest.mark.parametrize("option", OPTIONS)
def test_each_option_changes_its_terms(option: str) -> None:
    setting = "supervised" if option == "ignored_are_negatives" else "both"  # with PLM nothing is left ignored
    plain, other = build(setting)(*batch()), build(setting, **{option: OPTIONS[option]})(*batch())
    moved = {name for name in plain if not torch.isclose(plain[name], other[name], rtol=1e-4, atol=0)}
    assert moved == MOVES.get(option, {"focal", "dice"})


def test_beta_is_nothing_without_latent_ids() -> None:
    plain, other = build("GLM")(*batch()), build("GLM", beta=2.0)(*batch())
    assert all(torch.equal(plain[name], other[name]) for name in plain)


def test_options_of_glm_and_plm_arrive() -> None:
    module = build()
    assert module.glm is not None
    assert module.plm is not None
    assert module.glm.config is GLM_ON
    assert module.plm.config is PLM_ON
    assert module.glm.bank.tokens.shape == (8, WIDTH)


def test_cross_image_negatives_are_those_of_seen_pixels_alone() -> None:
    """The cross-entropy as its parts give it: one image has latent pixels alone, one has seen ones alone, one both."""
    images, labels = batch()
    labels[0], labels[1] = 255, labels[1].clamp(max=2)
    plain, across = build("PLM"), build("PLM", cross_image_negatives=True)
    seen: dict[str, Any] = {}
    assert across.plm is not None
    hook = across.plm.register_forward_hook(lambda module, arguments, output: seen.update(a=arguments, p=output))
    found = across(images, labels)
    hook.remove()
    features, _, fused, *_ = seen["a"]
    pseudo, valid_mask = seen["p"].pseudo, fused.valid_mask
    logits = pixel_logits(features, across.text_features, pseudo, valid_mask, alpha=1.0, beta=10.0)
    image = torch.tensor([i for i, row in enumerate(valid_mask.tolist()) for occurs in row if occurs])
    others = 10.0 * cross_image_similarity(features, F.normalize(pseudo[valid_mask], dim=1), image)
    others[(fused.labels >= 3).unsqueeze(1).expand_as(others)] = -torch.inf
    expected = pixel_cross_entropy(torch.cat([logits, others], dim=1), fused.labels, ignore_index=IGNORE_INDEX)
    torch.testing.assert_close(found["ce"], expected.mean())
    before = plain(images, labels)
    assert found["ce"] > before["ce"]
    assert all(torch.equal(found[name], before[name]) for name in ("focal", "dice", "bce"))
    # One image alone has no others, and an image of latent pixels alone has no seen ones.
    for some in (slice(0, 1), slice(2, 3)):
        assert torch.equal(across(images[some], labels[some])["ce"], plain(images[some], labels[some])["ce"])


def test_training_lowers_the_loss() -> None:
    module = build(focal=1.0)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    first = last = 0.0
    for step in range(120):
        optimizer.zero_grad()
        loss = torch.stack([loss for name, loss in module(*batch()).items() if name != "glm"]).sum()
        torch.autograd.backward(loss)
        optimizer.step()
        last = loss.item()
        first = first if step else last
    assert last < 0.75 * first


def test_wrong_students_and_teachers() -> None:
    with pytest.raises(ValueError, match="student: got 5 channels, expected 16"):
        CLIPTeacher(nn.Conv2d(3, 5, 1), StandInTeacher(WIDTH), SEEN)
    not_a_teacher: Any = nn.Identity()
    with pytest.raises(TypeError, match="teacher: got Identity without width, encode_image, encode_text, spec"):
        CLIPTeacher(StandInStudent(WIDTH), not_a_teacher, SEEN)
    not_a_student: Any = "resnet50"
    with pytest.raises(TypeError, match=r"student: got str, expected an nn\.Module"):
        CLIPTeacher(not_a_student, StandInTeacher(WIDTH), SEEN)
    with pytest.raises(ValueError, match="seen: got no class, expected at least one name to train on"):
        CLIPTeacher(StandInStudent(WIDTH), StandInTeacher(WIDTH), ())
