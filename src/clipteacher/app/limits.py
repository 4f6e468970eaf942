"""What the page takes and keeps at most, so that one visitor cannot fill the machine."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """Limits of the page.

    Attributes:
        megabytes: Size of an uploaded file.
        megapixels: Pixels of a photo, in millions. It is read from the file's header, before anything is decoded.
        words: Number of words at once.
        letters: Length of a word. A text tower silently cuts off what is longer than its context.
        waiting: Jobs that wait; who comes later is told that the queue is full. One job runs at a time.
        sessions: Browser tabs whose last picture is kept in memory for the opacity slider; the oldest goes first.
        shown_side: Longer side in pixels of the picture on the page; ids are always of the photo's own size.
        kept_seconds: After so long an upload and its results are deleted, even while the page runs on.

    Raises:
        ValueError: A limit is not positive.
    """

    megabytes: float = 20
    megapixels: float = 25
    words: int = 1000
    letters: int = 100
    waiting: int = 16
    sessions: int = 32
    shown_side: int = 1600
    kept_seconds: int = 3600

    def __post_init__(self) -> None:
        """Check that each limit lets something through."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ValueError(f"{field.name}: got {value}, expected more than 0. Leave it out for {field.default}.")
