"""Wanted names: words that training knows, without masks. The field calls the setting transductive."""

from __future__ import annotations

from collections.abc import Sequence

from clipteacher.protocols.protocol import TRANSDUCTIVE
from clipteacher.protocols.splits import ClassSplit
from clipteacher.protocols.words import folded, read_words


def check_wanted(wanted: Sequence[str] | str, labelled: Sequence[str]) -> tuple[str, ...]:
    """Check names that are wanted beside labelled ones.

    Args:
        wanted: Names that training knows by word alone, as `clipteacher.protocols.words.read_words` takes them.
        labelled: Names that training has masks of.

    Returns:
        The wanted names as a tuple, in their order.

    Raises:
        TypeError, ValueError: As `read_words`.
        ValueError: A name is labelled as well, or differs from a labelled one by case alone, which are two words here
            and one to everybody else.

    Example:
        >>> check_wanted(["cat", "red barn"], labelled=["sky", "tree"])
        ('cat', 'red barn')
    """
    names = read_words(wanted, "wanted")
    known = {folded(name): name for name in labelled}
    for name in names:
        other = known.setdefault(folded(name), name)
        if other == name and name in labelled:
            raise ValueError(f"wanted: got {name!r}, which is labelled, expected names without masks. Leave it out.")
        if other != name:
            raise ValueError(
                f"wanted: got {name!r} beside {other!r}, expected different words: they differ by case or spaces "
                f"alone. Write {other!r}, or leave one out."
            )
    return names


def held_back(names: Sequence[str], unseen: Sequence[str] | str, wanted: Sequence[str] | str) -> ClassSplit:
    """Return the split in which the masks of unseen and of wanted names are held back, so that both can be scored.

    Args:
        names: The classes of the masks.
        unseen: Classes of which training knows neither mask nor name, in a list or one text.
        wanted: Names that training knows by word alone, in the same way; they need not be classes.

    Returns:
        The split: unseen are those of `unseen`, and those of `wanted` that are classes.

    Raises:
        TypeError, ValueError: As `ClassSplit` and `check_wanted`.
        ValueError: A name is both unseen and wanted, or differs from a class by case alone.

    Example:
        >>> held_back(["sky", "tree", "cat"], unseen=[], wanted=["cat", "bicycle"]).unseen
        ('cat',)
    """
    unseen, wanted = read_words(unseen, "unseen"), read_words(wanted, "wanted")
    if both := [name for name in wanted if name in unseen]:
        raise ValueError(
            f"wanted: got {both} as unseen as well, expected each name in one: training knows the words of wanted "
            "names, and nothing of unseen ones. Masks of both are held back. Leave one out."
        )
    # Beside all other classes, unseen ones too: a word that is theirs but for case would tell training of them.
    check_wanted(wanted, [name for name in names if name not in wanted])
    return ClassSplit(tuple(names), (*unseen, *(name for name in wanted if name in names)))


def with_wanted(class_names: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return class names, then the wanted names that are no class: what a model that wanted them answers to.

    Example:
        >>> with_wanted(["sky", "cat"], wanted=["cat", "bicycle"])
        ('sky', 'cat', 'bicycle')
    """
    return (*class_names, *(name for name in wanted if name not in class_names))


def setting_suffix(split: ClassSplit, wanted: Sequence[str]) -> str:
    """Return what the name of your own folder's protocol ends in.

    Scores are comparable only where training knew as much, so the name says it: "" where it knew no word beside the
    labelled ones, "-transductive" where it knew those of all unseen classes, else their number.

    Example:
        >>> split = ClassSplit(["sky", "tree", "cat", "dog"], ["cat", "dog"])
        >>> [setting_suffix(split, wanted) for wanted in ([], ["cat", "dog"], ["cat"])]
        ['', '-transductive', '-transductive-1-of-2']
    """
    if not wanted:
        return ""
    count = sum(name in wanted for name in split.unseen)
    return TRANSDUCTIVE if count == len(split.unseen) else f"{TRANSDUCTIVE}-{count}-of-{len(split.unseen)}"
