"""What several tests of commands share."""

from pathlib import Path

import pytest

from clipteacher.demo.drawn_world import write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small drawn world, for teachers that know it."""
    root = tmp_path_factory.mktemp("world") / "drawn"
    write_world(root, seed=0, train=24, val=1, size=96)
    return root
