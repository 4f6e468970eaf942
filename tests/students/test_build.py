"""From a description to a student."""

import pytest

from clipteacher.students.build import KINDS, build_student
from clipteacher.students.published import PAPER_STUDENTS
from clipteacher.students.smp import SMPStudent


def test_a_kind_finds_its_class() -> None:
    spec = SMPStudent("FPN", "tu-test_efficientnet", 8).spec()
    built = build_student(spec)
    assert type(built) is SMPStudent
    assert built.spec() == spec
    assert spec["kind"] == "smp", "the description is left as it was"


def test_every_kind_of_student_of_the_paper_is_known() -> None:
    """That each class writes its own kind is shown in test_published.py."""
    students = {paper.student for paper in PAPER_STUDENTS} | {SMPStudent}
    assert {f"{each.__module__}.{each.__qualname__}" for each in students} == set(KINDS.values())


@pytest.mark.parametrize("spec", [{"kind": "hf"}, {}, {"kind": None}, {"kind": "SMP"}])
def test_an_unknown_kind(spec: dict[str, object]) -> None:
    message = (
        rf"kind {spec.get('kind')!r}, expected one of smp, segnext, segformer, swin_upernet, deeplabv3plus\. Update"
    )
    with pytest.raises(ValueError, match=message):
        build_student(spec)


def test_an_unknown_argument_names_the_kind() -> None:
    with pytest.raises(ValueError, match=r"kind 'segnext' cannot be built: .*'depth'"):
        build_student({"kind": "segnext", "depth": 3})


def test_a_refused_value_says_what_is_expected() -> None:
    with pytest.raises(ValueError, match="SegFormer of size 'b9', expected one of b0, b1"):
        build_student({"kind": "segformer", "size": "b9"})
