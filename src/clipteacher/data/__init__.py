"""Reading data sets, one's own and those of the protocols as released; checking, augmenting and batching them."""

from clipteacher.data.augment import Augment
from clipteacher.data.dataset import FolderDataset, Sample, SegmentationDataset
from clipteacher.data.file_source import FileSource
from clipteacher.data.files import DataError, Record, read_image
from clipteacher.data.folder import FolderSource, list_folder, read_class_names
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
]
