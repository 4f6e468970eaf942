"""The teacher cache: tokens of crops from tokens of photos, kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from clipteacher.data.crop_box import CropBox
from clipteacher.data.files import DataError, read_image
from clipteacher.teacher_cache.crop import crop_tokens
from clipteacher.teacher_cache.fingerprint import teacher_fingerprint
from clipteacher.teacher_cache.photo import PhotoTokens, photo_tokens
from clipteacher.teacher_cache.store import TokenStore
from clipteacher.teachers.teacher import Teacher, TeacherTokens

# Another number forgets what earlier versions have kept.
_VERSION: Final = 1


@dataclass(frozen=True)
class TeacherCacheConfig:
    """Options of the teacher cache. It is no part of the paper's method: it trades exactness for time.

    Attributes:
        folder: Where tokens are kept; runs, and processes of a run, may share it.
        gigabytes: Room for the folder, in units of 10^9 bytes; when it is full, further photos are not kept.
        parts: The teacher sees each photo whole; with n > 1 its dense tokens are those of n × n overlapping parts,
            which are finer, and each part has a CLS token of its own. That costs n² + 1 forwards a photo, once.
        short_side: Shorter side in pixels in which a photo goes to the teacher (which may resize it again); None is its
            own size.

    Raises:
        ValueError: A option is out of its range.
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
    """Gives the teacher's tokens of training crops without asking the teacher again for a photo that it has seen.

    Entries are found by the teacher (its class, settings and weights), by these options and by the photo (its path,
    size and time of change). They are kept in half precision and used so from the first time on: a step does not
    depend, by a bit, on what was on disk before it.

    Deviation: pseudo labels are not kept. They depend on the crop and on its batch, whose mean token is taken off, and
    K-means costs little beside a teacher's forward.

    Args:
        teacher: The teacher; it is hashed at first use, so move it to its device and precision before.
        config: The options.
    """

    def __init__(self, teacher: Teacher, config: TeacherCacheConfig) -> None:
        self.teacher = teacher
        self.config = config
        self._store: TokenStore | None = None
        self._black: dict[tuple[int, int], TeacherTokens] = {}

    @property
    def store(self) -> TokenStore:
        """The files; opened at first use.

        Raises:
            ValueError: The folder cannot be used.
        """
        if self._store is None:
            config = self.config
            depends_on = [_VERSION, teacher_fingerprint(self.teacher), config.parts, config.short_side]
            self._store = TokenStore(config.folder, _hash(depends_on), config.gigabytes)
        return self._store

    @torch.no_grad()
    def tokens(self, images: Tensor, places: Sequence[CropBox]) -> TeacherTokens:
        """Give the teacher's tokens of a batch of crops.

        Args:
            images: (B, 3, H, W), the crops; of them only their size and device are looked at.
            places: Where they lie in their photos.

        Returns:
            CLS (B, C) and dense tokens (B, C, h', w'), float32, on the images' device; h' and w' as the teacher gives
            them for images of that size.

        Raises:
            DataError: A photo cannot be read.
            ValueError: A sample comes from no photo, or the folder cannot be used.
        """
        size = (images.shape[2], images.shape[3])
        if size not in self._black:
            with torch.autocast(images.device.type, enabled=False):
                self._black[size] = self.teacher.encode_image(torch.zeros(1, 3, *size, device=images.device))
        photos = [self._photo(place, images.device) for place in places]
        return crop_tokens(photos, places, size, self._black[size], parts=self.config.parts)

    def _photo(self, place: CropBox, device: torch.device) -> PhotoTokens:
        if not place.photo:
            raise ValueError(
                "teacher_cache: got a sample that does not say which photo it is of. Fill in Sample.crop_box, as "
                "SegmentationDataset does, or train without the cache."
            )
        name = photo_name(place.photo)
        found = self.store.read(name)
        if found is None:
            pixels = torch.from_numpy(read_image(place.photo)).to(device).permute(2, 0, 1).float() / 255
            config = self.config
            made = photo_tokens(self.teacher, pixels, parts=config.parts, short_side=config.short_side)
            found = PhotoTokens(made.cls.cpu(), made.dense.cpu())
            self.store.write(name, found)
        return found


def photo_name(path: str | Path) -> str:
    """Name a photo by its path, its size and the time of its last change.

    Raises:
        DataError: There is no such file.
    """
    try:
        found = Path(path).stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be found any more ({error}). Put it back and add --resume.") from error
    return _hash([str(Path(path).absolute()), found.st_size, found.st_mtime_ns])


def _hash(value: list[object]) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
