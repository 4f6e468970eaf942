"""Reading data sets, one's own and those of the protocols as released; checking, augmenting and batching them.

What is named here is loaded when it is first asked for: reading a photo needs no torchvision, training does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipteacher.data.augment import Augment
    from clipteacher.data.dataset import FolderDataset, Sample, SegmentationDataset
    from clipteacher.data.file_source import FileSource
    from clipteacher.data.files import DataError, Record, read_image
    from clipteacher.data.folder import FolderSource, list_folder, read_class_names
    from clipteacher.data.photo import read_photo
    from clipteacher.data.released import open_source
    from clipteacher.data.sampler import StepBatchSampler
    from clipteacher.data.source import Source

__all__ = [
    "Augment",
    "DataError",
    "FileSource",
    "FolderDataset",
    "FolderSource",
    "Record",
    "Sample",
    "SegmentationDataset",
    "Source",
    "StepBatchSampler",
    "list_folder",
    "open_source",
    "read_class_names",
    "read_image",
    "read_photo",
]

_MODULES = {
    "Augment": "augment",
    "DataError": "files",
    "FileSource": "file_source",
    "FolderDataset": "dataset",
    "FolderSource": "folder",
    "Record": "files",
    "Sample": "dataset",
    "SegmentationDataset": "dataset",
    "Source": "source",
    "StepBatchSampler": "sampler",
    "list_folder": "folder",
    "open_source": "released",
    "read_class_names": "folder",
    "read_image": "files",
    "read_photo": "photo",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever the module holds under that name)
    """Load a name from its module (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
