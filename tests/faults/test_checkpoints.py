"""Checkpoints are whole: what a kill, a full disk or a loss of power leaves, and what is gone on from."""

import os
import pickle
import resource
from pathlib import Path
from typing import Any

import pytest
import torch

from clipteacher.training.checkpoints import DAMAGED, LAST, PREVIOUS, WholeCheckpoints, newest_whole, set_aside


def content(step: int) -> dict[str, Any]:
    return {"global_step": step, "state_dict": {"w": torch.arange(50_000.0) + step}}


def write(folder: Path, step: int, name: str = LAST) -> None:
    WholeCheckpoints().save_checkpoint(content(step), folder / name)


def step_of(folder: Path) -> int:
    found = newest_whole(folder)
    assert found is not None
    return int(found[1]["global_step"])


def test_the_one_before_is_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        write(tmp_path / "new", step)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [LAST, PREVIOUS]
    assert step_of(tmp_path / "new") == 3
    (tmp_path / "new" / LAST).unlink()  # as between the two names
    assert step_of(tmp_path / "new") == 2


def test_other_names_keep_no_older_one(tmp_path: Path) -> None:
    write(tmp_path, 1, "best.ckpt")
    write(tmp_path, 2, "best.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["best.ckpt"]


def test_what_the_trainer_reads_is_what_was_written(tmp_path: Path) -> None:
    write(tmp_path, 7)
    read = WholeCheckpoints().load_checkpoint(tmp_path / LAST, weights_only=True)
    assert read["global_step"] == 7
    assert torch.equal(read["state_dict"]["w"], content(7)["state_dict"]["w"])


def test_a_file_that_the_system_refuses_leaves_the_older_ones(tmp_path: Path) -> None:
    """A limit on the size of files is the system's own error while writing, as a full disk is."""
    write(tmp_path, 1)
    write(tmp_path, 2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(tmp_path, 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LAST, PREVIOUS]
    assert step_of(tmp_path) == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zeros_at_the_end(path: Path) -> None:
    """What a file system may leave that knew the length and not yet the content."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))


def a_flipped_byte(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(whole))


def another_content(path: Path) -> None:
    torch.save({"w": torch.zeros(1)}, path)


@pytest.mark.parametrize("spoil", [cut, empty, zeros_at_the_end, a_flipped_byte, another_content])
def test_a_damaged_one_falls_back_to_the_one_before(tmp_path: Path, spoil: Any) -> None:  # noqa: ANN401
    write(tmp_path, 1)
    write(tmp_path, 2)
    spoil(tmp_path / LAST)
    with pytest.warns(UserWarning, match=r"(?s)last\.ckpt cannot be read .*going on from previous\.ckpt"):
        found = newest_whole(tmp_path)
    assert found is not None
    assert found[0].name == PREVIOUS
    set_aside(tmp_path, found[0])
    write(tmp_path, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [DAMAGED, LAST, PREVIOUS]
    assert step_of(tmp_path) == 3
    (tmp_path / LAST).unlink()
    assert step_of(tmp_path) == 1, "the damaged one never took its place"


def test_none_whole_is_an_error_and_none_at_all_is_not(tmp_path: Path) -> None:
    assert newest_whole(tmp_path / "nowhere") is None
    write(tmp_path, 1)
    cut(tmp_path / LAST)
    with pytest.raises(ValueError, match=r"(?s)last\.ckpt cannot be read.*Remove .* to start again"):
        newest_whole(tmp_path)


def test_a_whole_one_is_not_set_aside(tmp_path: Path) -> None:
    write(tmp_path, 1)
    set_aside(tmp_path, tmp_path / LAST)
    assert [path.name for path in tmp_path.iterdir()] == [LAST]


class Code:
    """Runs when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    torch.save({**content(1), "code": Code(mark)}, tmp_path / LAST)
    with pytest.raises(ValueError, match="cannot be read"):
        newest_whole(tmp_path)
    (tmp_path / LAST).write_bytes(pickle.dumps(Code(mark)))
    with pytest.raises(ValueError, match="cannot be read"):
        newest_whole(tmp_path)
    assert not mark.exists()


def test_storage_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="storage_options"):
        WholeCheckpoints().save_checkpoint(content(1), tmp_path / LAST, storage_options={"x": 1})
