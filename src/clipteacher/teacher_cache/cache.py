"""The teacher cache: tokens of crops, cut out of tokens of photos that are kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from clipteacher.data.crop_box import CropBox
from clipteacher.data.files import DataError, read_image
from clipteacher.teacher_cache.fingerprint import teacher_fingerprint
from clipteacher.teacher_cache.store import TokenStore
from clipteacher.teacher_cache.tokens import PhotoTokens, crop_tokens, photo_tokens
from clipteacher.teachers.teacher import Teacher, TeacherTokens

# Another number invalidates what earlier versions have kept.
_VERSION: Final = 1


@dataclass(frozen=True)
class TeacherCacheConfig:
    """Options of the teacher cache. It is not part of the paper's method: it trades exactness for time.

    Attributes:
        folder: Folder of the tokens; runs, and processes of a run, may share it.
        gigabytes: Size limit of the folder, in units of 10^9 bytes; when it is full, further photos are not kept.
        parts: With n > 1, dense tokens are those of n × n overlapping parts of each photo, which are finer, and each
            part has a CLS token of its own. This costs n² + 1 forward passes per photo, once.
        short_side: Shorter side in pixels to which a photo is resized for the teacher (which may resize it again); None
            keeps its own size.

    Raises:
        ValueError: An option is out of its range.
    """

    folder: str
    gigabytes: float = 20.0
    parts: int = 1
    short_side: int | None = None

    def __post_init__(self) -> None:
        """Check every option."""
        if not self.folder:
            raise ValueError("teacher_cache.folder: got an empty name, expected a folder")
        if not self.gigabytes > 0:
            raise ValueError(f"teacher_cache.gigabytes: got {self.gigabytes}, expected a number above 0")
        for name, value in (("parts", self.parts), ("short_side", self.short_side)):
            if value is not None and value < 1:
                raise ValueError(f"teacher_cache.{name}: got {value}, expected 1 or more")


class TeacherCache:
    """Returns the teacher's tokens of training crops; each photo goes through the teacher only once.

    Entries depend on the teacher (its class, settings and weights), on these options and on the photo (its path, size
    and modification time). They are in half precision from the first use on, so no bit of a step depends on what was
    on disk before it.

    Deviation: pseudo labels are not kept. They depend on the crop and on its batch, whose mean token is subtracted, and
    K-means costs little compared with a teacher's forward pass.

    Args:
        teacher: The teacher; it is hashed at first use, so move it to its device and precision first.
        config: The options.
    """

    def __init__(self, teacher: Teacher, config: TeacherCacheConfig) -> None:
        self.teacher = teacher
        self.config = config
        self._black: dict[tuple[int, int], TeacherTokens] = {}

    @cached_property
    def store(self) -> TokenStore:
        """The files; opened at first use.

        Raises:
            ValueError: The folder cannot be used.
        """
        config = self.config
        depends_on = [_VERSION, teacher_fingerprint(self.teacher), config.parts, config.short_side]
        return TokenStore(config.folder, _hash(depends_on), config.gigabytes)

    @torch.no_grad()
    def tokens(self, images: Tensor, crop_boxes: Sequence[CropBox]) -> TeacherTokens:
        """Return the teacher's tokens of a batch of crops.

        Args:
            images: (B, 3, H, W), the crops; only their size and device are used.
            crop_boxes: Their positions in their photos.

        Returns:
            CLS (B, C) and dense tokens (B, C, h', w'), float32, on the images' device; h' and w' as the teacher returns
            them for images of that size.

        Raises:
            DataError: A photo cannot be read.
            ValueError: A sample comes from no photo, or the folder cannot be used.
        """
        size = (images.shape[2], images.shape[3])
        if size not in self._black:
            with torch.autocast(images.device.type, enabled=False):
                self._black[size] = self.teacher.encode_image(torch.zeros(1, 3, *size, device=images.device))
        photos = [self._photo(box.photo, images.device) for box in crop_boxes]
        return crop_tokens(photos, crop_boxes, size, self._black[size], parts=self.config.parts)

    def _photo(self, path: str, device: torch.device) -> PhotoTokens:
        if not path:
            raise ValueError(
                "teacher_cache: got a sample that does not name its photo. Set Sample.crop_box, as "
                "SegmentationDataset does, or train without the cache."
            )
        try:
            state = Path(path).stat()
        except OSError as error:
            raise DataError(
                f"{path}: cannot be found any more ({error}). Restore it and continue with --resume."
            ) from error
        name = _hash([str(Path(path).absolute()), state.st_size, state.st_mtime_ns])
        found = self.store.read(name)
        if found is None:
            pixels = torch.from_numpy(read_image(path)).to(device).permute(2, 0, 1).float() / 255
            config = self.config
            made = photo_tokens(self.teacher, pixels, parts=config.parts, short_side=config.short_side)
            found = PhotoTokens(made.cls.cpu(), made.dense.cpu())
            self.store.write(name, found)
        return found


def _hash(value: list[object]) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
