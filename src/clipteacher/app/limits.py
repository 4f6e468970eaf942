"""Limits of the page, so that one visitor cannot fill the machine."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """Limits of the page.

    Attributes:
        megabytes: Size of an uploaded file.
        megapixels: Pixels of a photo, in millions, as read from the file's header before anything is decoded.
        words: Number of words at once.
        letters: Length of a word. A text tower silently cuts off whatever exceeds its context.
        waiting: Jobs in the queue; further visitors are told that it is full. One job runs at a time.
        shown_side: Longer side in pixels of the picture on the page. The ids always have the photo's own size.
        kept_seconds: Uploads and results are deleted after this time, even while the page is running.

    Raises:
        ValueError: A limit is not positive.
    """

    megabytes: float = 20
    megapixels: float = 25
    words: int = 1000
    letters: int = 100
    waiting: int = 16
    shown_side: int = 1024
    kept_seconds: int = 3600

    def __post_init__(self) -> None:
        """Check that each limit is positive."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ValueError(f"{field.name}: got {value}, expected more than 0. The default is {field.default}.")
